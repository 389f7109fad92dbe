"""Records requests to the API for tests to read, never a token. Knows no HTTP; safe between threads."""

from collections import deque
from collections.abc import Mapping
from itertools import islice
from threading import Lock

_CAPACITY = 10_000

Record = Mapping[str, object]


class RequestLog:
    """Keeps the latest answered requests, and counts how many run now and how many ran at once at most."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: deque[Record] = deque(maxlen=_CAPACITY)
        self._in_flight = self._peak = self._ended = 0

    def begin(self) -> None:
        """Count a request that starts."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)

    def end(self, record: Record) -> None:
        """Record a request that began, before its answer leaves."""
        with self._lock:
            self._in_flight -= 1
            self._ended += 1
            self._records.append({**record, "number": self._ended})

    def clear(self) -> None:
        """Forget all records; the peak restarts at the number that run now."""
        with self._lock:
            self._records.clear()
            self._peak = self._in_flight

    def summary(self, after: int = 0) -> dict[str, object]:
        """Return the records beyond number ``after``, oldest first, and the counts."""
        with self._lock:
            return {
                "requests": list(islice(self._records, max(0, after - self._ended + len(self._records)), None)),
                "in_flight": self._in_flight,
                "peak_concurrency": self._peak,
            }
