"""Applies writes after their answer, or although they got none. Knows no HTTP; safe between threads."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from devstack.business_central.scenario.clock import SimulatedClock


@dataclass(frozen=True)
class LateWrite:
    """Describes a write under way inside BC; ``due`` in the clock's seconds, None until a test says so."""

    method: str
    path: str
    due: float | None
    apply: Callable[[], object]


class LateWrites:
    """Keeps writes until they are due, and applies them before the next request looks: no thread waits for that."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock, self._lock = clock, RLock()
        self._writes: list[LateWrite] = []

    def add(self, method: str, path: str, delay: float | None, apply: Callable[[], object]) -> None:
        """Keep a write for ``delay`` seconds, or for ``apply_all`` if that is None."""
        due = None if delay is None else self._clock.seconds() + delay
        with self._lock:
            self._writes.append(LateWrite(method, path, due, apply))

    def apply_due(self) -> None:
        """Apply the writes that are due, in the order of their due times."""
        if not self._writes:
            return
        with self._lock:
            now = self._clock.seconds()
            due = [write for write in self._writes if write.due is not None and write.due <= now]
            self._apply(sorted(due, key=lambda write: write.due or now))

    def apply_all(self) -> int:
        """Apply every write now, in the order of arrival; return their number."""
        with self._lock:
            return self._apply(list(self._writes))

    def clear(self) -> None:
        """Forget all writes: they never take effect."""
        with self._lock:
            self._writes.clear()

    def pending(self) -> list[dict[str, object]]:
        """Return the writes to come; ``seconds`` until each is due, None if a test decides."""
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
