"""Decides which of several files for the same item is uploaded: one whose view goes first, never a guess."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from operate.backfill.views import PLAIN, View
from operate.manifest import Row, State
from shared.business_central.items import FoundItem

_BEHIND, _COPY = "{} goes before it", "the same picture as {}"
ItemPlace = tuple[str, str]  # company and id: a copied company has the ids of the first


@dataclass(slots=True)
class Line:
    """A row that is being planned, and what decides between it and others for the same item."""

    row: Row
    view: View = PLAIN
    found: FoundItem | None = None


def place_of(row: Row) -> ItemPlace:
    """Return which item a row means."""
    return row.company, row.item_id


def fail(row: Row, reason: str) -> None:
    """Say that the file cannot be uploaded."""
    row.state, row.reason = State.FAILED, reason


def skip(row: Row, reason: str) -> None:
    """Say that the file is left out, as intended."""
    row.state, row.reason = State.SKIPPED, reason


def reasons_behind(file: str) -> tuple[str, str]:
    """Return the reasons for which others are left out while ``file`` is there."""
    return _BEHIND.format(file), _COPY.format(file)


def settle(folder: Path, lines: Iterable[Line], taken: Mapping[ItemPlace, Line]) -> None:
    """Leave one picture for each item: the one whose view goes first; none for items that an earlier line has taken."""
    rivals: dict[ItemPlace, list[Line]] = defaultdict(list)
    for line in lines:
        if line.row.state is State.PLANNED and line.row.item_id:
            rivals[place_of(line.row)].append(line)
    for place, some in rivals.items():
        if earlier := taken.get(place):
            for line in some:
                _settle_late(line, earlier)
            continue
        best = min(line.view.rank for line in some)
        first = [line for line in some if line.view.rank == best]
        for line in some:
            if line not in first:
                skip(line.row, _BEHIND.format(first[0].row.file))
        if len(first) > 1:
            _settle_equals(folder, first)


def _settle_late(line: Line, earlier: Line) -> None:
    """Say of a file that came too late whether anybody misses it."""
    if earlier.view.rank < line.view.rank:
        skip(line.row, _BEHIND.format(earlier.row.file))
    else:
        fail(line.row, f"{earlier.row.file} went to this item already: set this row to skipped, or begin a new list")


def _settle_equals(folder: Path, equals: Sequence[Line]) -> None:
    """Take the first of several files with the same bytes; several pictures are nobody's to choose between."""
    contents = {_digest(folder / line.row.file) for line in equals}
    if len(contents) == 1:
        for line in equals[1:]:
            skip(line.row, _COPY.format(equals[0].row.file))
        return
    for line in equals:
        other = next(each for each in equals if each is not line)
        fail(line.row, f"{other.row.file} claims the same item and ranks equally: rename or remove one of them")


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
