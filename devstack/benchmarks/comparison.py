"""The comparison itself: every renderer on the same bytes, in turns, and once more each in a fresh process for its memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from devstack.benchmarks import renderers
from devstack.benchmarks.renderers import FINEST, RefusedError
from devstack.benchmarks.results import Picture, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from devstack.benchmarks.renderers import Command, Renderer

_LEAST_ROUNDS, _MOST_ROUNDS = 9, 15
_SECONDS = 10  # per picture, as far as the least number of rounds allows


class Judge(Protocol):
    """What says how alike renditions are to what a picture should look like."""

    def ssim(self, rendition: bytes) -> float | None:
        """Return 1 for the same."""

    def ceiling(self) -> float | None:
        """Return the most that is possible at our quality."""


class Comparison:
    """One process of each renderer, kept for all pictures."""

    def __init__(
        self,
        started_by: Mapping[str, Command],
        running: Mapping[str, Renderer],
        judge: Callable[[bytes], Judge],
        modules: Path | None = None,
    ) -> None:
        self._started_by, self._running, self._judge, self._modules = started_by, running, judge, modules

    def of(self, source: Path) -> Picture:
        """Return what each renderer did with this picture; one that refuses it is left out from then on."""
        judge = self._judge(source.read_bytes())
        runs: dict[str, Run] = {}
        estimates: dict[str, float] = {}
        for name, renderer in self._running.items():
            try:
                estimates[name] = _warm_up(renderer, source)
                content = renderer.content()
                runs[name] = Run(bytes_out=len(content), ssim=judge.ssim(content))
            except RefusedError as error:
                runs[name] = Run(refusal=str(error))
        for name, outcome in self._times(estimates).items():
            runs[name] = replace(runs[name], **outcome, peak_mb=self._peak(name, source))
        return Picture(source.name, runs, judge.ceiling(), self._resampled(source, judge))

    def _resampled(self, source: Path, judge: Judge) -> float | None:
        """Return the SSIM of ours before JPEG takes its part."""
        with (
            renderers.running({FINEST: renderers.in_python(FINEST)}) as fresh,
            suppress(RefusedError),
        ):
            return judge.ssim(fresh[FINEST].render(source))
        return None

    def _times(self, estimates: Mapping[str, float]) -> dict[str, dict[str, Any]]:
        """Return the milliseconds of every round; there and back again, so that nobody always comes after the same one."""
        found: dict[str, dict[str, Any]] = {name: {"milliseconds": []} for name in estimates}
        names = list(found)
        for number in range(rounds(sum(estimates.values()) / 1000)):
            for name in names if number % 2 == 0 else reversed(names):
                try:
                    found[name]["milliseconds"].append(_milliseconds(self._running[name]))
                except RefusedError as error:
                    found[name].setdefault("refusal", str(error))
        return found

    def _peak(self, name: str, source: Path) -> float | None:
        with (
            renderers.running({name: self._started_by[name]}, self._modules) as fresh,
            suppress(RefusedError),
        ):
            fresh[name].ask("load", path=str(source))
            return fresh[name].peak()
        return None


def rounds(seconds: float) -> int:
    """Return how many rounds there are, if one takes so many seconds."""
    return max(_LEAST_ROUNDS, min(_MOST_ROUNDS, int(_SECONDS / max(seconds, 0.001))))


def _warm_up(renderer: Renderer, source: Path) -> float:
    """Render twice, and return the second time."""
    renderer.ask("load", path=str(source))
    _milliseconds(renderer)
    return _milliseconds(renderer)


def _milliseconds(renderer: Renderer) -> float:
    return float(renderer.ask("render")["ns"] / 1e6)
