"""Puts a proxy in front of Azurite that fails as the real storage sometimes does, and Azurite never does.

It emulates part of one request: "Put Block From URL" by identity. Azurite reads the source, its range and its condition
as the real service does, but opens a private container only by a shared access signature, never by the token in
``x-ms-copy-source-authorization``. With ``sources_by_token``, the proxy replaces both authorizations of a request that
has a bearer token there by signatures. It forwards a request without one unchanged, and Azurite refuses it.

It compares the MD5s that come with a request, as the real service does; Azurite accepts them unread.
"""

import base64
import hashlib
import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient, generate_blob_sas


class Answer(Enum):
    """The fate of an answer from Azurite."""

    LOST = "the request is forwarded and done; then the connection closes without an answer"


# Called with the method, path and headers of each request before the proxy forwards it. A hook that returns a status,
# with or without storage's error code, answers in Azurite's place.
Hook = Callable[[str, str, http.client.HTTPMessage], int | tuple[int, str] | Answer | None]


@contextmanager
def storage_proxy(
    connection_string: str, hook: Hook = lambda *_: None, *, sources_by_token: bool = False
) -> Iterator[str]:
    """Yield a connection string that leads to the same account through ``hook``."""
    parts = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))
    azurite = urlsplit(parts["BlobEndpoint"])
    account = BlobServiceClient.from_connection_string(connection_string)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            verdict = hook(self.command, self.path, self.headers)
            if verdict and verdict is not Answer.LOST:
                status, code = verdict if isinstance(verdict, tuple) else (verdict, "ServerBusy")
                self._answer(status, {"x-ms-error-code": code, "Date": formatdate(usegmt=True)}, b"")
                return
            if _differs_from_its_hash(account, self.headers, body):
                self._answer(400, {"x-ms-error-code": "Md5Mismatch"}, b"")
                return
            upstream = http.client.HTTPConnection(str(azurite.hostname), azurite.port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            path = self.path
            if sources_by_token and headers.get("x-ms-copy-source-authorization", "").startswith("Bearer "):
                path, headers = _with_signatures(path, headers, parts, azurite.netloc)
            upstream.request(self.command, path, body, {**headers, "Host": azurite.netloc})
            answer = upstream.getresponse()
            content = answer.read()
            if verdict is Answer.LOST:
                upstream.close()
                self.close_connection = True
                return
            end_to_end = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            self._answer(answer.status, end_to_end, content, answer.getheader("Content-Length"))
            upstream.close()

        def _answer(self, status: int, headers: dict[str, str], content: bytes, length: str | None = None) -> None:
            with suppress(ConnectionError):  # a test may have ended the client
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_DELETE = _forward  # noqa: N815 - http.server's names

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
    """Return a "Put Block From URL" that Azurite accepts: a shared access signature each for target and source."""
    if "comp=block" not in path:
        return path, headers
    source = urlsplit(headers["x-ms-copy-source"])
    signed_source = source._replace(netloc=azurite, query=_signature(source.path, account, "r")).geturl()
    unsigned = {k: v for k, v in headers.items() if k.lower() not in ("authorization", "x-ms-copy-source")}
    signed_path = f"{path}&{_signature(urlsplit(path).path, account, 'w')}"
    return signed_path, {**unsigned, "x-ms-copy-source": signed_source}


def _signature(path: str, account: dict[str, str], permission: str) -> str:
    name, container, blob = unquote(path).removeprefix("/").split("/", 2)
    until = datetime.now(UTC) + timedelta(days=365)  # Azurite's clock may be ahead
    return generate_blob_sas(
        name, container, blob, account_key=account["AccountKey"], permission=permission, expiry=until
    )


def _differs_from_its_hash(account: BlobServiceClient, headers: http.client.HTTPMessage, body: bytes) -> bool:
    """Whether a request breaks its own MD5: that of the body, or that of the source to copy as storage holds it."""
    if "Content-MD5" in headers and headers["Content-MD5"] != _md5(body):
        return True
    source_hash = headers.get("x-ms-source-content-md5")
    stored = _stored(account, headers) if source_hash else None
    return stored is not None and source_hash != _md5(stored)


def _stored(account: BlobServiceClient, headers: http.client.HTTPMessage) -> bytes | None:
    """Return the source of a copy, None if it is not readable: then Azurite says so."""
    _, _, container, blob = unquote(urlsplit(headers["x-ms-copy-source"]).path).split("/", 3)
    try:
        return account.get_blob_client(container, blob).download_blob(decompress=False).readall()
    except HttpResponseError:
        return None


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


_HOP_BY_HOP = ("connection", "content-length", "keep-alive", "transfer-encoding")
