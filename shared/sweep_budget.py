"""Says whether a sweep may begin another upload: for four minutes, and as long as BC answers at all."""

from collections.abc import Callable
from threading import Lock

from shared.errors import Failure

BEGIN_WITHIN = 240.0  # seconds; the last upload ends well before the host's time-out and mostly before the next sweep
LOOK_UP_SHARE = 0.8  # of that time: what the look-ups find must have its turn in the same run
FAILURES_IN_A_ROW = 5


class SweepBudget:
    """Counts time and failures of one sweep; safe to use from threads.

    Failures alone do not stop it: a company without permission, or pictures that BC always refuses, must not hold up
    the others. ``check`` asks BC for next to nothing, and raises if BC does not answer.
    """

    def __init__(self, clock: Callable[[], float], check: Callable[[], None]) -> None:
        self._clock, self._check = clock, check
        self._started = clock()
        self._in_a_row = 0
        self._lock = Lock()
        self.stopped_by: Failure | None = None

    @property
    def seconds(self) -> float:
        """The time since the sweep began."""
        return self._clock() - self._started

    def may_begin(self) -> bool:
        """Whether another upload may begin."""
        return self.stopped_by is None and self.seconds < BEGIN_WITHIN

    def may_look_up(self) -> bool:
        """Whether another look-up may begin."""
        return self.may_begin() and self.seconds < LOOK_UP_SHARE * BEGIN_WITHIN

    def may_list(self) -> Callable[[], bool]:
        """Return whether, from now on, half of the time for look-ups is left: one company's list takes no more."""
        until = (self.seconds + LOOK_UP_SHARE * BEGIN_WITHIN) / 2
        return lambda: self.may_look_up() and self.seconds < until

    def succeeded(self) -> None:
        """Note that an upload ended with an outcome."""
        with self._lock:
            self._in_a_row = 0

    def failed(self) -> None:
        """Note that an upload failed; after several in a row, ask BC whether it answers at all."""
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= FAILURES_IN_A_ROW:
                self._in_a_row = 0
                self.probe()

    def probe(self) -> None:
        """Stop if BC does not answer."""
        try:
            self._check()
        except Failure as failure:
            self.stopped_by = self.stopped_by or failure
