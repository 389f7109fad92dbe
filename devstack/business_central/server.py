"""Serves a WSGI application over HTTP/1.1 with keep-alive connections, on loopback.

Werkzeug's own request handler closes the connection after every answer. Business Central does not, and clients must be
tested with pooled connections.
"""

import socketserver
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from typing import TYPE_CHECKING, Any

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import get_content_length

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

CONNECTION = "devstack.connection"
"""Leads to the request's ``Connection`` in its environ."""

_DRAIN_BYTES = 1 << 16


@dataclass
class Connection:
    """Lets an application control the connection below it; speeds in bytes per second, 0 is unlimited.

    ``dropped`` closes it without an answer, ``unread`` also before the request's body is read.
    """

    dropped: bool = False
    unread: bool = False
    request_speed: float = 0
    answer_speed: float = 0
    wait: Callable[[float], None] = lambda _seconds: None

    def pieces(self, content: bytes) -> Iterator[bytes]:
        """Return a slow answer's content in pieces, each when its time has come."""
        size = _bytes_per_piece(self.answer_speed)
        for start in range(0, len(content), size):
            piece = content[start : start + size]
            self.wait(len(piece) / self.answer_speed)
            yield piece


class _Body(RawIOBase):
    """Reads the request's body and no further: the next request follows on the same connection."""

    def __init__(self, stream: Any, length: int | None, connection: Connection) -> None:  # noqa: ANN401 - the socket's buffered reader
        self._stream, self._bytes_left, self._connection = stream, length, connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)[: self._bytes_left]
        speed = self._connection.request_speed
        read: int = self._stream.readinto(view[: _bytes_per_piece(speed)] if speed else view)
        if self._bytes_left is not None:
            self._bytes_left -= read
        if speed:
            self._connection.wait(read / speed)
        return read


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise an answer's body waits 40 ms until its headers are acknowledged
    wbufsize = -1

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        connection = environ[CONNECTION] = Connection()
        body = environ["wsgi.input"] = self._body(environ, connection)
        chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        while not connection.unread and body.read(_DRAIN_BYTES):
            pass
        if connection.dropped:
            self.close_connection = True
            return
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name != "Date":  # send_response has sent it
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(chunks, connection)

    def _send(self, chunks: Any, connection: Connection) -> None:  # noqa: ANN401 - an iterable of bytes, already closed
        if not connection.answer_speed:
            self.wfile.writelines(chunks)
            return
        for piece in connection.pieces(b"".join(chunks)):
            self.wfile.write(piece)
            self.wfile.flush()

    def _body(self, environ: "WSGIEnvironment", connection: Connection) -> RawIOBase:
        if isinstance(environ["wsgi.input"], DechunkedInput):
            return _Body(environ["wsgi.input"], None, connection)
        return _Body(self.rfile, get_content_length(environ) or 0, connection)

    def log_request(self, *_: object) -> None:
        """Print nothing: standard output belongs to the announcement, and the control API has a better log."""


class Server(ThreadedWSGIServer):
    """Serves ``app`` on 127.0.0.1; ``port`` 0 picks a free one, ``url`` has it."""

    request_queue_size = 128

    def __init__(self, app: "WSGIApplication", port: int = 0) -> None:
        super().__init__("127.0.0.1", port, app, handler=_Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without resolving the host's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]


def _bytes_per_piece(speed: float) -> int:
    return max(1, int(speed))
