"""Measures the memory for the largest pictures we accept, and the time for a picture that needs no change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from devstack.benchmarks import photographs, renderers
from devstack.benchmarks.renderers import OURS, RefusedError
from devstack.drawing import encodings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from devstack.benchmarks.photographs import Make
    from devstack.benchmarks.renderers import Renderer

_CONFORMING = "conforming-1mp.jpg"
_ROUNDS = 31


@dataclass(frozen=True)
class Case:
    """One picture: peak MB (10^6 bytes) on top of the interpreter and the source's bytes, milliseconds, the result."""

    name: str
    peak_mb: float | None = None
    milliseconds: float | None = None
    unchanged: bool = False
    refusal: str | None = None


def measure() -> Iterator[Case]:
    """Yield the figures of each case, measured in a fresh process."""
    folder = photographs.create_folder("large-pictures", CASES)
    for name in CASES:
        with renderers.running({OURS: renderers.in_python(OURS)}) as running:
            try:
                yield _measured(running[OURS], folder / name)
            except RefusedError as error:
                yield Case(name, refusal=str(error))


def _measured(ours: Renderer, source: Path) -> Case:
    ours.ask("load", path=str(source))
    peak = ours.peak()
    repeats = _ROUNDS if source.name == _CONFORMING else 1
    least = min(ours.ask("render")["ns"] for _ in range(repeats)) / 1e6
    return Case(source.name, peak, least, unchanged=ours.content() == source.read_bytes())


def _jpeg_50mp(**options: object) -> bytes:
    picture = photographs.photograph(4330, 2887)
    return encodings.jpeg(picture, (8660, 5774), **options)


def _png_100mp() -> bytes:
    # Enlarged without new noise, to stay within the 64 MiB limit of a source.
    picture = photographs.cut_out(photographs.photograph(2500, 2500))
    return encodings.png(picture.resize((10_000, 10_000), Image.Resampling.BILINEAR))


def _conforming() -> bytes:
    return encodings.jpeg(photographs.photograph(1024, 768), quality=80, optimize=True)


CASES: dict[str, Make] = {
    "baseline-50mp.jpg": _jpeg_50mp,
    "progressive-444-50mp.jpg": lambda: _jpeg_50mp(progressive=True, subsampling="4:4:4"),
    "rgba-100mp.png": _png_100mp,
    _CONFORMING: _conforming,
}
