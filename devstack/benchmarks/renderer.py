"""One renderer as a process of its own: bytes to bytes, asked by lines of JSON on standard input, answered on standard output.

``renderers.py`` starts it; ``sharp.js`` answers the same requests in Node. The time is taken here, around the call
alone. It imports nothing of the local stack: what is measured is the renderer.
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
    """Return the app's own rendering, with its default settings."""
    from shared.pictures.render import render  # noqa: PLC0415 - each process loads its own renderer only

    return lambda source: render(source).content


def finest() -> Render:
    """Return the app's own rendering with as little loss by JPEG as there can be: what resampling makes of a picture."""
    from shared.pictures.render import render  # noqa: PLC0415 - each process loads its own renderer only
    from shared.pictures.rendition import Rendition  # noqa: PLC0415 - each process loads its own renderer only

    rendition = Rendition(quality=100, max_bytes=2**31)
    return lambda source: render(source, rendition).content


def sample() -> Render:
    """Return what sample code usually does: decode all of it, resize, save."""
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
    """Return libvips's thumbnail: upright, sRGB, on white; one thread, nothing remembered between two calls."""
    os.environ["VIPS_CONCURRENCY"] = "1"  # read once, when the library is loaded
    import pyvips  # noqa: PLC0415 - each process loads its own renderer only

    pyvips.cache_set_max(0)

    def render(source: bytes) -> bytes:
        # Given a target profile, libvips takes the long way through Lab even where the source has none.
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
    """What a request can ask of one renderer."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._source = self._content = b""

    def ready(self) -> Answer:
        """Say that the renderer is loaded."""
        return {}

    def load(self, path: str) -> Answer:
        """Read the source that the next requests are about."""
        self._source = Path(path).read_bytes()
        return {"bytes": len(self._source)}

    def render(self) -> Answer:
        """Render once: nanoseconds, and the size of what came out."""
        started = time.perf_counter_ns()
        self._content = self._render(self._source)
        return {"ns": time.perf_counter_ns() - started, "bytes": len(self._content)}

    def save(self, path: str) -> Answer:
        """Write the last rendition to a file."""
        Path(path).write_bytes(self._content)
        return {}

    def throughput(self, paths: list[str], threads: int, repeats: int) -> Answer:
        """Render every source ``repeats`` times, by so many threads at once: seconds in all."""
        sources = [Path(path).read_bytes() for path in paths]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: time.sleep(0.01), range(threads)))  # the threads are there before the clock runs
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
        except Exception as error:  # noqa: BLE001 - a picture that a renderer refuses is a result as well
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _answers() -> TextIO:
    """Return standard output for the answers alone: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
