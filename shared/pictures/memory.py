"""Limits the memory that concurrent renders hold together. Pure."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

USUAL_SIZE = 900 * 1024 * 1024  # bytes; suits an instance of 2048 MB


class MemoryBudget:
    """Shares ``size`` bytes among renders, first come, first served.

    Counting renders instead would either waste an instance or kill it: the largest picture may need more memory than
    four small ones.
    """

    def __init__(self, size: int = USUAL_SIZE) -> None:
        self.size = size
        self._reserved = 0
        self._waiting: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait until ``size`` bytes are free, and reserve them for the duration of the block.

        Raises:
            ValueError: ``size`` exceeds the whole budget.
        """
        if size > self.size:
            raise ValueError(f"{size:,} bytes exceed the whole budget of {self.size:,} bytes")
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
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._reserved + size <= self.size)
                self._reserved += size
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
