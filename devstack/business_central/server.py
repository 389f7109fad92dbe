"""An HTTP/1.1 server with keep-alive connections for a WSGI application, on loopback.

Werkzeug's own request handler closes the connection after every answer; Business Central's does not, and how a client
fares with pooled connections is part of what the simulator is for.
"""

import socketserver
from io import RawIOBase
from threading import Event
from typing import TYPE_CHECKING, Any

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import get_content_length

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

DROP = "devstack.drop"
"""The environ's key of an Event: an application that sets it has the connection closed instead of its answer sent."""

_DRAIN = 1 << 16


class _Body(RawIOBase):
    """The request's body: what follows it on the connection is the next request."""

    def __init__(self, stream: Any, length: int) -> None:  # noqa: ANN401 - the socket's buffered reader
        self._stream, self._left = stream, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        read: int = self._stream.readinto(memoryview(buffer)[: self._left])
        self._left -= read
        return read


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # or the body of an answer waits 40 ms for the acknowledgement of its headers
    )
    wbufsize = -1

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        body = environ["wsgi.input"] = self._body(environ)
        dropped = environ[DROP] = Event()
        chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        while body.read(_DRAIN):
            pass
        if dropped.is_set():
            self.close_connection = True
            return
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name != "Date":  # send_response has said it
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.writelines(chunks)

    def _body(self, environ: "WSGIEnvironment") -> RawIOBase:
        if isinstance(environ["wsgi.input"], DechunkedInput):
            return environ["wsgi.input"]
        return _Body(self.rfile, get_content_length(environ) or 0)

    def log_request(self, *_: object) -> None:
        """Say nothing: standard output belongs to the announcement, and the control API has a better log."""


class Server(ThreadedWSGIServer):
    """Serves ``app`` on 127.0.0.1; ``port`` 0 takes a free one, ``url`` says which."""

    request_queue_size = 128

    def __init__(self, app: "WSGIApplication", port: int = 0) -> None:
        super().__init__("127.0.0.1", port, app, handler=_Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without asking the resolver for the host's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
