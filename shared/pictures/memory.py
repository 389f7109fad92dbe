"""Limits the memory that concurrent renders hold together. Pure."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class MemoryBudget:
    """Shares ``budget`` bytes among renders, first come, first served.

    Counting renders instead would either waste an instance or kill it: the largest picture may need more memory than
    four small ones. A picture that needs more than the whole budget is rendered alone.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._reserved = 0
        self._waiting: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait until ``size`` bytes are free, and reserve them for the duration of the block."""
        size = min(size, self._budget)
        self._enter(size)
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= size
                self._changed.notify_all()

    def _enter(self, size: int) -> None:
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._reserved + size <= self._budget)
                self._reserved += size
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
