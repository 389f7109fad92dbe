"""Runs one renderer as a separate process: requests and answers are lines of JSON on standard input and output.

``renderers.py`` starts it; ``sharp.js`` answers the same requests in Node. The clock runs here, around the rendering
call only. Imports nothing of the local stack, so that only the renderer is measured.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    Render = Callable[[bytes], bytes]
    Answer = dict[str, Any]

SIDE, QUALITY = 1024, 85


def ours() -> Render:
    """Return the app's rendering with its default settings, and with memory kept as the app does."""
    from shared.pictures import allocator  # noqa: PLC0415 - each process loads its own renderer only
    from shared.pictures.render import render  # noqa: PLC0415 - each process loads its own renderer only

    allocator.keep_freed_memory()

    return lambda source: render(source).content


def finest() -> Render:
    """Return the app's rendering at the highest JPEG quality, which shows what resampling alone changes."""
    from shared.pictures.render import render  # noqa: PLC0415 - each process loads its own renderer only
    from shared.pictures.rendition import Rendition  # noqa: PLC0415 - each process loads its own renderer only

    rendition = Rendition(quality=100, max_bytes=2**31)
    return lambda source: render(source, rendition).content


def sample() -> Render:
    """Return the rendering of typical sample code: decode in full, resize, save."""
    from PIL import Image  # noqa: PLC0415 - each process loads its own renderer only

    def render(source: bytes) -> bytes:
        target = BytesIO()
        with Image.open(BytesIO(source)) as image:
            scale = min(1.0, SIDE / max(image.size))
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image.resize(size, Image.Resampling.LANCZOS).convert("RGB").save(target, "JPEG", quality=QUALITY)
        return target.getvalue()

    return render


def libvips() -> Render:
    """Return libvips's thumbnail: upright, sRGB, on white; one thread, no cache between calls."""
    os.environ["VIPS_CONCURRENCY"] = "1"  # read only when the library is loaded
    import pyvips  # noqa: PLC0415 - each process loads its own renderer only

    pyvips.cache_set_max(0)

    def render(source: bytes) -> bytes:
        # Given a target profile, libvips converts through Lab, which is slow, even if the source has no profile.
        profiled = pyvips.Image.new_from_buffer(source, "").get_typeof("icc-profile-data")
        target = {"output_profile": "srgb"} if profiled else {}
        image = pyvips.Image.thumbnail_buffer(source, SIDE, height=SIDE, size="down", **target)
        if image.hasalpha():
            image = image.flatten(background=[255, 255, 255])
        content: bytes = image.jpegsave_buffer(Q=QUALITY, keep="none")
        return content

    return render


RENDERERS = {"ours": ours, "finest": finest, "sample": sample, "libvips": libvips}


class Worker:
    """Answers requests with one renderer; each method is a request."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._source = self._content = b""

    def ready(self) -> Answer:
        """Confirm that the renderer is loaded."""
        return {}

    def load(self, path: str) -> Answer:
        """Read the source of the next requests."""
        self._source = Path(path).read_bytes()
        return {"bytes": len(self._source)}

    def render(self) -> Answer:
        """Render once; return nanoseconds and the rendition's size."""
        started = time.perf_counter_ns()
        self._content = self._render(self._source)
        return {"ns": time.perf_counter_ns() - started, "bytes": len(self._content)}

    def save(self, path: str) -> Answer:
        """Write the last rendition to a file."""
        Path(path).write_bytes(self._content)
        return {}

    def throughput(self, paths: list[str], threads: int, repeats: int) -> Answer:
        """Render every source ``repeats`` times in ``threads`` threads; return the total seconds."""
        sources = [Path(path).read_bytes() for path in paths]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: time.sleep(0.01), range(threads)))  # start all threads before the clock
            started = time.perf_counter()
            list(pool.map(self._render, sources * repeats))
            return {"seconds": time.perf_counter() - started, "pictures": len(sources) * repeats}


def main() -> None:
    """Answer requests until standard input ends."""
    answers = _answers()
    worker = Worker(RENDERERS[sys.argv[1]]())
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # noqa: BLE001 - a refused picture is a result too
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _answers() -> TextIO:
    """Reserve standard output for the answers; redirect what libraries print to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
