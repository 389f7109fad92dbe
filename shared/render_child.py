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

_BESIDE = 128 * 1024 * 1024  # bytes beside the pixels: the source unpacked, the allocator's reserve
_OPENING = 8  # bytes of address space for a pixel, which WebP's decoder takes before anybody can check the size
_THREAD = 16 * 1024 * 1024  # bytes of address space for each of a decoder's threads


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
    """Asks the parent, who shares the memory among all children; what it grants, ``allow`` lets this process use."""

    def __init__(self, size: int, parent: Parent, allow: Callable[[int], None]) -> None:
        super().__init__(size)
        self._parent, self._allow = parent, allow

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        with super().reserve(size):  # refuses what never fits
            self._parent.send({"reserve": size})
            self._parent.receive()
            self._allow(size)
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
    own_limits = _OwnLimits(setup["memory"], limits.max_pixels, setup["cpu"])
    beside_others = around(Renderer(rendition, limits, _ParentsBudget(setup["memory"], parent, own_limits.allow)))
    alone = around(Renderer(rendition, limits, MemoryBudget(setup["memory"])))
    while request := parent.receive():
        content = parent.read(request["size"])
        own_limits.begin()
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
    """Has the system end this process where a picture takes too much; only on Linux, where the app is deployed.

    A decoder that gets no memory may say that the file is damaged. So the limit lies well above what a picture was
    estimated to need: only what breaks the estimate meets it.
    """

    def __init__(self, memory: int, max_pixels: int, cpu_seconds: int) -> None:
        self._memory, self._max_pixels, self._cpu_seconds = memory, max_pixels, cpu_seconds
        self._before = 0

    def begin(self) -> None:
        """Limit the next picture, of which nothing is known yet."""
        if sys.platform != "linux":
            return
        import resource  # noqa: PLC0415 - only there

        self._before = _data_size()
        self.allow(max(self._memory, _OPENING * self._max_pixels))
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + self._cpu_seconds)

    def allow(self, estimated: int) -> None:
        """Let the picture take what it is ``estimated`` to need, in bytes, but half of the memory in any case."""
        if sys.platform != "linux":
            return
        import resource  # noqa: PLC0415 - only there

        most = max(estimated + estimated // 4, self._memory // 2)
        _limit(resource.RLIMIT_DATA, self._before + most + _BESIDE + (os.cpu_count() or 1) * _THREAD)


def _limit(limit: int, value: int) -> None:
    import resource  # noqa: PLC0415 - only on Linux

    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _data_size() -> int:
    """Return the bytes of private memory that this process has mapped (proc(5), VmData)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (kibibytes,) = (int(line.split()[1]) for line in lines if line.startswith("VmData:"))
    return kibibytes * 1024


if __name__ == "__main__":
    main()
