"""Finds out in few requests which uploads have an item, so that a sweep reads and renders only those."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.business_central import item_batches
from shared.business_central.companies import Company
from shared.errors import REFUSALS, Permanent, Reason, Transient, Waiting
from shared.paths import ItemKey, fold_company, parse_path
from shared.pipeline import Pipeline, TakeUp
from shared.sweep_budget import SweepBudget
from shared.sweep_plan import Candidate, SweepState, shuffled

NO_COMPANY = "(none: BC_COMPANY is not set)"


@dataclass(frozen=True, slots=True)
class Task:
    """An upload to take up, and how; ``company`` is as its path spells it."""

    candidate: Candidate
    take_up: TakeUp
    company: str = ""


@dataclass
class LookUp:
    """Collects what the look-ups tell: the uploads to take up, and why the others stay.

    ``answered`` and ``failed`` hold companies, as paths spell them; ``unknown_companies`` counts their uploads.
    ``blocked`` uploads are those of a failed look-up, ``refused`` those of them that BC refused to look up.
    """

    tasks: list[Task] = field(default_factory=list)
    waiting: Counter[Reason] = field(default_factory=Counter)
    missing: list[Candidate] = field(default_factory=list)
    blocked: list[Candidate] = field(default_factory=list)
    refused: list[Candidate] = field(default_factory=list)
    not_begun: list[Candidate] = field(default_factory=list)
    unknown_companies: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    failures: list[Transient] = field(default_factory=list)


_Uploads = list[tuple[ItemKey, Candidate]]


class ItemLookUp:
    """Looks up the items of many uploads; one per sweep."""

    def __init__(
        self, pipeline: Pipeline, state: SweepState, now: datetime, sweep_id: str, budget: SweepBudget
    ) -> None:
        self._pipeline, self._state, self._now, self._id, self._budget = pipeline, state, now, sweep_id, budget
        self._result = LookUp()

    def run(self, candidates: Iterable[Candidate]) -> LookUp:
        """Look up the items that the uploads' paths name; a company that fails does not hold the others back.

        Uploads for whose look-up the budget leaves no time are ``not_begun``. The order changes from run to run, and
        companies that answered last time take turns with the others.
        """
        by_spelling: dict[str, _Uploads] = defaultdict(list)
        for candidate in shuffled(candidates, self._state.run, lambda candidate: ("", candidate.name)):
            try:
                key = parse_path(candidate.name, self._pipeline.settings.templates)
            except Permanent:
                self._result.tasks.append(Task(candidate, TakeUp()))
            else:
                by_spelling[self._spelling(key)].append((key, candidate))
        answered = self._state.companies
        order = shuffled(by_spelling, self._state.run, lambda spelling: (str(spelling in answered), spelling))
        for company, uploads in self._by_company({spelling: by_spelling[spelling] for spelling in order}).items():
            self._in_company(company, uploads)
        return self._result

    def _spelling(self, key: ItemKey) -> str:
        return fold_company(key.company or self._pipeline.settings.business_central.company or NO_COMPANY)

    def _by_company(self, by_spelling: Mapping[str, _Uploads]) -> dict[Company, _Uploads]:
        by_company: dict[Company, _Uploads] = defaultdict(list)
        for uploads in by_spelling.values():
            if not self._budget.may_look_up():
                self._result.not_begun += [candidate for _, candidate in uploads]
                continue
            try:
                company = self._pipeline.company_of(uploads[0][0], self._id)
            except Waiting as failure:
                self._disowned(uploads, failure)
            except Transient as failure:
                self._failed(uploads, failure)
            else:
                by_company[company] += uploads
        return by_company

    def _in_company(self, company: Company, uploads: _Uploads) -> None:
        """Look up the items of one company."""
        keys, budget = (key for key, _ in uploads), self._budget
        try:
            found = item_batches.find(
                self._pipeline.business_central, company, keys, self._id, budget.may_look_up, budget.may_list()
            )
        except Waiting as failure:  # BC lists the company and cannot find it
            self._disowned(uploads, failure)
        except Transient as failure:
            self._failed(uploads, failure)
        else:
            untold: list[Candidate] = []
            for key, candidate in uploads:
                if found.tells(key):
                    self._result.answered.add(self._spelling(key))
                    self._sort_in(found, key, candidate)
                else:
                    untold.append(candidate)
            if found.failure and untold:
                self._blocked(company.name, untold, found.failure)
            else:
                self._result.not_begun += untold
            budget.succeeded()

    def _sort_in(self, found: item_batches.FoundItems, key: ItemKey, candidate: Candidate) -> None:
        spelling = self._spelling(key)
        ends = self._state.ends_waiting(spelling, self._now)
        items = found.items.get(key, [])
        is_clear = key not in found.unclear
        if is_clear and len(items) == 1:
            self._result.tasks.append(Task(candidate, TakeUp(items[0], ends_waiting=ends), spelling))
        elif items or not is_clear or (ends and candidate.age >= self._pipeline.settings.item_wait):
            # The upload's own look-up tells what is wrong, and whether that is still so.
            self._result.tasks.append(Task(candidate, TakeUp(ends_waiting=ends, item_first=True), spelling))
        else:
            self._result.waiting[Reason.ITEM_NOT_FOUND] += 1
            self._result.missing.append(candidate)

    def _disowned(self, uploads: _Uploads, failure: Waiting) -> None:
        self._result.waiting[failure.reason] += len(uploads)
        self._result.unknown_companies[self._name(uploads)] += len(uploads)
        self._result.failed |= {self._spelling(key) for key, _ in uploads}

    def _failed(self, uploads: _Uploads, failure: Transient) -> None:
        self._blocked(self._name(uploads), [candidate for _, candidate in uploads], failure)
        self._result.failed |= {self._spelling(key) for key, _ in uploads}
        self._budget.probe()  # an outage ends the sweep here

    def _blocked(self, company: str, uploads: list[Candidate], failure: Transient) -> None:
        self._result.blocked += uploads
        self._result.failures.append(Transient(failure.reason, f"{company}: {failure.detail}"))
        if failure.reason in REFUSALS:
            self._result.refused += uploads

    def _name(self, uploads: _Uploads) -> str:
        """Return the company as the path of one of its uploads spells it."""
        return uploads[0][0].company or self._pipeline.settings.business_central.company or NO_COMPANY
