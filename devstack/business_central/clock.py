"""A clock that tests can move: it runs with the machine's and jumps ahead when it is told to. Safe between threads."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import TIMEOUT_MAX, Condition


class Clock:
    """The simulator's only clock; whatever waits, waits on it. Who changes what others wait for holds ``changed``."""

    def __init__(self) -> None:
        self.changed = Condition()
        self._ahead = 0.0

    @property
    def ahead(self) -> float:
        """How many seconds it has been moved ahead."""
        return self._ahead

    def now(self) -> datetime:
        """The moment that it shows."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def seconds(self) -> float:
        """Seconds from an arbitrary moment on, to measure with."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move it ahead; what has waited long enough goes on."""
        if not 0 <= seconds < timedelta.max.total_seconds() / 1000:
            raise ValueError(f"the clock cannot be moved by {seconds} seconds")
        with self.changed:
            self._ahead += seconds
            self.changed.notify_all()

    def reset(self) -> None:
        """Show the machine's time again."""
        with self.changed:
            self._ahead = 0.0
            self.changed.notify_all()

    def wait_until(self, deadline: float, done: Callable[[], bool]) -> bool:
        """Wait until ``done`` (True), but no longer than until ``deadline`` by ``seconds`` (False)."""
        with self.changed:
            while not done():
                left = deadline - self.seconds()
                if left <= 0:
                    return False
                self.changed.wait(min(left, TIMEOUT_MAX))
            return True
