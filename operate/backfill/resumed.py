"""Makes sure of the rows of an earlier list before a run acts on them: people edit them, and so do spreadsheets.

A spreadsheet changes what looks like a number, a date or a yes: 00123 becomes 123, a company 1/2 the first of February.
The path of an upload and the id of an item stay as they are, so these two say what a row means. Items are looked up
under the number that the path has, or that BC gives; never under what the column ``item`` shows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from operate import catalogue as catalogues
from operate.backfill.plan import Planner, has_open_correction
from operate.backfill.rivals import ItemPlace, place_of
from operate.errors import about_company
from operate.manifest import TO_DO, Row, State
from operate.output import Counter
from shared.business_central.client import BusinessCentral
from shared.errors import Permanent, Waiting
from shared.paths import ItemKey, KeyKind, PathTemplate, guid_of, parse_path

_BEGUN = (State.UPLOADING, State.UPLOADED, State.WAITING)
_FIRST_YEAR = 2000  # of uploads; Azure is younger
_INCOMPLETE = "its plan is incomplete: run --resume with --failed"
_NOT_ITS_ITEM = "its blob and its item_id name different items: "
_ANEW = "put back what the list had, or set the state to planned to upload the file anew"


@dataclass(frozen=True)
class Review:
    """Looks through the rows of a list; ``default_company`` is where no path says it.

    BC is asked where a row alone does not tell: once for each batch of items, once for all companies; ``asking`` shows
    how far that is.
    """

    planner: Planner
    business_central: BusinessCentral
    templates: Sequence[PathTemplate]
    default_company: str
    asking: Callable[[], AbstractContextManager[Counter]]

    def restore(self, rows: Iterable[Row]) -> None:
        """Fill in company and item again, as the path of each upload has them; a planned item is BC's to tell.

        Raises:
            Failure: BC gave no answer.
        """
        for row in rows:
            row.item_id = guid_of(row.item_id) or row.item_id
            key = self._key(row)
            if not key:
                continue
            if key.kind is KeyKind.NUMBER and row.state is not State.PLANNED:
                row.item = key.value
            spelling = key.company or self.default_company
            if not _is_spelt(spelling, row.company):
                row.company = self._company(spelling)[0] or row.company

    def usable(self, rows: Sequence[Row], *, only_missing: bool = False) -> list[Row]:
        """Restore the rows, and return those on which a run may act; the others say what is wrong with them.

        A planned one that is wrong fails, and one that lacks something is completed. What was begun keeps its state:
        planned anew, it might be uploaded twice. With ``only_missing``, BC is asked about all that are planned.

        Raises:
            Failure: BC gave no answer.
        """
        doubtful = [row for row in rows if self._is_doubtful(row) or (only_missing and row.state is State.PLANNED)]
        self.restore(rows)
        problems = {id(row): problem for row in rows if (problem := self._problem(row))}
        self._ask([row for row in doubtful if id(row) not in problems], problems)
        for row in rows:
            if row.state is State.PLANNED and id(row) not in problems:
                row.reason = ""  # of the state before, if somebody has changed that
                if has_open_correction(row):
                    problems[id(row)] = "use_item counts with --resume and --failed"
        _settle([row for row in rows if row.state in TO_DO and id(row) not in problems], problems)
        for row in rows:
            if row.reason.endswith(_ANEW):  # somebody has put it back
                row.reason = ""
            if id(row) in problems:
                row.reason = problems[id(row)]
                row.state = State.FAILED if row.state is State.PLANNED else row.state
        return [row for row in rows if id(row) not in problems]

    def _is_doubtful(self, row: Row) -> bool:
        """Whether only BC tells what a row means, and not two of its columns that agree.

        Of what may have to be sent again, it is asked in any case: a list saved without Unicode has lost letters.
        """
        key = self._key(row)
        if row.state is State.PLANNED:
            return not (
                key
                and (key.kind, key.value) == (KeyKind.NUMBER, row.item)
                and _is_spelt(key.company or self.default_company, row.company)
            )
        has_no_number = key is not None and key.kind is not KeyKind.NUMBER
        return row.state is State.UPLOADING or (row.state in _BEGUN and has_no_number)

    def _problem(self, row: Row) -> str:
        """Return what is wrong with a row in itself; BC's part comes later."""
        if row.state in TO_DO and (problem := _problem_of_file(row.file)):
            return problem
        if row.state is State.PLANNED:
            return "" if row.company and guid_of(row.item_id) else _INCOMPLETE
        return self._problem_of_upload(row) if row.state in _BEGUN else ""

    def _problem_of_upload(self, row: Row) -> str:
        if not self._key(row):
            return f"its blob {row.blob!r} is no path of an upload: {_ANEW}"
        if not _is_time(row.time):
            return f"its time {row.time!r} is none that storage has told: {_ANEW}"
        if row.state is not State.UPLOADING and not row.etag:
            return f"its etag is missing: {_ANEW}"
        return ""

    def _ask(self, rows: Sequence[Row], problems: dict[int, str]) -> None:
        """Plan rows once more, by company and item id, and compare. What BC has removed keeps what the list says."""
        twins: list[tuple[Row, Row]] = []
        for row in rows:
            name, problem = self._company(row.company)
            row.company = name or row.company
            if problem:
                problems[id(row)] = problem
            elif guid_of(row.item_id):
                twins.append((row, replace(row, state=State.PLANNED, blob="")))
        if twins:
            with self.asking() as counter:
                self.planner.complete([twin for _, twin in twins], counter)
        for row, twin in twins:
            if twin.state is State.FAILED and row.state is State.PLANNED:
                problems[id(row)] = twin.reason
            elif row.blob and twin.blob and twin.blob != row.blob:
                advice = "run --resume with --failed" if row.state is State.PLANNED else _ANEW
                problems[id(row)] = f"{_NOT_ITS_ITEM}{advice}"
            elif row.state is State.PLANNED:
                row.item, row.description, row.has_picture = twin.item, twin.description, twin.has_picture
                row.state, row.reason, row.blob = twin.state, twin.reason, twin.blob or row.blob
            elif twin.state is not State.FAILED:
                row.item = twin.item

    def _company(self, spelling: str) -> tuple[str, str]:
        """Return BC's name for the company, or what is wrong."""
        if not spelling:
            return "", "the row names no company"
        try:
            return catalogues.open_company(self.business_central, spelling).company.name, ""
        except Waiting as failure:
            return "", about_company(failure)

    def _key(self, row: Row) -> ItemKey | None:
        try:
            return parse_path(row.blob, self.templates)
        except Permanent:
            return None


def _is_spelt(spelling: str, company: str) -> bool:
    """Whether a path's ``spelling`` is the company's name: a segment has no dot or blank at its end."""
    return bool(company) and spelling.rstrip(" .") == company.rstrip(" .")


def _problem_of_file(name: str) -> str:
    path = Path(name)
    if not name:
        return "the row names no file"
    if "\0" in name:
        return f"no file can be called {name!r}"
    return f"{name} is outside the folder of photographs" if path.anchor or ".." in path.parts else ""


def _is_time(text: str) -> bool:
    try:
        time = datetime.fromisoformat(text)
        return time.tzinfo is not None and time.astimezone(UTC).year >= _FIRST_YEAR
    except (ValueError, OverflowError):
        return False


def _settle(rows: Iterable[Row], problems: dict[int, str]) -> None:
    """Let no two files go to one item at the same time: which of them stayed there would be chance."""
    by_place: dict[ItemPlace, list[Row]] = defaultdict(list)
    for row in rows:
        by_place[place_of(row)].append(row)
    for some in by_place.values():
        for row in some:
            if len(some) > 1 and row.state is State.PLANNED:
                other = next(each for each in some if each is not row)
                problems[id(row)] = f"{other.file} is to go to the same item: set one to skipped, the other to planned"
