"""Prints what a backfill would do, and what it has done."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from operate.manifest import FAULTS, Row, State
from operate.output import Cell, Output, visible

_EXAMPLES = 3
_STYLES = {
    State.FAILED: "red",
    State.QUARANTINED: "red",
    State.WAITING: "yellow",
    State.SKIPPED: "dim",
    State.PLANNED: "green",
    State.UPDATED: "green",
    State.UNCHANGED: "green",
}
# What is counted, in this order, and in which words.
_WORDS = {
    State.PLANNED: "to upload",
    State.UPLOADING: "unknown: resume to find out",
    State.UPLOADED: "uploaded",
    State.UPDATED: "became pictures",
    State.UNCHANGED: "were pictures already",
    State.SUPERSEDED: "overtaken by a newer upload",
    State.WAITING: "waiting",
    State.QUARANTINED: "in quarantine",
    State.EXPORTED: "exported",
    State.SKIPPED: "skipped",
    State.FAILED: "failed",
}


def print_plan(output: Output, rows: Sequence[Row]) -> None:
    """Print what would happen to each file; what is wrong comes last, where it is seen."""
    usable = [row for row in rows if row.item_id and row.state not in FAULTS]
    if usable:
        output.table(("File", "Item", "Description", "Picture", "What happens"), (_planned(row) for row in usable))
    _print_left_out(output, rows)
    print_faults(output, rows)
    print_totals(output, rows)


def print_faults(output: Output, rows: Sequence[Row]) -> None:
    """Print what did not work, file by file."""
    faults = [row for row in rows if row.needs_somebody]
    if faults:
        output.say()
        output.table(("File", "Item", "What is wrong"), ((row.file, row.item, row.reason) for row in faults))


def print_totals(output: Output, rows: Sequence[Row]) -> None:
    """Print how many files are in which state."""
    counts = totals(rows)
    output.say()
    parts: list[str | tuple[str, str]] = []
    for state, words in _WORDS.items():
        if count := counts.get(state):
            parts += [", "] if parts else []
            parts.append((f"{count:,} {words}", _STYLES.get(state, "")))
    output.say(Text.assemble(*(parts or ["No files."])))


def totals(rows: Iterable[Row]) -> dict[str, int]:
    """Return the number of rows in each state."""
    return dict(Counter(str(row.state) for row in rows))


def as_document(rows: Sequence[Row], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the result for programs."""
    return {**more, "totals": totals(rows), "files": [asdict(row) for row in rows]}


def _planned(row: Row) -> tuple[Cell, ...]:
    return row.file, row.item, row.description, row.has_picture, _what_happens(row)


def _what_happens(row: Row) -> Text:
    return Text(visible(_in_words(row)), style=_STYLES.get(row.state, ""))


def _in_words(row: Row) -> str:
    if row.state is State.SKIPPED:
        return f"skipped: {row.reason}"
    if row.state is not State.PLANNED:
        return f"{row.state} {row.reason}".strip()
    verb = "replace the picture" if row.has_picture == "yes" else "upload"
    under = " under the item's id" if row.item_id in row.blob else ""
    view = f" ({row.view})" if row.view else ""
    return f"{verb}{view}{under}"


def _print_left_out(output: Output, rows: Iterable[Row]) -> None:
    """Print by reason what is no picture: there may be thousands."""
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.state is State.SKIPPED and not row.item_id:
            by_reason.setdefault(row.reason, []).append(row.file)
    if by_reason:
        output.say()
        output.table(("Left out", "Files", "For instance"), (_left_out(*each) for each in sorted(by_reason.items())))


def _left_out(reason: str, files: Sequence[str]) -> tuple[Cell, ...]:
    more = " …" if len(files) > _EXAMPLES else ""
    return reason, f"{len(files):,}", ", ".join(files[:_EXAMPLES]) + more
