"""Serves whatever a test says over real HTTP, and builds the client that talks to it."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from azure.core.credentials import AccessToken

from devstack.machine import certificates
from shared.business_central.client import BusinessCentral
from shared.business_central.http import HttpClient, Timeouts
from tests.support.local_stack import Clock

Answer = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers as ``answer`` says; remembers each request's path, connection and Authorization header."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str], Answer], port: int = 0) -> None:
        self.seen: list[tuple[str, int, str | None]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen.append((self.path, self.client_address[1], self.headers.get("Authorization")))
                status, headers, body = answer(self.path)
                self.send_response_only(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PATCH = _any  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(answer: Callable[[str], Answer], port: int = 0, tls: Path | None = None) -> Iterator[Server]:
    server = Server(answer, port)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificates.make(tls))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Credential:
    """Stands for an identity in tests that are not about tokens."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("the-token", 4_000_000_000)


def client(server: Server, clock: Clock, now: Callable[[], float] | None = None) -> BusinessCentral:
    """Return a client that waits on ``clock``; ``now`` tells it the age of its list of companies, else ``clock``."""
    http = HttpClient(Credential(), clock.throttle(), Timeouts())
    return BusinessCentral(f"{server.url}/api/v2.0", "v2.0", http, now or clock)


def document(body: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()
