"""A way to Azurite on which things happen: what the real storage does now and then, and Azurite never.

One request is emulated in part: "Put Block From URL" by identity. Azurite has it, and reads the source, its range and
its condition, as the real service does; but of a private container it reads with a shared access signature only, never
with the token in ``x-ms-copy-source-authorization``. With ``sources_by_token``, a request with a bearer token there
goes on with signatures in the place of both authorisations. One without it goes on as it is, and Azurite refuses it.
"""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from azure.storage.blob import generate_blob_sas


class Answer(Enum):
    """What may become of an answer of Azurite's."""

    LOST = "passed on, done, and the connection closed without a word"


# Called before a request is passed on, with its method, path and headers; what it returns, a status with or without
# storage's error code, is the answer instead.
Hook = Callable[[str, str, http.client.HTTPMessage], int | tuple[int, str] | Answer | None]


@contextmanager
def storage_proxy(connection_string: str, hook: Hook, *, sources_by_token: bool = False) -> Iterator[str]:
    """Yield a connection string for the same account, by way of ``hook``."""
    parts = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))
    azurite = urlsplit(parts["BlobEndpoint"])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            instead = hook(self.command, self.path, self.headers)
            if instead and instead is not Answer.LOST:
                status, code = instead if isinstance(instead, tuple) else (instead, "ServerBusy")
                self._answer(status, {"x-ms-error-code": code}, b"")
                return
            upstream = http.client.HTTPConnection(str(azurite.hostname), azurite.port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            path = self.path
            if sources_by_token and headers.get("x-ms-copy-source-authorization", "").startswith("Bearer "):
                path, headers = _with_signatures(path, headers, parts, azurite.netloc)
            upstream.request(self.command, path, body, {**headers, "Host": azurite.netloc})
            answer = upstream.getresponse()
            content = answer.read()
            if instead is Answer.LOST:
                upstream.close()
                self.close_connection = True
                return
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            self._answer(answer.status, kept, content, answer.getheader("Content-Length"))
            upstream.close()

        def _answer(self, status: int, headers: dict[str, str], content: bytes, length: str | None = None) -> None:
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


def _with_signatures(
    path: str, headers: dict[str, str], account: dict[str, str], azurite: str
) -> tuple[str, dict[str, str]]:
    """Return a "Put Block From URL" as Azurite takes it: target and source with a shared access signature each."""
    if "comp=block" not in path:
        return path, headers
    source = urlsplit(headers["x-ms-copy-source"])
    signed = source._replace(netloc=azurite, query=_signature(source.path, account, "r")).geturl()
    kept = {k: v for k, v in headers.items() if k.lower() not in ("authorization", "x-ms-copy-source")}
    written = f"{path}&{_signature(urlsplit(path).path, account, 'w')}"
    return written, {**kept, "x-ms-copy-source": signed}


def _signature(path: str, account: dict[str, str], permission: str) -> str:
    name, container, blob = unquote(path).removeprefix("/").split("/", 2)
    until = datetime.now(UTC) + timedelta(days=365)  # Azurite's clock may be ahead
    return generate_blob_sas(
        name, container, blob, account_key=account["AccountKey"], permission=permission, expiry=until
    )


_HOP_BY_HOP = ("connection", "content-length", "keep-alive", "transfer-encoding")
