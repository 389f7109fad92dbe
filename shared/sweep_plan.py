"""Decides what a sweep takes up, in which order, and when waiting may end. Pure.

One run walks the list of incoming from where the last one stopped, until it holds enough uploads or reaches the end. So
a round, once through the whole list, takes one run or several. Uploads of the last 24 hours have a turn in every round,
older ones in every ``period``-th, chosen so that their turns are an hour apart at most.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

_T = TypeVar("_T")

ALWAYS_DUE = timedelta(hours=24)  # younger uploads have a turn in every round
TURN_WITHIN = 12  # runs; with the usual schedule, an hour
# Each divides the one before: with a shorter period, every turn of the longer one stays.
_PERIODS = (12, 6, 3, 1)
ANSWERS_NEEDED = timedelta(hours=24)  # BC must have answered in every sweep for this long before waiting ends
GAP_MAX = timedelta(minutes=30)  # between two sweeps; after a longer gap we were down, and start to count anew


@dataclass(frozen=True, slots=True)
class Candidate:
    """An upload in incoming, with its age by storage's clock."""

    name: str
    age: timedelta


@dataclass(frozen=True)
class SweepState:
    """Holds what one run leaves to the next; all times are storage's.

    ``marker`` is where the list goes on, None for its beginning. ``answered_since``: since then BC has answered in
    every sweep, None if it did not in the last one; ``companies`` holds the same for each company. ``setup`` stands for
    the settings that decide which item an upload means: under others, earlier answers prove nothing.
    """

    run: int = 0
    round: int = 0
    round_runs: int = 0
    period: int = 1
    marker: str | None = None
    ended_at: datetime | None = None
    answered_since: datetime | None = None
    companies: Mapping[str, datetime] = field(default_factory=dict)
    setup: str = ""

    def begun(self, now: datetime, setup: str) -> "SweepState":
        """Return the state at the begin of a run; after a gap or a change of settings, earlier answers do not count."""
        state = replace(self, run=self.run + 1, round_runs=self.round_runs + 1, setup=setup)
        if self.ended_at is None or now - self.ended_at > GAP_MAX or setup != self.setup:
            return replace(state, answered_since=None, companies={})
        return state

    def is_due(self, upload: Candidate) -> bool:
        """Whether the upload has a turn in this round."""
        if upload.age < ALWAYS_DUE:
            return True
        return (_hash(upload.name) - self.round) % self.period == 0

    def is_turn_of(self, name: str, age: timedelta) -> bool:
        """Whether something that is looked at in every run has a turn in this one: once an hour after its first day."""
        return age < ALWAYS_DUE or (_hash(name) - self.run) % TURN_WITHIN == 0

    def listed(self, marker: str | None) -> "SweepState":
        """Return the state after the list was read up to ``marker``; None ends the round."""
        if marker is not None:
            return replace(self, marker=marker)
        period = next_period(self.period, self.round_runs)
        return replace(self, marker=None, round=self.round + 1, round_runs=0, period=period)

    def answered(self, now: datetime) -> "SweepState":
        """Return the state after BC has answered."""
        return replace(self, answered_since=self.answered_since or now)

    def unanswered(self) -> "SweepState":
        """Return the state after BC has not answered."""
        return replace(self, answered_since=None, companies={})

    def company_answered(self, company: str, now: datetime) -> "SweepState":
        """Return the state after BC has told which items of ``company`` exist."""
        return replace(self, companies={company: now, **self.companies})

    def company_failed(self, company: str) -> "SweepState":
        """Return the state after BC has not found ``company``, or refused its items."""
        return replace(self, companies={key: since for key, since in self.companies.items() if key != company})

    def ends_waiting(self, company: str, now: datetime) -> bool:
        """Whether BC has answered for so long that what is still missing in ``company`` may be given up."""
        since = self.companies.get(company)
        if since is None or self.answered_since is None:
            return False
        return now - max(since, self.answered_since) >= ANSWERS_NEEDED

    def ended(self, now: datetime) -> "SweepState":
        """Return the state at the end of a run."""
        return replace(self, ended_at=now)


def next_period(period: int, runs: int) -> int:
    """Return the period of the next round after one that took ``runs`` runs.

    A longer period begins only after a round in which everything had a turn, so that no turn comes late.
    """
    longest = next((candidate for candidate in _PERIODS if candidate * runs <= TURN_WITHIN), 1)
    if period == 1 or period > longest:
        return longest
    return 1 if period < longest and 4 * period * runs <= TURN_WITHIN else period


def shuffled(uploads: Iterable[_T], run: int, key: Callable[[_T], tuple[str, str]]) -> list[_T]:
    """Return ``uploads`` in another order at each run, the companies taking turns; ``key`` tells company and name.

    During a bulk drop the trigger works on the head of the list; and a company with thousands of uploads that fail must
    not keep the others waiting.
    """
    queues: dict[str, deque[_T]] = {}
    for upload in sorted(uploads, key=lambda upload: _hash(f"{run}/{key(upload)[1]}")):
        queues.setdefault(key(upload)[0], deque()).append(upload)
    order: list[_T] = []
    while queues:
        order += [queue.popleft() for queue in queues.values()]
        queues = {company: queue for company, queue in queues.items() if queue}
    return order


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
