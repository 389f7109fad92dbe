"""What the benchmark found, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from devstack.benchmarks.results import OURS, geometric_mean, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from devstack.benchmarks.memory import Case
    from devstack.benchmarks.results import Picture, Run
    from devstack.benchmarks.throughput import Throughput

UNKNOWN = "–"
SAMPLE = "sample"
_LONG = 100  # milliseconds, from which on tenths say nothing


def number(value: float | None, decimals: int = 0) -> str:
    """Return a figure as people read it; a dash where there is none."""
    return UNKNOWN if value is None else f"{value:,.{decimals}f}"


def print_comparison(console: Console, pictures: Sequence[Picture]) -> None:
    """Print time, likeness and memory, and the figures in one line."""
    names = list(pictures[0].runs)
    for table in (_times, _likeness, _memory):
        console.print(table(names, pictures))
    console.print(escape(verdict(pictures)), soft_wrap=True)
    for picture in pictures:
        left_out = " (not in the mean)" if picture.ratio is None else ""
        for line in refusals(picture):
            console.print(escape(f"{picture.name}{left_out}: {line}"), soft_wrap=True)


def verdict(pictures: Sequence[Picture]) -> str:
    """Say how ours stands against the best of libvips and sharp."""
    highest = worst(pictures)
    if highest is None:
        return "No picture was rendered by ours, libvips and sharp alike, so there is nothing to compare."
    rated = sum(picture.ratio is not None for picture in pictures)
    return (
        f"Ours ÷ the best of libvips and sharp: {number(geometric_mean(pictures), 2)} (geometric mean, pictures: "
        f"{rated}), at most {number(highest.ratio, 2)} ({highest.name})."
    )


def refusals(picture: Picture) -> Iterator[str]:
    """Say which renderer refused this picture, and why."""
    for name, reason in picture.refusals.items():
        yield f"{name} refused it: {' '.join(reason.split())}"


def _times(names: Sequence[str], pictures: Sequence[Picture]) -> Table:
    table = _table("Milliseconds: least (median)", *names, "ratio")
    for picture in pictures:
        times = [_time(picture.runs[name]) for name in names]
        table.add_row(escape(picture.name), *times, number(picture.ratio, 2))
    return table


def _time(run: Run) -> str:
    if run.least is None:
        return "refused"
    return f"{number(run.least, 1 if run.least < _LONG else 0)} ({number(run.median)})"


def _likeness(names: Sequence[str], pictures: Sequence[Picture]) -> Table:
    judged = [name for name in names if name != SAMPLE]  # it leaves pictures on their side
    table = _table("SSIM of resampling; as JPEG, and at best; size", "resampled", *judged, "at best", "kB")
    for picture in pictures:
        ssims = (picture.resampled, *(picture.runs[name].ssim for name in judged), picture.ceiling)
        size = picture.runs[OURS].bytes_out
        table.add_row(escape(picture.name), *(number(ssim, 3) for ssim in ssims), number(size and size / 1000))
    return table


def _memory(names: Sequence[str], pictures: Sequence[Picture]) -> Table:
    table = _table("Peak memory in MB, beyond interpreter and source", *names)
    for picture in pictures:
        table.add_row(escape(picture.name), *(number(picture.runs[name].peak_mb) for name in names))
    if all(run.peak_mb is None for picture in pictures for run in picture.runs.values()):
        table.caption = "It cannot be measured on this system."
    return table


def _table(title: str, *figures: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("picture", overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def print_memory(console: Console, cases: Sequence[Case]) -> None:
    """Print what the largest pictures take, and whether a conforming one stays as it is."""
    table = _table("The largest pictures, by ours", "peak MB", "ms", "rendition")
    for case in cases:
        what = f"refused: {case.refusal}" if case.refusal else "the same bytes" if case.unchanged else "new"
        table.add_row(case.name, number(case.peak_mb, 1), number(case.milliseconds, 1), escape(what))
    console.print(table)


def print_throughput(console: Console, found: Throughput) -> None:
    """Print the pictures per second of one process."""
    console.print(
        f"One process, {found.pictures} renditions: {found.by_one:.2f} pictures a second by one thread, "
        f"{found.by_all:.2f} by {found.threads} ({found.gain:.2f} times as many).",
        soft_wrap=True,
    )
