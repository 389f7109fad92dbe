"""Plans a backfill: which file goes to which item, which of several wins, and what cannot be uploaded."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from operate import catalogue as catalogues
from operate.backfill import maps, meaning
from operate.backfill.blob_names import Unnameable, blob_name
from operate.backfill.maps import MapLine
from operate.backfill.meaning import Meaning
from operate.backfill.named_files import NO_FILE, NamedFiles
from operate.backfill.photos import Photo, photos
from operate.backfill.views import PLAIN, View
from operate.catalogue import Catalogue
from operate.errors import about_company
from operate.manifest import FAULTS, Row, State
from operate.output import Counter
from operate.stopping import threads
from shared.business_central.client import BusinessCentral
from shared.business_central.items import FoundItem
from shared.errors import Waiting
from shared.paths import PathTemplate, guid_of

_ASKED_AT_ONCE = 4  # BC runs five requests of one user at a time


@dataclass(frozen=True)
class Wishes:
    """What somebody asked for; ``folder`` has the photographs, ``company`` is where no map names another."""

    folder: Path
    company: str
    map_path: Path | None = None
    only_missing: bool = False


@dataclass(slots=True)
class _Line:
    """A row that is being planned, and what decides between it and others for the same item."""

    row: Row
    view: View = PLAIN
    found: FoundItem | None = None


class Planner:
    """Makes the rows of a backfill; it reads the folder and asks BC, and writes nothing."""

    def __init__(
        self, business_central: BusinessCentral, templates: Sequence[PathTemplate], default_company: str, wishes: Wishes
    ) -> None:
        self._bc, self._templates, self._default = business_central, templates, default_company
        self._wishes = wishes
        self._catalogues: dict[str, Catalogue] = {}

    def plan(self, counter: Counter, before: Iterable[Row] = (), again: Sequence[Row] | None = None) -> list[Row]:
        """Return a row for each file, and for each line of the map; ``counter`` counts those that BC has told about.

        ``before`` are the rows of an earlier run, whose items have their pictures already. With ``again`` only these
        rows' files count, and an item that somebody wrote into a row is what its file means.
        """
        wanted = None if again is None else {row.file for row in again}
        listed = [photo for photo in photos(self._wishes.folder) if wanted is None or photo.name in wanted]
        if self._wishes.map_path:
            lines = self._mapped(listed, maps.read(self._wishes.map_path), wanted)
        else:
            lines = self._named(listed) if again is None else self._corrected(listed, again)
        self._describe(lines, counter)
        self._settle_rivals(lines, {row.item_id: row for row in before if row.item_id and row.state not in FAULTS})
        for line in lines:
            self._finish(line)
        return [line.row for line in lines]

    def _named(self, listed: Iterable[Photo]) -> list[_Line]:
        """Return the lines of files whose names say which item they show."""
        lines = [_line_of(photo, self._wishes.company) for photo in listed]
        self._fill_in(self._wishes.company, lines, _of_names)
        return lines

    def _corrected(self, listed: Sequence[Photo], again: Iterable[Row]) -> list[_Line]:
        """Return the lines of files that failed before, by the items in their rows or else by their names."""
        entries = [
            MapLine(0, row.file, row.company, {"id" if guid_of(row.item) else "number": row.item})
            for row in again
            if row.item
        ]
        given = {entry.file for entry in entries}
        lines = self._mapped([photo for photo in listed if photo.name in given], entries)
        lines += self._named([photo for photo in listed if photo.name not in given])
        there = {line.row.file for line in lines}
        gone = [Photo(row.file, obstacle=NO_FILE, is_fault=True) for row in again if row.file not in there]
        return [*lines, *(_line_of(photo, self._wishes.company) for photo in gone)]

    def _mapped(
        self, listed: Sequence[Photo], entries: Iterable[MapLine], wanted: set[str] | None = None
    ) -> list[_Line]:
        """Return the lines of the map, and of the files that it leaves out."""
        files, used = NamedFiles(listed), set[str]()
        by_company: dict[str, dict[int, tuple[_Line, MapLine]]] = defaultdict(dict)
        lines: list[_Line] = []
        for entry in entries:
            photo, problem = files.find(entry.file)
            if wanted is not None and not photo:
                continue
            company = entry.company or self._wishes.company
            line = _line_of(photo or Photo(entry.file, obstacle=problem, is_fault=True), company)
            line.row.item = next(iter(entry.item.values()), "")
            used.add(line.row.file)
            lines.append(line)
            by_company[company][id(line)] = line, entry
        for company, pairs in by_company.items():
            of = {key: entry for key, (_, entry) in pairs.items()}
            self._fill_in(company, [line for line, _ in pairs.values()], partial(_of_map, of))
        for photo in listed:
            if photo.name not in used:
                left_out = photo if photo.obstacle else Photo(photo.name, obstacle="not in the map")
                lines.append(_line_of(left_out, self._wishes.company))
        return lines

    def _fill_in(
        self, company: str, lines: Sequence[_Line], ask: Callable[[Catalogue, list[_Line]], Iterator[Meaning]]
    ) -> None:
        """Find out what the lines that may become pictures mean, in one company."""
        usable = [line for line in lines if line.row.state is State.PLANNED]
        if not usable:
            return
        try:
            catalogue = self._catalogue(company)
        except Waiting as failure:  # no such company
            if not self._wishes.map_path:
                raise
            for line in usable:
                _fail(line.row, about_company(failure))
            return
        for line, meant in zip(usable, ask(catalogue, usable), strict=True):
            if meant.item is None:
                _fail(line.row, meant.problem)
            else:
                line.view = meant.view
                line.row.view, line.row.item, line.row.item_id = meant.view.name, meant.item.number, meant.item.id
                line.row.company = meant.item.company.name

    def _catalogue(self, company: str) -> Catalogue:
        if company not in self._catalogues:
            self._catalogues[company] = catalogues.open_company(self._bc, company)
        return self._catalogues[company]

    def _describe(self, lines: Iterable[_Line], counter: Counter) -> None:
        """Ask for names and pictures of the items; what BC has removed meanwhile fails."""
        by_company: dict[str, dict[str, list[_Line]]] = defaultdict(lambda: defaultdict(list))
        for line in lines:
            if line.row.item_id:
                by_company[line.row.company][line.row.item_id].append(line)
        for company, by_item in by_company.items():
            catalogue = self._catalogue(company)
            with threads(_ASKED_AT_ONCE) as pool:
                described = pool.map(
                    lambda batch, of=catalogue: list(of.describe(batch)), catalogues.batches(by_item, catalogues.BATCH)
                )
                for found in (each for batch in described for each in batch):
                    for line in by_item.get(found.item.id, ()):
                        line.found = found
                        counter.advance()
        for line in lines:
            if line.row.item_id and not line.found:
                _fail(line.row, "the item was removed meanwhile")

    def _settle_rivals(self, lines: Iterable[_Line], taken: Mapping[str, Row]) -> None:
        """Leave one picture for each item: the one whose view goes first."""
        rivals: dict[str, list[_Line]] = defaultdict(list)
        for line in lines:
            if line.row.state is State.PLANNED and line.row.item_id:
                rivals[line.row.item_id].append(line)
        for item_id, some in rivals.items():
            if earlier := taken.get(item_id):
                for line in some:
                    _fail(line.row, f"{earlier.file} went to this item already")
                continue
            best = min(line.view.rank for line in some)
            first = [line for line in some if line.view.rank == best]
            for line in some:
                if line not in first:
                    _skip(line.row, f"{first[0].row.file} goes before it")
            if len(first) > 1:
                self._settle_equals(first)

    def _settle_equals(self, equals: Sequence[_Line]) -> None:
        """Take the first of several files with the same bytes; several pictures are nobody's to choose between."""
        contents = {_digest(self._wishes.folder / line.row.file) for line in equals}
        if len(contents) == 1:
            for line in equals[1:]:
                _skip(line.row, f"the same picture as {equals[0].row.file}")
            return
        for line in equals:
            other = next(each for each in equals if each is not line)
            _fail(line.row, f"{other.row.file} claims the same item and ranks equally: rename or remove one of them")

    def _finish(self, line: _Line) -> None:
        """Say what happens to a line that is still to be uploaded, and under which name."""
        row, found = line.row, line.found
        if found:
            row.description, row.has_picture = found.name, "yes" if found.item.has_picture else "no"
        if row.state is not State.PLANNED or not found:
            return
        if self._wishes.only_missing and found.item.has_picture:
            _skip(row, "the item has a picture")
            return
        extension = row.file.rpartition(".")[2].lower()
        try:
            row.blob = blob_name(found, extension, self._templates, self._company_id)
        except Unnameable as error:
            _fail(row, str(error))

    def _company_id(self, spelling: str | None) -> str:
        catalogue = self._catalogue(spelling or self._default)
        return catalogue.company.id


def _of_map(entries: Mapping[int, MapLine], catalogue: Catalogue, lines: Iterable[_Line]) -> Iterator[Meaning]:
    return meaning.of_map_lines(catalogue, [entries[id(line)] for line in lines])


def _of_names(catalogue: Catalogue, lines: Iterable[_Line]) -> Iterator[Meaning]:
    return meaning.of_names(catalogue, [line.row.file for line in lines])


def _line_of(photo: Photo, company: str) -> _Line:
    row = Row(photo.name, company=company)
    if photo.obstacle:
        row.state, row.reason = State.FAILED if photo.is_fault else State.SKIPPED, photo.obstacle
    return _Line(row)


def _fail(row: Row, reason: str) -> None:
    row.state, row.reason = State.FAILED, reason


def _skip(row: Row, reason: str) -> None:
    row.state, row.reason = State.SKIPPED, reason


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
