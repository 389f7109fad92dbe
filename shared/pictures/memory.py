"""How much memory the pictures that are being rendered may hold together. Pure."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class MemoryBudget:
    """Lets renders in one by one, first come, first served, as long as all of them together stay within ``budget`` bytes.

    The largest picture alone may need more memory than four small ones, so counting renders would either waste an
    instance or kill it. A picture that needs more than the whole budget is rendered while no other is.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held = 0
        self._waiting: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Wait until ``size`` bytes are free, and hold them for the length of the block."""
        size = min(size, self._budget)
        self._enter(size)
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _enter(self, size: int) -> None:
        mine = object()
        with self._changed:
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is mine and self._held + size <= self._budget)
                self._held += size
            finally:
                self._waiting.remove(mine)
                self._changed.notify_all()
