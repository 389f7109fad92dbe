"""Says which item each file, or each line of a map, goes to; nothing is decided between several of an item yet."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from operate import catalogue as catalogues
from operate.backfill import meaning
from operate.backfill.maps import MapLine
from operate.backfill.meaning import Meaning
from operate.backfill.named_files import NamedFiles
from operate.backfill.photos import Photo
from operate.backfill.rivals import Line, fail
from operate.catalogue import Catalogue
from operate.errors import about_company
from operate.manifest import Row, State
from shared.business_central.client import BusinessCentral
from shared.errors import Waiting

NOT_IN_MAP = "not in the map"
_T = TypeVar("_T")


class Lines:
    """Makes the lines of a plan; ``company`` is where neither a row nor a map names another."""

    def __init__(self, business_central: BusinessCentral, company: str) -> None:
        self._bc, self._company = business_central, company
        self._catalogues: dict[str, Catalogue] = {}

    def catalogue(self, company: str) -> Catalogue:
        """Return the items of a company.

        Raises:
            Waiting: there is none of this name.
        """
        if company not in self._catalogues:
            self._catalogues[company] = catalogues.open_company(self._bc, company)
        return self._catalogues[company]

    def named(self, files: Iterable[tuple[Photo, str]]) -> list[Line]:
        """Return the lines of files whose names say which item of a company they show."""
        lines: list[Line] = []
        by_company: dict[str, list[tuple[Line, str]]] = defaultdict(list)
        for photo, company in files:
            line = self.line(photo, company)
            lines.append(line)
            by_company[line.row.company].append((line, photo.name))
        for company, pairs in by_company.items():
            self._fill_in(company, pairs, meaning.of_names)
        return lines

    def mapped(self, entries: Iterable[tuple[Photo, MapLine]], company: str = "") -> list[Line]:
        """Return the lines of a map, in order; ``company`` is where the map names none."""
        lines: list[Line] = []
        by_company: dict[str, list[tuple[Line, MapLine]]] = defaultdict(list)
        for photo, entry in entries:
            line = self.line(photo, entry.company or company)
            line.row.item, line.row.from_map = next(iter(entry.item.values()), ""), "yes"
            lines.append(line)
            by_company[line.row.company].append((line, entry))
        for each, pairs in by_company.items():
            self._fill_in(each, pairs, meaning.of_map_lines)
        return lines

    def line(self, photo: Photo, company: str = "") -> Line:
        """Return the line of a file of which nothing is known yet but what keeps it from being a picture."""
        row = Row(photo.name, company=company or self._company)
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
            catalogue = self.catalogue(company)
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


def named_by(entry: MapLine, finder: NamedFiles) -> Photo:
    """Return the file that a map's line names; one that cannot be uploaded if the line names none."""
    photo, problem = finder.find(entry.file)
    return photo or Photo(entry.file, obstacle=problem, is_fault=True)
