"""Runs with the machine's clock, and jumps ahead when a test says so. Safe between threads."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import TIMEOUT_MAX, Condition


class SimulatedClock:
    """Times everything in the simulator: every wait is a wait on it.

    Hold ``changed`` while changing what others wait for.
    """

    def __init__(self) -> None:
        self.changed = Condition()
        self._ahead = 0.0

    @property
    def ahead(self) -> float:
        """Return the seconds by which tests have moved it ahead."""
        return self._ahead

    def now(self) -> datetime:
        """Return the time of day that it shows."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def seconds(self) -> float:
        """Return the seconds since an arbitrary moment, for measuring."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move ahead; waits that are over by then end."""
        if not 0 <= seconds < timedelta.max.total_seconds() / 1000:
            raise ValueError(f"the clock cannot advance by {seconds} seconds")
        with self.changed:
            self._ahead += seconds
            self.changed.notify_all()

    def reset(self) -> None:
        """Show the machine's time again."""
        with self.changed:
            self._ahead = 0.0
            self.changed.notify_all()

    def wait_until(self, deadline: float, done: Callable[[], bool]) -> bool:
        """Wait until ``done`` and return True, or return False at ``deadline``, in terms of ``seconds``."""
        with self.changed:
            while not done():
                seconds_left = deadline - self.seconds()
                if seconds_left <= 0:
                    return False
                self.changed.wait(min(seconds_left, TIMEOUT_MAX))
            return True
