"""Leads clients that insist on hosts in the cloud to a server on this machine; a CONNECT proxy.

Each tunnel ends in TLS under a certificate made for these hosts and this run. Requests pass unchanged except for their
header Host, which names the server; X-Forwarded-Host keeps the cloud's. Answers pass unchanged. The proxy refuses every
other host, and ``requested_hosts`` shows which hosts a client asked for.
"""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseServer, ThreadingTCPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from devstack.machine import certificates

_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"}


class _Tunnelled(BaseHTTPRequestHandler):
    """Forwards the requests in one tunnel to the server."""

    protocol_version = "HTTP/1.1"

    def __init__(self, connection: ssl.SSLSocket, client: Any, server: BaseServer, target: str) -> None:
        self._target = target
        super().__init__(connection, client, server)  # type: ignore[arg-type]

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        onward = HTTPConnection(self._target, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        headers["X-Forwarded-Host"] = self.headers.get("Host", "")
        onward.request(self.command, self.path, body or None, headers)
        answer = onward.getresponse()
        content = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        onward.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxy(ThreadingTCPServer):
    """Leads ``hosts`` to the server at ``target``; ``requested_hosts`` lists every host that clients asked for."""

    daemon_threads = True

    def __init__(self, hosts: Sequence[str], target: str, folder: Path) -> None:
        self.requested_hosts: list[str] = []
        self.hosts, self.target = hosts, urlsplit(target).netloc
        self.certificate, private_key = certificates.make(folder, *hosts)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, private_key)
        super().__init__(("127.0.0.1", 0), _Connect)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Connect(BaseHTTPRequestHandler):
    """Answers a client's request for a tunnel."""

    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.requested_hosts.append(self.path)
        if self.path not in [f"{host}:443" for host in self.server.hosts]:
            self.send_error(403, "This proxy does not lead there")
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        with self.server.tls.wrap_socket(self.connection, server_side=True) as connection:
            _Tunnelled(connection, self.client_address, self.server, self.server.target)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running(hosts: Sequence[str], target: str, folder: Path) -> Iterator[Proxy]:
    """Run a proxy; its ``certificate``, which clients must trust, is written to ``folder``."""
    with Proxy(hosts, target, folder) as proxy:
        thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
