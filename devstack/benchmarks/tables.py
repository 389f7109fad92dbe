"""Prints the benchmark's results in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from devstack.benchmarks.results import OURS, TUNED, geometric_mean, tuned_mean, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from devstack.benchmarks.memory import Case
    from devstack.benchmarks.results import Picture, Run
    from devstack.benchmarks.throughput import Throughput

UNKNOWN = "–"
SAMPLE = "sample"
_LONG = 100  # milliseconds above which tenths do not matter


def number(value: float | None, decimals: int = 0) -> str:
    """Return a number formatted for people, or a dash if it is missing."""
    return UNKNOWN if value is None else f"{value:,.{decimals}f}"


def print_comparison(console: Console, pictures: Sequence[Picture]) -> None:
    """Print time, likeness and memory, then a summary in one line and the refusals."""
    names = [name for name in pictures[0].runs if name not in TUNED]
    for table in (_times, _likeness, _memory):
        console.print(table(names, pictures))
    if TUNED[0] in pictures[0].runs:
        console.print(_tuned_times(pictures))
    console.print(escape(verdict(pictures)), soft_wrap=True)
    for picture in pictures:
        note = " (not in the mean)" if picture.ratio is None else ""
        for line in refusals(picture):
            console.print(escape(f"{picture.name}{note}: {line}"), soft_wrap=True)


def verdict(pictures: Sequence[Picture]) -> str:
    """Summarise how we compare with the best of libvips and sharp."""
    highest = worst(pictures)
    if highest is None:
        return "Nothing to compare: no picture was rendered by all of ours, libvips and sharp."
    count = sum(picture.ratio is not None for picture in pictures)
    return (
        f"Ours ÷ the best of libvips and sharp: {number(geometric_mean(pictures), 2)} (geometric mean, pictures: "
        f"{count}), at most {number(highest.ratio, 2)} ({highest.name}).{_tuned_verdict(pictures)}"
    )


def _tuned_verdict(pictures: Sequence[Picture]) -> str:
    mean = tuned_mean(pictures)
    return f" With our settings of the allocator for them too: {number(mean, 2)}." if mean else ""


def refusals(picture: Picture) -> Iterator[str]:
    """Yield a sentence for each renderer that refused this picture."""
    for name, reason in picture.refusals.items():
        yield f"{name} refused it: {' '.join(reason.split())}"


def _times(names: Sequence[str], pictures: Sequence[Picture]) -> Table:
    table = _table("Milliseconds: least (median)", *names, "ratio")
    for picture in pictures:
        times = [_time(picture.runs[name]) for name in names]
        table.add_row(escape(picture.name), *times, number(picture.ratio, 2))
    return table


def _tuned_times(pictures: Sequence[Picture]) -> Table:
    table = _table("The native tools with our settings of the allocator", OURS, *TUNED, "ratio")
    for picture in pictures:
        times = [_time(picture.runs[name]) for name in (OURS, *TUNED)]
        table.add_row(escape(picture.name), *times, number(picture.tuned_ratio, 2))
    return table


def _time(run: Run) -> str:
    if run.least is None:
        return "refused"
    return f"{number(run.least, 1 if run.least < _LONG else 0)} ({number(run.median)})"


def _likeness(names: Sequence[str], pictures: Sequence[Picture]) -> Table:
    rated = [name for name in names if name != SAMPLE]  # the sample code leaves pictures on their side
    table = _table("SSIM: resampling alone; JPEGs; best possible; size", "resampled", *rated, "best", "kB")
    for picture in pictures:
        ssims = (picture.resampled, *(picture.runs[name].ssim for name in rated), picture.ceiling)
        size = picture.runs[OURS].bytes_out
        table.add_row(escape(picture.name), *(number(ssim, 3) for ssim in ssims), number(size and size / 1000))
    return table


def _memory(names: Sequence[str], pictures: Sequence[Picture]) -> Table:
    table = _table("Peak memory in MB, on top of interpreter and source", *names)
    for picture in pictures:
        table.add_row(escape(picture.name), *(number(picture.runs[name].peak_mb) for name in names))
    if all(run.peak_mb is None for picture in pictures for run in picture.runs.values()):
        table.caption = "This system cannot measure it."
    return table


def _table(title: str, *figures: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("picture", overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def print_memory(console: Console, cases: Sequence[Case]) -> None:
    """Print the memory and time of the largest pictures, and whether a conforming one stays unchanged."""
    table = _table("The largest pictures, rendered by ours", "peak MB", "ms", "rendition")
    for case in cases:
        rendition = f"refused: {case.refusal}" if case.refusal else "unchanged" if case.unchanged else "new"
        table.add_row(case.name, number(case.peak_mb, 1), number(case.milliseconds, 1), escape(rendition))
    console.print(table)


def print_throughput(console: Console, result: Throughput) -> None:
    """Print the pictures per second of one process."""
    console.print(
        f"One process, {result.pictures} renditions: {result.by_one:.2f} pictures per second with one thread, "
        f"{result.by_all:.2f} with {result.threads} ({result.gain:.2f} times as many).",
        soft_wrap=True,
    )
