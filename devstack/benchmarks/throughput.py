"""Measures how many pictures per second one process renders, with one thread and with several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstack.benchmarks import renderers
from devstack.benchmarks.renderers import OURS, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devstack.benchmarks.renderers import Renderer

_ROUNDS = 3
_EACH = 8  # renditions per thread at least; with fewer, the last one, running alone, would weigh too much


@dataclass(frozen=True)
class Throughput:
    """Pictures per second of one process, from the best of several rounds."""

    threads: int
    pictures: int
    by_one: float
    by_all: float

    @property
    def gain(self) -> float:
        """The ratio of all threads to one thread."""
        return self.by_all / self.by_one


def measure(sources: Sequence[Path], threads: int) -> Throughput:
    """Render the whole set with ``shared.pictures.render``, alternating between one thread and all."""
    with renderers.running({OURS: renderers.in_python(OURS)}) as running:
        ours = running[OURS]
        paths = [str(path) for path in sources if _can_render(ours, path)]
        if not paths:
            raise SystemExit("None of these files can be rendered.")
        repeats = -(-_EACH * threads // len(paths))
        best = dict.fromkeys((1, threads), 0.0)
        for _ in range(_ROUNDS):
            for count in best:
                best[count] = max(best[count], _per_second(ours, paths, count, repeats))
    return Throughput(threads, len(paths) * repeats, best[1], best[threads])


def _can_render(renderer: Renderer, source: Path) -> bool:
    try:
        renderer.ask("load", path=str(source))
        renderer.ask("render")
    except RefusedError:
        return False
    return True


def _per_second(renderer: Renderer, paths: list[str], threads: int, repeats: int) -> float:
    answer = renderer.ask("throughput", paths=paths, threads=threads, repeats=repeats)
    return float(answer["pictures"] / answer["seconds"])
