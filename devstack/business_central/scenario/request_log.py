"""Records requests to the API for tests to read, never a token. Knows no HTTP; safe between threads."""

from collections import deque
from collections.abc import Mapping
from threading import Lock

_CAPACITY = 10_000

Record = Mapping[str, object]


class RequestLog:
    """Keeps the latest answered requests, and counts how many run now and how many ran at once at most."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: deque[Record] = deque(maxlen=_CAPACITY)
        self._in_flight = self._peak = 0

    def begin(self) -> None:
        """Count a request that starts."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)

    def end(self, record: Record) -> None:
        """Record a request that began, before its answer leaves."""
        with self._lock:
            self._in_flight -= 1
            self._records.append(record)

    def clear(self) -> None:
        """Forget all records; the peak restarts at the number that run now."""
        with self._lock:
            self._records.clear()
            self._peak = self._in_flight

    def summary(self) -> dict[str, object]:
        """Return the records, oldest first, and the counts."""
        with self._lock:
            return {
                "requests": list(self._records),
                "in_flight": self._in_flight,
                "peak_concurrency": self._peak,
            }
