"""Plans a backfill: which file goes to which item, which of several wins, and what cannot be uploaded."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from operate import catalogue as catalogues
from operate.backfill import maps, meaning
from operate.backfill.blob_names import Unnameable, blob_name
from operate.backfill.maps import MapLine
from operate.backfill.meaning import Meaning
from operate.backfill.named_files import NamedFiles
from operate.backfill.photos import LARGEST, Photo, photos
from operate.backfill.rivals import Line, fail, place_of, settle, skip
from operate.catalogue import Catalogue
from operate.errors import about_company
from operate.manifest import FAULTS, Row, State
from operate.output import Counter
from operate.stopping import threads
from shared.business_central.client import BusinessCentral
from shared.errors import Waiting
from shared.paths import PathTemplate, as_code, guid_of

_ASKED_AT_ONCE = 4  # BC runs five requests of one user at a time
_ASKS_FOR_MAP = "a map said where it goes: name the map again with --map, or fill in use_item"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Wishes:
    """What somebody asked for.

    ``folder`` has the photographs, of at most ``largest`` bytes each; ``company`` is where no map names another.
    """

    folder: Path
    company: str
    map_path: Path | None = None
    only_missing: bool = False
    largest: int = LARGEST


class Planner:
    """Makes the rows of a backfill; it reads the folder and asks BC, and writes nothing.

    ``counter`` counts the rows of which BC has told.
    """

    def __init__(
        self, business_central: BusinessCentral, templates: Sequence[PathTemplate], default_company: str, wishes: Wishes
    ) -> None:
        self._bc, self._templates, self._default = business_central, templates, default_company
        self._wishes = wishes
        self._catalogues: dict[str, Catalogue] = {}

    def plan(self, counter: Counter) -> list[Row]:
        """Return a row for each file, and for each line of the map.

        Raises:
            Waiting: the company is unknown; one that only the map names fails its lines.
        """
        listed = list(photos(self._wishes.folder, self._wishes.largest))
        if self._wishes.map_path:
            lines = self._mapped(NamedFiles(listed), maps.read(self._wishes.map_path))
            used = {line.row.file for line in lines}
            left_out = (photo for photo in listed if photo.name not in used)
            lines += [self._line(p if p.obstacle else Photo(p.name, obstacle="not in the map")) for p in left_out]
        else:
            if listed:
                self._catalogue(self._wishes.company)
            lines = self._named((photo, "") for photo in listed)
        return self._decided(lines, (), counter)

    def plan_again(self, failed: Iterable[Row], kept: Sequence[Row], counter: Counter) -> list[Row]:
        """Return new rows for the ``failed`` ones of an earlier run; its other rows are ``kept``.

        What somebody wrote into ``use_item`` is what a file means; else the map, if there is one; else its name. What
        a map said is not told by names.
        """
        finder = NamedFiles(photos(self._wishes.folder, self._wishes.largest))
        lines: list[Line] = []
        corrected: list[tuple[Photo, Row]] = []
        in_map: list[tuple[Photo, Row]] = []
        named: list[tuple[Photo, str]] = []
        for row in failed:
            photo, problem = finder.find(row.file)
            if not photo:
                lines.append(_as_before(row, problem))
            elif row.use_item.strip():
                corrected.append((photo, row))
            elif self._wishes.map_path:
                in_map.append((photo, row))
            elif row.from_map:
                lines.append(_as_before(row, _ASKS_FOR_MAP))
            else:
                named.append((photo, row.company))
        lines += [*self._corrected(finder, corrected), *self._mapped_again(finder, in_map), *self._named(named)]
        return self._decided(lines, kept, counter)

    def complete(self, rows: Iterable[Row], counter: Counter) -> None:
        """Say of an earlier plan's rows, by company and item id, what happens to each as things are now."""
        lines = [Line(row) for row in rows]
        self._describe(lines, counter)
        for line in lines:
            self._finish(line)

    def _named(self, files: Iterable[tuple[Photo, str]]) -> list[Line]:
        """Return the lines of files whose names say which item of a company they show."""
        lines: list[Line] = []
        by_company: dict[str, list[tuple[Line, str]]] = defaultdict(list)
        for photo, company in files:
            line = self._line(photo, company)
            lines.append(line)
            by_company[line.row.company].append((line, photo.name))
        for company, pairs in by_company.items():
            self._fill_in(company, pairs, meaning.of_names)
        return lines

    def _mapped(self, finder: NamedFiles, entries: Iterable[MapLine]) -> list[Line]:
        """Return the lines of a map, in order."""
        lines: list[Line] = []
        by_company: dict[str, list[tuple[Line, MapLine]]] = defaultdict(list)
        for entry in entries:
            photo, problem = finder.find(entry.file)
            line = self._line(photo or Photo(entry.file, obstacle=problem, is_fault=True), entry.company)
            line.row.item, line.row.from_map = next(iter(entry.item.values()), ""), "yes"
            lines.append(line)
            by_company[line.row.company].append((line, entry))
        for company, pairs in by_company.items():
            self._fill_in(company, pairs, meaning.of_map_lines)
        return lines

    def _corrected(self, finder: NamedFiles, pairs: Sequence[tuple[Photo, Row]]) -> list[Line]:
        """Return the lines of rows into which somebody has written the item."""
        entries = [MapLine(0, photo.name, row.company, _item_of(row.use_item.strip())) for photo, row in pairs]
        lines = self._mapped(finder, entries)
        for line, (_, row) in zip(lines, pairs, strict=True):
            line.row.use_item, line.row.from_map = row.use_item, row.from_map
        return lines

    def _mapped_again(self, finder: NamedFiles, pairs: Sequence[tuple[Photo, Row]]) -> Iterator[Line]:
        """Yield the map's lines of files that failed."""
        if not pairs or not self._wishes.map_path:
            return
        wanted = {photo for photo, _ in pairs}
        entries = (entry for entry in maps.read(self._wishes.map_path) if finder.find(entry.file)[0] in wanted)
        lines = self._mapped(finder, entries)
        yield from lines
        there = {line.row.file for line in lines}
        yield from (_as_before(row, "not in the map") for photo, row in pairs if photo.name not in there)

    def _line(self, photo: Photo, company: str = "") -> Line:
        row = Row(photo.name, company=company or self._wishes.company)
        if photo.obstacle:
            row.state, row.reason = State.FAILED if photo.is_fault else State.SKIPPED, photo.obstacle
        return Line(row)

    def _fill_in(
        self,
        company: str,
        pairs: Sequence[tuple[Line, _T]],
        ask: Callable[[Catalogue, Sequence[_T]], Iterable[Meaning]],
    ) -> None:
        """Find out what the lines that may become pictures mean, in one company."""
        usable = [(line, what) for line, what in pairs if line.row.state is State.PLANNED]
        if not usable:
            return
        try:
            catalogue = self._catalogue(company)
        except Waiting as failure:  # no such company
            for line, _ in usable:
                fail(line.row, about_company(failure))
            return
        for (line, _), meant in zip(usable, ask(catalogue, [what for _, what in usable]), strict=True):
            if meant.item is None:
                fail(line.row, meant.problem)
            else:
                line.view = meant.view
                line.row.view, line.row.item, line.row.item_id = meant.view.name, meant.item.number, meant.item.id
                line.row.company = meant.item.company.name

    def _catalogue(self, company: str) -> Catalogue:
        if company not in self._catalogues:
            self._catalogues[company] = catalogues.open_company(self._bc, company)
        return self._catalogues[company]

    def _decided(self, lines: Iterable[Line], kept: Iterable[Row], counter: Counter) -> list[Row]:
        """Return the rows with what happens to each; the items of ``kept`` have their pictures already."""
        earlier = [row for row in kept if row.item_id]
        left = _without_doubles(lines, earlier)
        self._describe(left, counter)
        left_alone = (*FAULTS, State.SKIPPED)
        settle(self._wishes.folder, left, {place_of(row): row for row in earlier if row.state not in left_alone})
        for line in left:
            self._finish(line)
        return [line.row for line in left]

    def _describe(self, lines: Sequence[Line], counter: Counter) -> None:
        """Ask for names and pictures of the items; what BC has removed meanwhile fails."""
        by_company: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
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
                fail(line.row, "the item was removed meanwhile")

    def _finish(self, line: Line) -> None:
        """Say what happens to a line that is still to be uploaded, and under which name."""
        self._tell_picture(line)
        row, found = line.row, line.found
        if row.state is not State.PLANNED or not found:
            return
        extension = row.file.rpartition(".")[2].lower()
        try:
            row.blob = blob_name(found, extension, self._templates, self._company_id)
        except Unnameable as error:
            fail(row, str(error))

    def _tell_picture(self, line: Line) -> None:
        """Say what BC has of the item; leave it alone if it has a picture and that is the wish."""
        row, found = line.row, line.found
        if not found:
            return
        row.item, row.description = found.item.number, found.name
        row.has_picture = "yes" if found.item.has_picture else "no"
        if self._wishes.only_missing and found.item.has_picture and row.state is State.PLANNED:
            skip(row, "the item has a picture")

    def _company_id(self, spelling: str | None) -> str:
        catalogue = self._catalogue(spelling or self._default)
        return catalogue.company.id


def has_open_correction(row: Row) -> bool:
    """Whether somebody has written another item into the row than it goes to."""
    wanted = row.use_item.strip()
    return bool(wanted) and guid_of(wanted) != row.item_id and as_code(wanted) != row.item


def _item_of(text: str) -> dict[str, str]:
    return {"id" if guid_of(text) else "number": text}


def _as_before(row: Row, reason: str) -> Line:
    """Return the row of an earlier run as one that goes on failing."""
    return Line(replace(row, state=State.FAILED, reason=reason, item_id="", blob="", etag="", time=""))


def _without_doubles(lines: Iterable[Line], earlier: Iterable[Row]) -> list[Line]:
    """Leave out what says of a file and its item what another line or an ``earlier`` row says: a map may do so."""
    seen = {row.key for row in earlier}
    left: list[Line] = []
    for line in lines:
        if line.row.key not in seen:
            left.append(line)
        if line.row.item_id:
            seen.add(line.row.key)
    return left
