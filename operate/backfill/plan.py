"""Plans a backfill: which file goes to which item, which of several wins, and what cannot be uploaded."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from operate import catalogue as catalogues
from operate.backfill import maps
from operate.backfill.again import Again
from operate.backfill.blob_names import Unnameable, blob_name
from operate.backfill.lines import NOT_IN_MAP, Lines, named_by
from operate.backfill.named_files import NamedFiles
from operate.backfill.photos import LARGEST, Photo, photos
from operate.backfill.rivals import ItemPlace, Line, fail, place_of, settle, skip
from operate.backfill.views import PLAIN
from operate.manifest import FAULTS, Row, State
from operate.output import Counter
from operate.stopping import threads
from shared.business_central.client import BusinessCentral
from shared.paths import PathTemplate, as_code, guid_of

_ASKED_AT_ONCE = 4  # BC runs five requests of one user at a time


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
        self._templates, self._default, self._wishes = templates, default_company, wishes
        self._lines = Lines(business_central, wishes.company)

    def plan(self, counter: Counter) -> list[Row]:
        """Return a row for each file, and for each line of the map.

        Raises:
            Waiting: the company is unknown; one that only the map names fails its lines.
        """
        listed = self._listed()
        if self._wishes.map_path:
            finder = NamedFiles(self._wishes.folder, listed)
            lines = self._lines.mapped((named_by(entry, finder), entry) for entry in maps.read(self._wishes.map_path))
            used = {line.row.file for line in lines}
            left_out = (photo for photo in listed if photo.name not in used)
            lines += [self._lines.line(p if p.obstacle else Photo(p.name, obstacle=NOT_IN_MAP)) for p in left_out]
        else:
            if listed:
                self._lines.catalogue(self._wishes.company)
            lines = self._lines.named((photo, "") for photo in listed)
        return self._decided(lines, (), counter)

    def plan_again(self, failed: Iterable[Row], kept: list[Row], counter: Counter) -> list[Row]:
        """Return new rows for the ``failed`` ones of an earlier run, and for files that are new in the folder.

        What somebody wrote into ``use_item`` is what a file means; else the map, if there is one; else its name. What
        a map said is not told by names. The list's other rows are ``kept``; those that were left out for a reason that
        holds no longer are planned too, and leave it.

        Raises:
            Problem: the list was made for another folder.
        """
        again = Again(self._lines, self._wishes.folder, self._wishes.map_path, self._listed(), list(failed), kept)
        return self._decided(again.lines(), kept, counter)

    def complete(self, rows: Iterable[Row], counter: Counter) -> None:
        """Say of an earlier plan's rows, by company and item id, what happens to each as things are now."""
        lines = [Line(row) for row in rows]
        self._describe(lines, counter)
        for line in lines:
            self._finish(line)

    def _listed(self) -> list[Photo]:
        return list(photos(self._wishes.folder, self._wishes.largest))

    def _decided(self, lines: Iterable[Line], kept: Iterable[Row], counter: Counter) -> list[Row]:
        """Return the rows with what happens to each; the items of ``kept`` have their pictures already."""
        earlier = [row for row in kept if row.item_id]
        left = _without_doubles(lines, earlier)
        self._describe(left, counter)
        left_alone = (*FAULTS, State.SKIPPED)
        taken = {place_of(row): row for row in earlier if row.state not in left_alone}
        late = {place: taken[place] for place in map(place_of, (line.row for line in left)) if place in taken}
        settle(self._wishes.folder, left, self._with_views(late))
        for line in left:
            self._finish(line)
        return [line.row for line in left]

    def _with_views(self, rows: Mapping[ItemPlace, Row]) -> dict[ItemPlace, Line]:
        """Return earlier rows as lines, with the views that their names tell."""
        named = self._lines.named((Photo(row.file), row.company) for row in rows.values() if not row.from_map)
        views = {(line.row.file, place_of(line.row)): line.view for line in named}
        return {place: Line(row, views.get((row.file, place), PLAIN)) for place, row in rows.items()}

    def _describe(self, lines: Sequence[Line], counter: Counter) -> None:
        """Ask for names and pictures of the items; what BC has removed meanwhile fails."""
        by_company: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
        for line in lines:
            if line.row.item_id:
                by_company[line.row.company][line.row.item_id].append(line)
        for company, by_item in by_company.items():
            catalogue = self._lines.catalogue(company)
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
        catalogue = self._lines.catalogue(spelling or self._default)
        return catalogue.company.id


def has_open_correction(row: Row) -> bool:
    """Whether somebody has written another item into the row than it goes to."""
    wanted = row.use_item.strip()
    return bool(wanted) and guid_of(wanted) != row.item_id and as_code(wanted) != row.item


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
