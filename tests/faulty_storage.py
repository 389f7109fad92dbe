"""A way to Azurite on which things happen: what the real storage does now and then, and Azurite never."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Called before a request is passed on, with its method, path and headers; what it returns, a status with or without
# storage's error code, is the answer instead.
Hook = Callable[[str, str, http.client.HTTPMessage], int | tuple[int, str] | None]


@contextmanager
def in_front_of(connection_string: str, hook: Hook) -> Iterator[str]:
    """Yield a connection string for the same account, by way of ``hook``."""
    parts = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))
    azurite = urlsplit(parts["BlobEndpoint"])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if instead := hook(self.command, self.path, self.headers):
                status, code = instead if isinstance(instead, tuple) else (instead, "ServerBusy")
                self._answer(status, {"x-ms-error-code": code}, b"")
                return
            upstream = http.client.HTTPConnection(str(azurite.hostname), azurite.port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            upstream.request(self.command, self.path, body, {**headers, "Host": azurite.netloc})
            answer = upstream.getresponse()
            content = answer.read()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            self._answer(answer.status, kept, content, answer.getheader("Content-Length"))
            upstream.close()

        def _answer(
            self, status: int, headers: dict[str, str], content: bytes, length: str | None = None
        ) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_DELETE = _pass_on  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    parts["BlobEndpoint"] = parts["BlobEndpoint"].replace(azurite.netloc, f"127.0.0.1:{server.server_port}")
    try:
        yield ";".join(f"{name}={value}" for name, value in parts.items())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_HOP_BY_HOP = ("connection", "content-length", "keep-alive", "transfer-encoding")
