"""Says anew where files go that failed in an earlier run, and those that have come into the folder since."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from operate.backfill import maps
from operate.backfill.lines import NOT_IN_MAP, Lines, named_by
from operate.backfill.maps import MapLine
from operate.backfill.named_files import NO_FILE, NamedFiles, is_unfound
from operate.backfill.photos import Photo
from operate.backfill.rivals import Line, fail, reasons_behind
from operate.errors import Problem
from operate.manifest import Row, State
from shared.errors import Waiting
from shared.paths import guid_of

_REMOVED = "removed since"
_ASKS_FOR_MAP = "a map said where it goes: name the map again with --map, or fill in use_item"
_IS_NEW = "new in the folder, and a map said where the others go: name the map again with --map, or fill in use_item"
_GONE = "gone from the folder: name the map again with --map"
_UNUSABLE = f"{NO_FILE}: write its new name into this row, or empty use_item"
_UNNAMED = f"{NOT_IN_MAP}: add it there, or set this row to skipped"
_WHICH_COMPANY = "the list has several companies: write into this row's column company which one"


class Again:
    """Plans a list anew: its ``failed`` rows, by what the folder, the operator and the map say now.

    ``listed`` is what ``folder`` has. The list's other rows are ``kept``.
    """

    def __init__(
        self,
        lines: Lines,
        folder: Path,
        map_path: Path | None,
        listed: Sequence[Photo],
        failed: Sequence[Row],
        kept: list[Row],
    ) -> None:
        self._lines, self._folder, self._map_path = lines, folder, map_path
        self._listed, self._failed, self._kept = listed, failed, kept
        self._there = {photo.name: photo for photo in listed}
        # Reasons for which a file was left out, and which hold no longer.
        self._outdated = {_REMOVED, *([NOT_IN_MAP] if map_path else [])}
        for row in failed:
            if row.file not in self._there:
                self._outdated.update(reasons_behind(row.file))

    def lines(self) -> list[Line]:
        """Return the new lines; rows of ``kept`` that were left out, and are not any more, leave it.

        Raises:
            Problem: this is not the folder of the list, or the map cannot be read.
        """
        self._check_folder()
        corrected = [row for row in self._failed if row.use_item.strip()]
        others = [row for row in self._failed if not row.use_item.strip()]
        lines = self._mapped(others, self._map_path) if self._map_path else self._named(others)
        told = {line.row.file for line in lines}
        self._kept[:] = [row for row in self._kept if not (self._is_open(row) and row.file in told)]
        return [*self._corrected(corrected), *lines]

    def _check_folder(self) -> None:
        """Refuse another folder: all of the list would count as removed, and all of the folder as new."""
        there = (self._there.get(row.file) for row in (*self._failed, *self._kept))
        is_there = any(photo and (photo.is_fault or not photo.obstacle) for photo in there)  # Thumbs.db is everywhere
        if not is_there and any(row.item_id for row in self._kept):
            raise Problem(f"{self._folder} has none of the list's files. Name the folder for which it was made.")

    def _corrected(self, rows: Sequence[Row]) -> list[Line]:
        """Return the lines of rows into which somebody has written the item."""
        there = [row for row in rows if row.file in self._there]
        lines = self._lines.mapped(
            (self._there[row.file], MapLine(0, row.file, row.company, _item_of(row.use_item.strip()))) for row in there
        )
        for line, row in zip(lines, there, strict=True):
            line.row.use_item, line.row.from_map = row.use_item, row.from_map
        return [*lines, *(_as_before(row, _UNUSABLE) for row in rows if row.file not in self._there)]

    def _named(self, rows: Sequence[Row]) -> list[Line]:
        """Return the lines of files that their names describe. What a map said is not told by names."""
        lines: list[Line] = []
        files: list[tuple[Photo, str]] = []
        new = self._new()
        for row in rows:
            photo = self._there.get(row.file)
            if row.from_map:
                missing = row.reason if is_unfound(row.reason) else _GONE
                lines.append(_as_before(row, _ASKS_FOR_MAP if photo else missing))
            elif not photo:
                lines.append(self._without_file(row))
            elif row.company:
                files.append((photo, row.company))
            else:
                new.add(row.file)
        return [*lines, *self._lines.named(files), *self._new_lines([p for p in self._listed if p.name in new])]

    def _new_lines(self, new: Sequence[Photo]) -> list[Line]:
        """Return the lines of files of which only the rest of the list may tell the company, or that a map is asked."""
        if not new:
            return []
        company, is_by_map = self._company(), self._is_by_map()
        if company is not None and not is_by_map:
            return self._lines.named((photo, company) for photo in new)
        lines = [self._lines.line(photo) for photo in new]
        for row in (line.row for line in lines if line.row.state is State.PLANNED):
            row.company, row.from_map = company or "", "yes" if is_by_map else ""
            fail(row, _IS_NEW if is_by_map else _WHICH_COMPANY)
        return lines

    def _mapped(self, rows: Sequence[Row], map_path: Path) -> list[Line]:
        """Return the map's lines of files that failed or are new, and those that name no file."""
        wanted = {row.file for row in rows} | self._new()
        finder = NamedFiles(self._folder, self._listed)
        # A file that was uploaded may be gone by now; the map's line is no fault then.
        done_with = [row for row in self._kept if not self._is_open(row)]
        done_with += [row for row in self._failed if row.use_item.strip()]
        done_files = {row.file for row in done_with}  # one file may have gone to several items
        gone = NamedFiles(self._folder, (Photo(name) for name in done_files if name not in self._there))
        entries: list[tuple[Photo, MapLine]] = []
        for entry in maps.read(map_path):
            photo = named_by(entry, finder)
            if photo.name in wanted if photo.name in self._there else not gone.find(entry.file)[0]:
                entries.append((photo, entry))
        lines = self._lines.mapped(entries, self._company() or "")
        told = {line.row.file for line in lines}
        return [*lines, *(self._unnamed(row) for row in rows if row.file not in told)]

    def _unnamed(self, row: Row) -> Line:
        """Return the line of a row of which the map says nothing; it may be only a part of the first one."""
        if row.file in self._there or (row.from_map and is_unfound(row.reason)):
            return _as_before(row, _UNNAMED)
        return self._without_file(row)

    def _without_file(self, row: Row) -> Line:
        """Return the line of a file that was removed, or renamed, or whose folder cannot be looked into."""
        outer = (self._there.get(str(folder)) for folder in PurePosixPath(row.file).parents)
        if obstacle := next((photo.obstacle for photo in outer if photo), ""):
            return _as_before(row, obstacle)
        return _as_before(row, _REMOVED, State.SKIPPED)

    def _new(self) -> set[str]:
        """Return the files that the list does not have, or has left out for a reason that holds no longer."""
        rows = (row for row in (*self._failed, *self._kept) if not self._is_open(row))
        return self._there.keys() - {row.file for row in rows}

    def _is_open(self, row: Row) -> bool:
        """Whether a row was left out for a reason that holds no longer; what somebody has corrected stays corrected."""
        is_told = bool(self._map_path or not row.from_map) and not row.use_item.strip()
        return is_told and row.state is State.SKIPPED and row.reason in self._outdated

    def _is_by_map(self) -> bool:
        """Whether a map has made the list; a few rows may have got their items by one later."""
        rows = (*self._failed, *self._kept)
        return any(row.from_map for row in rows) and not any(
            row.item_id and not row.from_map and not row.use_item for row in rows
        )

    def _company(self) -> str | None:
        """Return the company of the list's rows; None if they have several."""
        spellings = {row.company for row in (*self._failed, *self._kept) if row.company}
        if len(spellings) < 2:  # noqa: PLR2004 - none or one
            return next(iter(spellings), "")
        companies: dict[str, str] = {}
        for spelling in sorted(spellings):
            with suppress(Waiting):  # no such company
                companies[self._lines.catalogue(spelling).company.id] = spelling
        return next(iter(companies.values())) if len(companies) == 1 else None


def _item_of(text: str) -> dict[str, str]:
    return {"id" if guid_of(text) else "number": text}


def _as_before(row: Row, reason: str, state: State = State.FAILED) -> Line:
    """Return the row of an earlier run without what it was to be uploaded as."""
    return Line(replace(row, state=state, reason=reason, item_id="", blob="", etag="", time=""))
