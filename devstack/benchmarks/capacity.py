"""Simulates what one identity can do at several latencies of Business Central, and draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from devstack.benchmarks.fleet import BEFORE, Fleet, Result, Rules, Work, bound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

LATENCIES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds that BC works on one request
SECONDS = 3000.0  # of a simulated fleet at its bound, at least: several of BC's windows
COLLAPSE = (2.0, 2000)  # latency and uploads at which the earlier rules collapsed
_LARGE_DROPS = (100_000, 1_000_000)


@dataclass(frozen=True)
class Case:
    """A fleet at one latency: what it did, and the most that it could have done."""

    latency: float
    rules: Rules
    work: Work
    result: Result

    @property
    def bottleneck(self) -> str:
        """Name the part that limits the fleet."""
        bounds = bound(self.rules, self.work, self.latency)
        return min(bounds, key=lambda part: bounds[part])

    @property
    def bound(self) -> float:
        """The most pictures per second."""
        return min(bound(self.rules, self.work, self.latency).values())

    @property
    def share(self) -> float:
        """How much of the bound the fleet reaches."""
        return self.result.rate() / self.bound


def simulate(latency: float, *, rules: Rules = Rules(), work: Work = Work(), uploads: int | None = None) -> Case:  # noqa: B008 - they cannot be changed
    """Drop ``uploads`` at once, by default as many as keep the fleet busy for ``SECONDS`` and 1,000 at least."""
    most = min(bound(rules, work, latency).values())
    number = uploads or max(1000, int(most * SECONDS))
    return Case(latency, rules, work, Fleet(rules, work, latency, number).run())


def cases(work: Work) -> Iterator[Case]:
    """Simulate the fleet at every latency."""
    for latency in LATENCIES:
        yield simulate(latency, work=work)


def duration(seconds: float) -> str:
    """Write a duration in the unit that reads best."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def print_cases(console: Console, rows: Sequence[Case]) -> None:
    """Print a line for each latency, and what the earlier rules made of it."""
    table = Table(
        "BC, s",
        "pictures/s",
        "bound",
        "of it",
        "limited by",
        "1,000",
        *(f"{n:,}" for n in _LARGE_DROPS),
        "429",
        "poisoned",
    )
    for case in rows:
        rate = case.result.rate()
        table.add_row(
            f"{case.latency:g}",
            f"{rate:.2f}",
            f"{case.bound:.2f}",
            f"{case.share:.0%}",
            case.bottleneck,
            duration(case.result.done_at[999]),
            *(duration(n / rate) for n in _LARGE_DROPS),
            f"{case.result.refused / case.work.requests / case.result.uploads:.1%}",
            str(len(case.result.poisoned)),
        )
    console.print(table)


def print_collapse(console: Console) -> None:
    """Print what 40 instances with a read time-out of 30 s did."""
    latency, uploads = COLLAPSE
    result = simulate(latency, rules=BEFORE, uploads=uploads).result
    console.print(
        f"For comparison, {BEFORE.instances} instances × {BEFORE.slots} with a read time-out of {BEFORE.read:.0f} s at "
        f"{latency:g} s: {len(result.done_at):,} of {uploads:,} done, {len(result.poisoned):,} poisoned; "
        f"BC served {result.given_up:,} requests whose callers had gone.",
        soft_wrap=True,
    )


_WIDTH, _HEIGHT, _LEFT, _BELOW = 640, 300, 50, 40  # pixels


def draw(path: Path, rows: Sequence[Case]) -> None:
    """Draw pictures per second against BC's latency as SVG: what the fleet reaches (dots), and the bound (dashed)."""
    top = max(case.bound for case in rows) * 1.1
    step = (_WIDTH - _LEFT) / len(rows)
    marks, bounds = [], []
    for value in range(0, int(top) + 1, 2):
        y = _y(value, top)
        marks.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        marks.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    for number, case in enumerate(rows):
        x, rate = _LEFT + step * (number + 0.5), case.result.rate()
        bounds.append(f"{x:.0f},{_y(case.bound, top):.1f}")
        marks.append(f'<circle cx="{x:.0f}" cy="{_y(rate, top):.1f}" r="4" fill="#2563eb"/>')
        marks.append(f'<text x="{x:.0f}" y="{_HEIGHT - 22}" text-anchor="middle">{case.latency:g}</text>')
    line, lines = " ".join(bounds), "\n".join(marks)
    axis = "pictures per second (dots) and the bound (dashed), by the seconds that BC works on one request"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>\n'
        f'<polyline points="{line}" fill="none" stroke="#777" stroke-dasharray="4 3"/>\n'
        f'{lines}\n<text x="{_WIDTH / 2}" y="{_HEIGHT - 4}" text-anchor="middle">{axis}</text></svg>\n',
        encoding="utf-8",
    )


def _y(value: float, top: float) -> float:
    return (_HEIGHT - _BELOW) * (1 - value / top) + 6
