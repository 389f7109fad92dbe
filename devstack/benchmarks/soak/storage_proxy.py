"""Stands between the app and Azurite, as a separate program, and fails some requests as the real storage does.

Whether a request fails depends on the seed, the request and how often it came before. A busy blob stays busy for a
moment, longer than the app's client repeats its requests. Standard output announces the address. ``PUT /_faults`` sets
how many of a hundred requests meet each fault; ``GET /_faults`` returns the faults so far.
"""

import asyncio
import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from devstack.machine import lifeline, loopback

# Each fault in words, and the answer in storage's place: status and code, or None for none at all.
FAULTS: dict[str, tuple[int, str] | None] = {
    "busy": (503, "ServerBusy"),
    "failed": (500, "OperationTimedOut"),
    "refused": None,  # the connection closes before the request is forwarded
    "lost": None,  # the request takes effect, its answer is lost
}
_BUSY_SECONDS = 0.3


@dataclass
class Chance:
    """Decides which request meets which fault, and remembers it."""

    seed: int
    percent: dict[str, float] = field(default_factory=dict)
    met: list[dict[str, object]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    busy: dict[str, float] = field(default_factory=dict)

    def fault(self, method: str, path: str) -> str | None:
        """Return the fault that this request meets."""
        now, blob = time.time(), urlsplit(path).path
        name = "busy" if self.busy.get(blob, 0) > now else self._drawn(f"{method} {path}")
        if name == "busy":
            self.busy.setdefault(blob, now + _BUSY_SECONDS)
        if name:
            self.met.append({"time": now, "fault": name, "method": method, "path": unquote(path)})
        return name

    def _drawn(self, request: str) -> str | None:
        self.seen[request] += 1
        digest = hashlib.sha256(f"{self.seed} {request} {self.seen[request]}".encode()).digest()
        point = int.from_bytes(digest[:4], "big") / 2**32 * 100
        for name, percent in self.percent.items():
            if point < percent:
                return name
            point -= percent
        return None


@dataclass(frozen=True)
class Message:
    """One request or answer: its first line, its headers as they came, and its body as it travels."""

    line: bytes
    headers: bytes
    body: bytes

    @property
    def whole(self) -> bytes:
        """The bytes of the message."""
        return self.line + self.headers + self.body


class Proxy:
    """Relays each client's connection to one of its own to Azurite."""

    def __init__(self, upstream: str, chance: Chance) -> None:
        self._upstream, self._chance = urlsplit(upstream), chance

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client's requests until either side ends."""
        storage = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        try:
            while (request := await _read(reader)) and await self._relay(request, storage, writer):
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client or storage has gone; the other side learns that by its connection
        finally:
            writer.close()
            storage[1].close()

    async def _relay(
        self,
        request: Message,
        storage: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer one request; returns False if the connection has to close."""
        method, path, _ = request.line.decode("latin-1").split(" ", 2)
        if path == "/_faults":
            writer.write(self._control(method, request.body))
            return True
        fault = self._chance.fault(method, path)
        if fault and (answer := FAULTS[fault]):
            writer.write(_refusal(*answer))
            return True
        if fault == "refused":
            return False
        storage[1].write(request.whole)
        response = await _read(storage[0], bodiless=method == "HEAD")
        if response is None or fault == "lost":
            return False
        writer.write(response.whole)
        return True

    def _control(self, method: str, body: bytes) -> bytes:
        if method == "PUT":
            percent: dict[str, float] = json.loads(body)
            if unknown := set(percent) - set(FAULTS):
                raise ValueError(f"no such faults: {unknown}")
            self._chance.percent = percent
        content = json.dumps({"percent": self._chance.percent, "met": self._chance.met}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


async def _read(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Message | None:
    """Return the next message, None at the end of the connection; ``bodiless`` is the answer to a HEAD."""
    line = await reader.readline()
    if not line:
        return None
    headers, length, is_chunked = b"", 0, False
    while (header := await reader.readline()) not in (b"\r\n", b""):
        headers += header
        name, _, value = header.decode("latin-1").lower().partition(":")
        if name == "content-length":
            length = int(value)
        elif name == "transfer-encoding":
            is_chunked = "chunked" in value
    without = bodiless or line[9:12] in (b"204", b"304")
    body = b"" if without else await _chunks(reader) if is_chunked else await reader.readexactly(length)
    return Message(line, headers + b"\r\n", body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = await reader.readline()
        body += size + await reader.readexactly(int(size, 16) + 2)
        if int(size, 16) == 0:
            return body


def _refusal(status: int, code: str) -> bytes:
    return f"HTTP/1.1 {status} {code}\r\nx-ms-error-code: {code}\r\nContent-Length: 0\r\n\r\n".encode()


async def _run(upstream: str, seed: int) -> None:
    server = await asyncio.start_server(Proxy(upstream, Chance(seed)).serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lifeline.announce(ready="storage_proxy", url=f"http://127.0.0.1:{port}")
    await server.serve_forever()


def main(
    upstream: Annotated[str, typer.Option(help="Azurite's address.")],
    seed: Annotated[int, typer.Option(help="The seed of all chance.")] = 0,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Run the proxy until its parent ends."""
    loopback.forbid_everything_else()
    if with_parent:
        lifeline.end_with_parent()
    asyncio.run(_run(upstream, seed))


if __name__ == "__main__":
    typer.run(main)
