"""Runs functions that sleep on a clock of their own: one at a time, in a certain order, without waiting.

The app's own code sleeps by a function that it is given, so a simulation can run that very code.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class VirtualClock:
    """Tells the seconds since the start; whoever sleeps on it gives way to whoever wakes up first."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._sleeping: list[tuple[float, int, threading.Lock]] = []
        self._own = threading.local()
        self._ended = threading.Lock()
        self._problem: BaseException | None = None

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass for the caller."""
        turn = self._turn_at(self.now + max(seconds, 0))
        self._next().release()
        turn.acquire()

    def start(self, function: Callable[[], None]) -> None:
        """Let ``function`` run from now on, beside whatever else runs."""
        threading.Thread(target=self._run, args=(function, self._turn_at(self.now)), daemon=True).start()

    def run(self) -> None:
        """Let everything run that was started, until all of it has ended.

        Raises:
            BaseException: whatever one of the functions raised; the others stop where they are.
        """
        self._ended.acquire()
        if self._sleeping:
            self._next().release()
            with self._ended:
                pass
        if self._problem:
            raise self._problem

    def _run(self, function: Callable[[], None], turn: threading.Lock) -> None:
        turn.acquire()
        try:
            function()
        except BaseException as problem:  # noqa: BLE001 - ``run`` raises it
            self._problem = problem
            self._ended.release()
            return
        (self._next() if self._sleeping else self._ended).release()

    def _turn_at(self, due: float) -> threading.Lock:
        turn = threading.Lock()
        turn.acquire()
        heapq.heappush(self._sleeping, (due, next(self._order), turn))
        return turn

    def _next(self) -> threading.Lock:
        self.now, _, turn = heapq.heappop(self._sleeping)
        return turn
