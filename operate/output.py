"""Prints what commands have to say: text for people, one JSON document for programs, progress beside both.

Results go to standard output, progress and remarks to standard error. Nothing needs a terminal, colour, or more than 40
columns.
"""

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from shared.storage.names import printable

SECONDS_BETWEEN_LINES = 5.0
_TABLE_FROM = 72  # columns from which on a table reads better than a list
_MINUTE, _HOUR = 60, 3600
_NOT_PLAIN = re.compile(r"[^\n -~]")

Cell = str | Text


class Counter(Protocol):
    """Counts what is done, and shows it."""

    def advance(self, count: int = 1) -> None:
        """Count further things as done."""

    def remark(self, text: str) -> None:
        """Show ``text`` beside the count."""


class Output:
    """Prints for one command; ``as_json`` leaves standard output to one JSON document."""

    def __init__(self, *, as_json: bool = False, colour: bool = True, width: int | None = None) -> None:
        self.as_json = as_json
        options = {"emoji": False, "highlight": False, "no_color": None if colour else True, "width": width}
        self.results = Console(**options)  # type: ignore[arg-type] # the options differ in type
        self.progress_console = Console(stderr=True, **options)  # type: ignore[arg-type] # the same

    def say(self, text: Cell = "") -> None:
        """Print a line of the result for people; with ``--json`` nothing."""
        if not self.as_json:
            self.results.print(text if isinstance(text, Text) else visible(text), markup=False, soft_wrap=False)

    def indented(self, text: Cell, by: int) -> None:
        """Print a paragraph of the result for people, all of its lines ``by`` columns to the right."""
        if not self.as_json:
            self.results.print(Padding(_cell(text), (0, 0, 0, by)))

    def remark(self, text: Cell) -> None:
        """Print a line that is no part of the result."""
        shown = text if isinstance(text, Text) else visible(text)
        self.progress_console.print(shown, markup=False, soft_wrap=False)

    def document(self, content: object) -> None:
        """Print the result for programs; without ``--json`` nothing."""
        if self.as_json:
            sys.stdout.write(f"{_as_json(content)}\n")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Print a table; in a narrow terminal, each row as a list. No cell is cut."""
        if self.as_json:
            return
        if self.results.width < _TABLE_FROM:
            for row in rows:
                self._list(headings, row)
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(_cell(cell) for cell in row))
        self.results.print(table)

    def _list(self, headings: Sequence[str], row: Sequence[Cell]) -> None:
        """Print a row below its first cell, leaving out what is empty."""
        first, *others = row
        self.results.print(_cell(first), style="bold")
        for heading, cell in zip(headings[1:], others, strict=True):
            if str(cell):
                self.results.print(Text.assemble(f"  {heading}: ", _cell(cell)))

    @contextmanager
    def progress(self, description: str, total: int | None = None) -> Iterator[Counter]:
        """Show how far things are, with rate and time left; without a terminal, a line now and then."""
        with self.several((description, total)) as (counter,):
            yield counter

    @contextmanager
    def several(self, *counted: tuple[str, int | None]) -> Iterator[list[Counter]]:
        """Show how far several things are, each with its total, as ``progress`` does."""
        if not is_live(self.progress_console):
            lines = [_Lines(self.progress_console, description, total) for description, total in counted]
            yield list(lines)
            for each in lines:
                each.end()
            return
        wide = (BarColumn(bar_width=20),) if self.progress_console.width >= _TABLE_FROM else ()
        columns = (TextColumn("{task.description}", markup=False), *wide, MofNCompleteColumn(), _Rate())
        with Progress(
            *columns, TimeRemainingColumn(compact=True), _Remark(), console=self.progress_console
        ) as progress:
            yield [_Bar(progress, progress.add_task(name, total=total, remark="")) for name, total in counted]


class _Bar:
    """Counts on a terminal."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, count: int = 1) -> None:
        self._progress.advance(self._task, count)

    def remark(self, text: str) -> None:
        self._progress.update(self._task, remark=visible(text))


class _Lines:
    """Counts where there is no terminal: a line every few seconds."""

    def __init__(self, console: Console, description: str, total: int | None) -> None:
        self._console, self._description, self._total = console, description, total
        self._count, self._remark = 0, ""
        self._started = self._shown = time.monotonic()

    def advance(self, count: int = 1) -> None:
        self._count += count
        self._show_now_and_then()

    def remark(self, text: str) -> None:
        self._remark = text
        self._show_now_and_then()

    def end(self) -> None:
        self._show()

    def _show_now_and_then(self) -> None:
        if time.monotonic() >= self._shown + SECONDS_BETWEEN_LINES:
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        rate = self._count / max(self._shown - self._started, 0.001)
        parts = [f"{self._description}: {self._count:,}{f' of {self._total:,}' if self._total else ''}"]
        if self._count:
            parts.append(f"{rate:.1f}/s")
        if self._total and 0 < self._count < self._total:
            parts.append(f"{duration((self._total - self._count) / rate)} left")
        if self._remark:
            parts.append(visible(self._remark))
        self._console.print(", ".join(parts), markup=False)


class _Rate(ProgressColumn):
    """Shows things per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="dim")


class _Remark(ProgressColumn):
    """Shows the latest remark."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["remark"]), style="dim", overflow="ellipsis", no_wrap=True)


def visible(text: object) -> str:
    """Return ``text`` with control characters and line breaks escaped: file names may contain any."""
    return printable(str(text)).replace("\n", "\\n")


def duration(seconds: float) -> str:
    """Return a time in words, as exact as anybody needs it."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"


def is_live(console: Console) -> bool:
    """Whether a console can redraw what it shows."""
    return console.is_terminal and not console.is_dumb_terminal


def _as_json(content: object) -> str:
    """Return JSON in which letters are readable, and nothing steers a terminal: it escapes C0 by itself alone."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return _NOT_PLAIN.sub(lambda match: match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1], text)


def _cell(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(visible(cell))
