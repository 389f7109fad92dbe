"""Renders pictures in a process of its own, within limits that the system enforces. The program of a child.

Reads requests from standard input and answers on standard output: a header in JSON behind its length, then bytes. Ends
with its standard input, and so with its parent.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from shared.errors import EndsEarly, Permanent
from shared.pictures import allocator, pillow_logging
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import Rendition, SourceLimits
from shared.rendering import Render, Renderer


class Parent:
    """The other end of the pipes."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers

    def receive(self) -> dict[str, Any] | None:
        """Return the next header, None when the parent has ended."""
        length = self._requests.read(4)
        if len(length) < 4:  # noqa: PLR2004 - the length's length
            return None
        header: dict[str, Any] = json.loads(self._requests.read(int.from_bytes(length)))
        return header

    def read(self, size: int) -> bytes:
        """Return the bytes that follow a header."""
        return self._requests.read(size)

    def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send an answer."""
        text = json.dumps(header).encode()
        self._answers.write(len(text).to_bytes(4) + text + body)
        self._answers.flush()


class _ParentsBudget(MemoryBudget):
    """Asks the parent, who shares the memory among all children."""

    def __init__(self, size: int, parent: Parent) -> None:
        super().__init__(size)
        self._parent = parent

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        with super().reserve(size):  # refuses what never fits
            self._parent.send({"reserve": size})
            self._parent.receive()
            yield


def main(around: Callable[[Render], Render] = lambda render: render) -> None:
    """Render until the parent ends; tests put something ``around`` the renderer that ends this process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a decoder prints is no answer
    parent = Parent(sys.stdin.buffer, answers)
    pillow_logging.silence_pillow()
    allocator.keep_freed_memory()
    setup = parent.receive()
    if setup is None:
        return
    rendition = Rendition(**{**setup["rendition"], "background": tuple(setup["rendition"]["background"])})
    limits = SourceLimits(**setup["limits"])
    beside_others = around(Renderer(rendition, limits, _ParentsBudget(setup["memory"], parent)))
    alone = around(Renderer(rendition, limits, MemoryBudget(setup["memory"])))
    own_limits = _OwnLimits(setup["memory"], setup["cpu"])
    while request := parent.receive():
        content = parent.read(request["size"])
        own_limits.begin(alone=request["alone"])
        _answer(parent, alone if request["alone"] else beside_others, content)


def _answer(parent: Parent, render: Render, content: bytes) -> None:
    try:
        picture = render(content)
    except Permanent as failure:
        fields = {
            "reason": failure.reason,
            "detail": failure.detail,
            "ends_early": isinstance(failure, EndsEarly),
        }
        parent.send({"failure": fields})
    except MemoryError:
        parent.send({"died": "MemoryError"})
    except Exception as error:  # noqa: BLE001 - a bug of ours, which the parent raises
        parent.send({"bug": f"{type(error).__name__}: {str(error)[:1000]}"})
    else:
        facts = {
            "content_type": picture.content_type,
            "width": picture.width,
            "height": picture.height,
            "quality": picture.quality,
        }
        parent.send({"picture": facts, "size": len(picture.content)}, picture.content)


class _OwnLimits:
    """Has the system end this process where a picture takes too much; only on Linux, where the app is deployed."""

    def __init__(self, memory: int, cpu_seconds: int) -> None:
        self._memory, self._cpu_seconds = memory, cpu_seconds
        self._before = _data_size() if sys.platform == "linux" else 0

    def begin(self, *, alone: bool) -> None:
        """Limit the next picture: half of the memory, which four share, or all of it."""
        if sys.platform != "linux":
            return
        import resource  # noqa: PLC0415 - only there

        memory = self._before + (self._memory if alone else self._memory // 2)
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = int(used.ru_utime + used.ru_stime) + 1 + self._cpu_seconds
        for limit, value in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_DATA, memory),
            (resource.RLIMIT_CPU, cpu),
        ):
            resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))


def _data_size() -> int:
    """Return the bytes of private memory that this process has mapped (proc(5), VmData)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (kibibytes,) = (int(line.split()[1]) for line in lines if line.startswith("VmData:"))
    return kibibytes * 1024


if __name__ == "__main__":
    main()
