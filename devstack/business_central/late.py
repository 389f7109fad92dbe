"""Writes that take effect after their answer, or although there was none. Knows no HTTP; safe between threads."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from devstack.business_central.clock import Clock


@dataclass(frozen=True)
class LateWrite:
    """A write under way inside BC; ``due`` by the clock's seconds, or whenever a test says so."""

    method: str
    path: str
    due: float | None
    apply: Callable[[], object]


class LateWrites:
    """What is due is applied before anybody can look, so that no thread has to wait for the moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, RLock()
        self._writes: list[LateWrite] = []

    def add(self, method: str, path: str, delay: float | None, apply: Callable[[], object]) -> None:
        """Keep a write until ``delay`` seconds have passed; None: until ``apply_all``."""
        due = None if delay is None else self._clock.seconds() + delay
        with self._lock:
            self._writes.append(LateWrite(method, path, due, apply))

    def apply_due(self) -> None:
        """Apply the writes whose time has come, in the order in which it came."""
        if not self._writes:
            return
        with self._lock:
            now = self._clock.seconds()
            due = [write for write in self._writes if write.due is not None and write.due <= now]
            self._apply(sorted(due, key=lambda write: write.due or now))

    def apply_all(self) -> int:
        """Apply every write now, in the order in which they were sent; return how many there were."""
        with self._lock:
            return self._apply(list(self._writes))

    def clear(self) -> None:
        """Forget them: they never take effect."""
        with self._lock:
            self._writes.clear()

    def pending(self) -> list[dict[str, object]]:
        """Return what is still to come; ``seconds`` until it does, None if a test has to say when."""
        now = self._clock.seconds()
        with self._lock:
            return [
                {"method": write.method, "path": write.path, "seconds": write.due and write.due - now}
                for write in self._writes
            ]

    def _apply(self, writes: list[LateWrite]) -> int:
        for write in writes:
            self._writes.remove(write)
            write.apply()
        return len(writes)
