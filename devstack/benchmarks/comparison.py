"""Compares renderers on the same bytes in alternating rounds; measures memory in fresh processes."""

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
_SECONDS = 10  # per picture, if the minimum number of rounds allows


class Judge(Protocol):
    """Rates how similar renditions are to what a picture should look like."""

    def ssim(self, rendition: bytes) -> float | None:
        """Return 1 for identical pictures."""

    def ceiling(self) -> float | None:
        """Return the best possible value at our quality."""


class Comparison:
    """Compares pictures one after the other, with one process per renderer for all of them."""

    def __init__(
        self,
        commands: Mapping[str, Command],
        running: Mapping[str, Renderer],
        judge: Callable[[bytes], Judge],
        modules: Path | None = None,
    ) -> None:
        self._commands, self._running, self._judge, self._modules = commands, running, judge, modules

    def compare(self, source: Path) -> Picture:
        """Return each renderer's results for this picture; a renderer that refuses it is not measured."""
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
        """Return the SSIM of ours before the loss by JPEG at our quality."""
        with (
            renderers.running({FINEST: renderers.in_python(FINEST)}) as fresh,
            suppress(RefusedError),
        ):
            return judge.ssim(fresh[FINEST].render(source))
        return None

    def _times(self, estimates: Mapping[str, float]) -> dict[str, dict[str, Any]]:
        """Return the milliseconds of every round. The order alternates, so no renderer always follows the same one."""
        times: dict[str, dict[str, Any]] = {name: {"milliseconds": []} for name in estimates}
        names = list(times)
        for number in range(rounds(sum(estimates.values()) / 1000)):
            for name in names if number % 2 == 0 else reversed(names):
                try:
                    times[name]["milliseconds"].append(_milliseconds(self._running[name]))
                except RefusedError as error:
                    times[name].setdefault("refusal", str(error))
        return times

    def _peak(self, name: str, source: Path) -> float | None:
        with (
            renderers.running({name: self._commands[name]}, self._modules) as fresh,
            suppress(RefusedError),
        ):
            fresh[name].ask("load", path=str(source))
            return fresh[name].peak()
        return None


def rounds(seconds: float) -> int:
    """Return the number of rounds, if one round takes ``seconds``."""
    return max(_LEAST_ROUNDS, min(_MOST_ROUNDS, int(_SECONDS / max(seconds, 0.001))))


def _warm_up(renderer: Renderer, source: Path) -> float:
    """Render twice; return the milliseconds of the second time."""
    renderer.ask("load", path=str(source))
    _milliseconds(renderer)
    return _milliseconds(renderer)


def _milliseconds(renderer: Renderer) -> float:
    return float(renderer.ask("render")["ns"] / 1e6)
