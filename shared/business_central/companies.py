"""Finds a company by its id or name, and reads Business Central's list again for unknown ones, and when it is old."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from math import inf
from threading import Lock

from shared.errors import Failure, Reason, Waiting
from shared.near_names import nearest
from shared.paths import fold_company, guid_of

LOOK_UP_INTERVAL = 60.0  # seconds between two look-ups for unknown companies; for known ones, after one that failed
# A company may be renamed, and another one take its name. No answer of BC tells: until we look, pictures go to the old.
NAMES_LAST = 600.0  # seconds


@dataclass(frozen=True)
class Company:
    """Identifies a company in BC."""

    id: str
    name: str
    display_name: str


@dataclass(frozen=True)
class _CompanyList:
    """Holds BC's list, the time when it was read, and the ids that BC could not find since then.

    From ``ages_at`` on (``clock``'s seconds), its names may belong to other companies.
    """

    companies: tuple[Company, ...] = ()
    read_at: float = -inf
    ages_at: float = -inf
    missing: frozenset[str] = frozenset()

    def called(self, name: str) -> list[Company]:
        """Return the companies with this id, else with this name, else with this display name.

        Includes missing ones: without them, their name could match another company's display name.
        """
        if guid := guid_of(name):
            return [company for company in self.companies if company.id == guid]
        wanted = fold_company(name)
        by_name = [company for company in self.companies if fold_company(company.name) == wanted]
        return by_name or [company for company in self.companies if fold_company(company.display_name) == wanted]

    def is_useless_for(self, name: str, now: float) -> bool:
        """Whether only a newer list can tell the company."""
        matches = self.called(name)
        if any(company.id in self.missing for company in matches):
            return True
        return len(matches) != 1 and now - self.read_at >= LOOK_UP_INTERVAL

    def is_old_for(self, name: str, now: float) -> bool:
        """Whether a newer list may tell another company; an id means the same one for ever."""
        return now >= self.ages_at and guid_of(name) is None


class Companies:
    """Finds the companies of one environment; one per process, safe to use from threads.

    Known companies are found at once, even during a look-up, until the list is old. Threads that need a look-up share
    one, and its failure; a known company survives that. ``read`` takes the id of the upload that asks, and returns BC's
    list.
    """

    def __init__(self, read: Callable[[str], Iterable[Company]], clock: Callable[[], float]) -> None:
        self._read, self._clock = read, clock
        self._list = _CompanyList()  # never changed, only replaced
        self._look_up: Future[None] | None = None
        self._lock = Lock()  # guards the two above; never held during a request

    def find(self, name: str, upload_id: str) -> Company:
        """Return the company with this id, name or display name.

        Raises:
            Waiting: ``company_not_found``.
            Transient: BC did not return its list, and an earlier one does not tell.
        """
        current = self._list_for(name, upload_id)
        matches = current.called(name)
        if len(matches) == 1:
            return matches[0]
        raise Waiting(Reason.COMPANY_NOT_FOUND, _explanation(name, matches, current.companies))

    def mark_missing(self, company: Company) -> None:
        """Note that BC cannot find this company: it was removed, or restored under another id.

        The next upload that names it looks again at once. If BC keeps listing a company that it cannot find, each of
        those answers costs one look-up.
        """
        with self._lock:
            self._list = replace(self._list, missing=self._list.missing | {company.id})

    def _list_for(self, name: str, upload_id: str) -> _CompanyList:
        """Return the list; if it does not do for ``name``, look up first or join the look-up that is under way."""
        while True:
            with self._lock:
                now = self._clock()
                is_useless = self._list.is_useless_for(name, now)
                if not is_useless and not self._list.is_old_for(name, now):
                    return self._list
                is_ours = self._look_up is None
                look_up = self._look_up = self._look_up or Future()
            try:
                if is_ours:
                    self._run(look_up, upload_id)
                else:
                    look_up.result()
            except Failure:
                if is_useless:
                    raise

    def _run(self, look_up: Future[None], upload_id: str) -> None:
        missing_before = self._list.missing
        try:
            companies = tuple(self._read(upload_id))
        except BaseException as error:
            with self._lock:
                # Known companies do not depend on the look-up, so it must not hold up each of their uploads.
                ages_at = max(self._list.ages_at, self._clock() + LOOK_UP_INTERVAL)
                self._list, self._look_up = replace(self._list, ages_at=ages_at), None
            look_up.set_exception(error)
            raise
        with self._lock:
            now = self._clock()
            # Companies marked meanwhile stay marked: the list may be older than that answer.
            self._list = _CompanyList(companies, now, now + NAMES_LAST, self._list.missing - missing_before)
            self._look_up = None
        look_up.set_result(None)


def _explanation(name: str, matches: list[Company], companies: Iterable[Company]) -> str:
    """Say what is wrong without listing the companies: whoever uploads need not know them all."""
    if matches:
        return f"Business Central has {len(matches)} companies called {name!r}. Name the company by its id."
    detail = f"Business Central has no company called {name!r}."
    near = nearest(name, (called for company in companies for called in (company.name, company.display_name)))
    advice = f"Did you mean {near!r}?" if near else "Create it, or upload the picture again under another folder."
    if name[:1].isdigit() and not near:
        advice += f" If {name!r} is the beginning of an item number with a slash, use the item's id instead."
    return f"{detail} {advice}"
