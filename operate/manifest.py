"""Keeps the list of what a command does: a CSV with a row for each file, written as things happen.

The file is complete at every moment: it is begun as a whole or not at all, then each change appends one row in one
write, and the last row of a file and item counts. When the command ends, and when a list is read again, the earlier
rows go. A row that a crash cut short is left out: what it would have said is then found out anew.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from enum import StrEnum
from itertools import chain, count
from pathlib import Path

from operate import list_locks
from operate.errors import Problem
from operate.text_files import encoding_of

# What a spreadsheet would take for a formula at the beginning of a cell, and our own guard. One with another separator
# than ours finds beginnings inside our cells.
_BEGINNING = r"(?:^|(?<=[;\t\"]))"
_FORMULA = r"(?=['=+\-@\t\r])"
_TO_GUARD, _GUARD = re.compile(_BEGINNING + _FORMULA), re.compile(f"{_BEGINNING}'{_FORMULA}")


class State(StrEnum):
    """How far a file has come."""

    PLANNED = "planned"
    UPLOADING = "uploading"  # begun, and nobody knows yet whether storage has it
    UPLOADED = "uploaded"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    QUARANTINED = "quarantined"
    WAITING = "waiting"
    EXPORTED = "exported"
    SKIPPED = "skipped"
    FAILED = "failed"


TO_DO = (State.PLANNED, State.UPLOADING)
FAULTS = (State.FAILED, State.QUARANTINED)


@dataclass(slots=True)
class Row:
    """One file and one item; what is unknown is empty. Times are storage's, in ISO 8601.

    Only ``use_item`` is the operator's: the item that the file is to go to, by number or id.
    """

    file: str
    item: str = ""
    description: str = ""
    state: State = State.PLANNED
    reason: str = ""
    use_item: str = ""
    view: str = ""
    has_picture: str = ""  # yes, no
    from_map: str = ""  # yes
    company: str = ""
    item_id: str = ""
    blob: str = ""
    etag: str = ""
    time: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two rows the same: one file may go to several items. A copied company has the ids of the first.

        Where nothing was found, what somebody wrote goes before ``item``: a spreadsheet shows two GTINs as 4.00638E+12.
        """
        return self.file, self.company, self.item_id or self.use_item or self.item

    @property
    def needs_somebody(self) -> bool:
        """Whether somebody has to look at it: it failed, waits, has vanished, or nobody can find out where it is."""
        is_open = self.state in (State.UPLOADING, State.UPLOADED)
        return self.state in (*FAULTS, State.WAITING) or (is_open and bool(self.reason))

    @property
    def command(self) -> str:
        """Which command has written it, backfill or export; empty if either can have."""
        if self.state is State.EXPORTED:
            return "export"
        if any((self.use_item, self.view, self.has_picture, self.from_map, self.blob)):
            return "backfill"
        if not self.file:
            return "export" if self.item_id and self.state is State.SKIPPED else ""
        return "" if self.item_id else "backfill"


COLUMNS = tuple(field.name for field in fields(Row))


class Manifest:
    """A list that is being written, by one process: ``kept`` sees to that.

    Raises:
        Problem: the list is new, and its name taken.
    """

    def __init__(self, path: Path, rows: list[Row], *, is_new: bool) -> None:
        self.path, self.rows = path, rows
        _write_whole(path, rows, is_new=is_new)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))

    def note(self, row: Row) -> None:
        """Append the row as it is now; it is in the file before this returns, so it outlives this process."""
        os.write(self._descriptor, _line(row).encode())

    def sync(self) -> None:
        """Return when all that was noted is on the disk, and outlives a power cut; safe to call from threads."""
        os.fsync(self._descriptor)

    def add(self, row: Row) -> None:
        """Append a row that was not in the list."""
        self.rows.append(row)
        self.note(row)

    def close(self) -> None:
        """Leave one row for each file and item."""
        os.close(self._descriptor)
        _write_whole(self.path, self.rows, is_new=False)


@contextmanager
def kept(path: Path, *, is_new: bool) -> Iterator[None]:
    """Keep the list at ``path`` to this process.

    Raises:
        Problem: another one is using it; it should be there and is not, or should not be there and is.
    """
    if path.exists() is is_new:
        raise _taken(path) if is_new else _missing(path)
    with list_locks.alone_with(path):
        yield


def read(path: Path, *, by: str = "") -> list[Row]:
    """Return the latest row of each file and item, in the order of their first rows.

    A row with a state that nobody knows has failed, or, if it was begun, has to be looked after.

    Raises:
        Problem: this is no such list, or not one that the command ``by`` has written.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise _missing(path) from None
    decoded = text.decode(encoding_of(path), errors="replace")
    whole = decoded[: decoded.rfind("\n") + 1]  # a crash may have cut the last row
    reader = csv.DictReader(io.StringIO(whole, newline=""), delimiter=_delimiter(whole))
    missing = [name for name in ("file", "item", "state") if name not in (reader.fieldnames or ())]
    if missing:
        raise Problem(f"{path} is not a list of this command: it has no column {missing[0]!r}.")
    rows: dict[tuple[str, str, str], Row] = {}
    for values in reader:
        if any(values.get(name) for name in COLUMNS):  # a spreadsheet leaves a line of what somebody has emptied
            row = _row(values)
            rows[row.key] = row
            if by and row.command not in (by, ""):
                raise Problem(f"{path} is a list of {row.command}: only item-pictures {row.command} continues it.")
    return list(rows.values())


def _delimiter(text: str) -> str:
    """Return the separator: a spreadsheet may have saved the list with its own."""
    heading = text.partition("\n")[0]
    return max(",;\t", key=heading.count)


def _row(values: dict[str, str | None]) -> Row:
    cells = {name: unguarded(values.get(name) or "") for name in COLUMNS}
    written = cells.pop("state")
    try:
        return Row(state=State(written.strip().lower()), **cells)
    except ValueError:
        if cells["etag"] or cells["time"]:  # it was begun: planned anew, it might be uploaded twice
            return Row(state=State.UPLOADED if cells["etag"] else State.UPLOADING, **cells)
        cells["reason"] = f"{written!r} is no state; the states are {', '.join(State)}"
        return Row(state=State.FAILED, **cells)


def _write_whole(path: Path, rows: Iterable[Row], *, is_new: bool) -> None:
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        file.write("\ufeff")  # or a spreadsheet takes the text for Windows-1252
        file.write(",".join(COLUMNS) + "\r\n")
        for row in rows:
            file.write(_line(row))
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            partial.unlink()
            raise _taken(path) from None
    partial.replace(path)


def new_path(command: str) -> Path:
    """Return a name for a new list: the command and the time, with a number where another list has that name."""
    name = f"{command}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(path for each in names if not (path := Path(f"{each}.csv")).exists())


def _taken(path: Path) -> Problem:
    return Problem(f"{path} exists. Continue it with --resume {path}, or choose another name.")


def _missing(path: Path) -> Problem:
    return Problem(f"{path} does not exist. A list is named when its command begins.")


def _line(row: Row) -> str:
    target = io.StringIO()
    cells = (str(cell).replace("\r", " ").replace("\n", " ") for cell in astuple(row))
    csv.writer(target, lineterminator="\r\n").writerow(map(_guarded, cells))
    return target.getvalue()


def _guarded(text: str) -> str:
    return _TO_GUARD.sub("'", text)


def unguarded(text: str) -> str:
    """Return a cell without the apostrophes by which it is no formula."""
    return _GUARD.sub("", text)
