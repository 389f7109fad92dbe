"""Chooses when to end a backfill by force, and tells afterwards what it was doing."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

from devstack import stack

PLANNING, REWRITING, SENDING = "planning", "rewriting its list", "sending"
_POLL, _OFTEN = 0.05, 0.0005  # seconds
_Stamp = tuple[int, int] | None


class Moment:
    """The moment at which run ``number`` ends: the first plans, of the others each second one rewrites its list.

    The rest send, until the list at ``path`` has so many ``rows``; the last run has no end of its own: they are
    infinite.
    """

    def __init__(self, running: stack.Stack, path: Path, number: int, rows: float) -> None:
        self._control, self._session = running.endpoints.simulator_control_url, stack.loopback_session()
        self._list, self._partial, self._rows = path, path.with_name(f"{path.name}.partial"), rows
        self._wanted = SENDING if rows == inf or number % 2 else REWRITING if number else PLANNING
        self.poll = _OFTEN if self._wanted == REWRITING else _POLL
        self._before = self._stamps()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Have BC keep the command waiting while it should plan."""
        if self._wanted == PLANNING:
            self._session.post(f"{self._control}/latency", json={"seconds": 60}, timeout=10).raise_for_status()
        try:
            yield
        finally:
            self._session.delete(f"{self._control}/latency", timeout=10).raise_for_status()

    def has_come(self) -> bool:
        """Whether it is time to end the command."""
        if self._wanted == PLANNING:
            return bool(self._session.get(f"{self._control}/requests", timeout=10).json()["in_flight"])
        if self._wanted == REWRITING:
            return self._stamps() != self._before
        return self._list.exists() and self._list.read_bytes().count(b"\n") >= self._rows

    def found(self) -> str:
        """Return what the command was doing when it was ended, by what it has left."""
        if not self._list.exists():
            return PLANNING
        partial, _ = self._stamps()
        return REWRITING if partial and partial != self._before[0] else SENDING

    def _stamps(self) -> tuple[_Stamp, _Stamp]:
        return _stamp(self._partial), _stamp(self._list)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
