"""The requests that reached the API, for tests to read. It never holds a token. Knows no HTTP; safe between threads."""

from collections import deque
from collections.abc import Mapping
from threading import Lock

_KEPT = 10_000

Record = Mapping[str, object]


class RequestLog:
    """The last requests that were answered, how many run now, and how many ran at once at most."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: deque[Record] = deque(maxlen=_KEPT)
        self._in_flight = self._peak = 0

    def begin(self) -> None:
        """Count a request that starts now."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)

    def end(self, record: Record) -> None:
        """Record a request that began, before its answer is sent."""
        with self._lock:
            self._in_flight -= 1
            self._records.append(record)

    def clear(self) -> None:
        """Forget what was; the peak starts again at what runs now."""
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
