"""Serves whatever a test wants over real HTTP, and makes the client that talks to it."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from uuid import uuid4

from azure.core.credentials import AccessToken

from devstack.machine import certificates
from shared.business_central.client import BusinessCentral
from shared.business_central.http import HttpClient, Timeouts
from tests.support.local_stack import ManualClock

Answer = tuple[int, dict[str, str], bytes]

PATIENCE = 5  # seconds before a silent thread counts as stuck
NOT_FOUND: Answer = (404, {}, b'{"error": {"code": "Internal_CompanyNotFound", "message": "Cannot find company"}}')


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


class SlowReader:
    """Accepts one connection, reads it slowly and never answers; counts what arrives until the connection ends."""

    def __init__(self, bytes_per_second: int, tls: Path | None = None) -> None:
        self._listener, self._speed = socket.socket(), bytes_per_second
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that little waits in the system
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._tls and tls:
            self._tls.load_cert_chain(*certificates.make(tls))
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.received, self._hurry = 0, threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.received_at_the_end()
        self._listener.close()

    def received_at_the_end(self) -> int:
        """Read on without delay, and return the number of bytes once the client has closed or reset."""
        self._hurry.set()
        self._thread.join(PATIENCE)
        return self.received

    def _read(self) -> None:
        connection, _ = self._listener.accept()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection, suppress(OSError):
            while piece := connection.recv(self._speed // 20 or 1):
                self.received += len(piece)
                self._hurry.wait(len(piece) / self._speed)


class Credential:
    """Stands for an identity in tests that are not about tokens."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("the-token", 4_000_000_000)


def client(server: Server, clock: ManualClock, now: Callable[[], float] | None = None) -> BusinessCentral:
    """Return a client that waits on ``clock``; ``now`` tells it the age of its list of companies, else ``clock``."""
    http = HttpClient(Credential(), clock.throttle(), Timeouts())
    return BusinessCentral(f"{server.url}/api/v2.0", "v2.0", http, now or clock)


def document(body: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


class Environment:
    """Answers as an environment of BC whose companies a test changes, and whose look-ups it can hold up."""

    def __init__(self, *companies: tuple[str, str]) -> None:
        self.list(*companies)
        self.missing: set[str] = set()
        self.list_status = 200
        self._look_up_arrived, self._let_go = threading.Event(), threading.Event()
        self._let_go.set()

    def list(self, *companies: tuple[str, str], display_name: str = "") -> None:
        """List these companies from now on, each an id and a name."""
        self._listed = document(
            {"value": [{"id": guid, "name": name, "displayName": display_name} for guid, name in companies]}
        )

    def __call__(self, path: str) -> Answer:
        if "/items" in path:
            is_missing = any(guid in path for guid in self.missing)
            return NOT_FOUND if is_missing else document({"value": [{"id": str(uuid4()), "number": "1000"}]})
        _, headers, body = self._listed
        self._look_up_arrived.set()
        self._let_go.wait(2 * PATIENCE)
        return self.list_status, headers, body

    @contextmanager
    def look_up_held(self, begin: Callable[[], object]) -> Iterator[None]:
        """Let ``begin`` cause a look-up in a thread; BC answers it after the block, from the list as it was before."""
        self._let_go.clear()
        self._look_up_arrived.clear()
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(begin)
            try:
                assert self._look_up_arrived.wait(PATIENCE)
                yield
            finally:
                self._let_go.set()
            result.exception(PATIENCE)
