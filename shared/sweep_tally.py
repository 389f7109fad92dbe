"""Adds up what became of the uploads of one sweep."""

from collections import Counter
from collections.abc import Collection, Iterable
from threading import Lock

from shared.errors import REFUSALS, Reason
from shared.report import Outcome, Report, SweepReport
from shared.sweep_look_up import LookUp
from shared.sweep_plan import ALWAYS_DUE, Candidate

_NAMES_MAX = 20  # companies and failures that one line names
_WAITS_FOR_ITEM = (Reason.ITEM_NOT_FOUND, Reason.REJECTED)
_HAS_NO_AGE = (Reason.BAD_PATH, Reason.COMPANY_NOT_FOUND)  # nobody can address it; the companies are named instead


class Tally:
    """Fills in the report of one sweep; safe to use from threads."""

    def __init__(self, report: SweepReport) -> None:
        self._report, self._lock = report, Lock()

    @property
    def sweep_id(self) -> str:
        """The id of the sweep, which its look-ups carry."""
        return self._report.sweep_id

    def look_ups(self, found: LookUp) -> None:
        """Count what the look-ups alone decided."""
        report = self._report
        for reason, number in found.waiting.items():
            report.waiting[reason] = report.waiting.get(reason, 0) + number
        report.failed += len(found.blocked)
        report.not_begun += len(found.not_begun)
        report.unknown_companies = _most_first(found.unknown_companies)[:_NAMES_MAX]
        report.more_unknown_companies = len(found.unknown_companies) - len(report.unknown_companies)
        report.failures = sorted({failure.detail for failure in found.failures})[:_NAMES_MAX]
        report.reason = _gravest(failure.reason for failure in found.failures)
        self._still_waiting(found.missing)
        # Younger ones have a turn in every sweep, and its reason tells of them often enough for an alert.
        self._still_there(upload for upload in found.refused if upload.age >= ALWAYS_DUE)

    def count(self, ended: Report, candidate: Candidate | None = None) -> None:
        """Count an upload that ended with an outcome."""
        with self._lock:
            # A name that no client can address stays, with a note in quarantine.
            stays = ended.outcome is Outcome.WAITING or (ended.reason is Reason.BAD_PATH and not ended.moved_to)
            counts = self._report.waiting if stays else self._report.outcomes
            name = str(ended.reason if stays else ended.outcome)
            counts[name] = counts.get(name, 0) + 1
            if not (stays and candidate):
                return
            if ended.reason in _WAITS_FOR_ITEM:
                self._still_waiting([candidate])
            elif ended.reason not in _HAS_NO_AGE:
                self._still_there([candidate])

    def settled(self, ended: Report) -> None:
        """Count an upload that left incoming or was written again as its doubt was over, or that could not settle."""
        if ended.outcome:
            self.count(ended)
        else:
            with self._lock:
                self._report.failed += 1

    def failed(self, candidate: Candidate) -> None:
        """Count an upload with a transient failure."""
        with self._lock:
            self._report.failed += 1
            self._still_there([candidate])

    def not_begun(self, candidate: Candidate) -> None:
        """Count an upload for which no time was left."""
        with self._lock:
            self._report.not_begun += 1
            self._still_there([candidate])

    def not_looked_up(self, candidates: Collection[Candidate]) -> None:
        """Count uploads of which nobody could ask whether they wait for an item: so they have no age here."""
        self._report.not_begun += len(candidates)

    def _still_waiting(self, candidates: Iterable[Candidate]) -> None:
        self._report.oldest_waiting_s = _oldest(self._report.oldest_waiting_s, candidates)

    def _still_there(self, candidates: Iterable[Candidate]) -> None:
        self._report.oldest_age_s = _oldest(self._report.oldest_age_s, candidates)


def _most_first(companies: Counter[str]) -> list[str]:
    """Return the companies by their number of uploads: a real one must not hide among slips of the keyboard."""
    return sorted(companies, key=lambda name: (-companies[name], name))


def _gravest(reasons: Iterable[Reason]) -> Reason | None:
    """Return the reason that needs somebody first: a refusal before an outage, which ends by itself."""
    return min(reasons, key=lambda reason: (reason not in REFUSALS, reason), default=None)


def _oldest(so_far: float, candidates: Iterable[Candidate]) -> float:
    return max([so_far, *(candidate.age.total_seconds() for candidate in candidates)])
