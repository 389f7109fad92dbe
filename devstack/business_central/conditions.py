"""What a test arranges before it calls the API: latency, faults, the page size. Knows no HTTP; safe between threads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock

_CODES = {
    401: "Authentication_InvalidCredentials",
    409: "Request_EntityChanged",
    429: "Application_TooManyRequests",
    503: "Internal_TenantUnavailable",
}


@dataclass
class Latency:
    """Matching requests wait this long before anything happens to them."""

    seconds: float
    method: str | None = None
    path: str = ""

    def __post_init__(self) -> None:
        self.seconds = float(self.seconds)


@dataclass
class Fault:
    """The next ``count`` matching requests (None: all until the reset) get this answer instead of their own.

    ``applied``: the request takes effect first. ``drop``: no answer at all, the connection is closed.
    """

    status: int | None = None
    code: str | None = None
    message: str = "A fault that was set through the control API."
    count: int | None = 1
    method: str | None = None
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False
    drop: bool = False

    def __post_init__(self) -> None:
        if self.drop == (self.status is not None):
            raise ValueError("a fault has either a status or drop: true")
        if self.status is not None:
            if not 400 <= self.status <= 599:  # noqa: PLR2004 - HTTP's classes of errors
                raise ValueError(f"status: {self.status} is not an error")
            self.code = self.code or _CODES.get(self.status, "Internal_ServerError")


class _Gate:
    """Where requests with latency wait; once it is open they go on, or are dropped."""

    def __init__(self) -> None:
        self.opened = Event()
        self.dropped = False


class Conditions:
    """Latency, faults and page size that hold until the next reset."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._gate = _Gate()
        self.reset()

    def reset(self) -> None:
        """No latency, no faults, pages as large as BC's; requests that still wait are dropped without effect."""
        with self._lock:
            self._gate.dropped = True
            self._open_gate()
            self._faults: list[Fault] = []
            self.page_size: int | None = None

    def add_latency(self, latency: Latency) -> None:
        """From now on matching requests wait; of several that match, the latest counts."""
        with self._lock:
            self._latencies.insert(0, latency)

    def remove_latency(self) -> None:
        """From now on nothing waits; requests that still do go on at once."""
        with self._lock:
            self._open_gate()

    def add_fault(self, fault: Fault) -> None:
        """Of several faults that match a request, the one that was set first is used up first."""
        with self._lock:
            self._faults.append(fault)

    def patience(self, method: str, path: str) -> Callable[[], bool]:
        """Return what waits as long as the request has to, and then returns False if a reset came meanwhile."""
        with self._lock:
            gate = self._gate
            seconds = next((each.seconds for each in self._latencies if _matches(each, method, path)), 0.0)
        return lambda: not (seconds and gate.opened.wait(seconds) and gate.dropped)

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Return the fault that meets this request, and count it down."""
        with self._lock:
            for fault in self._faults:
                if _matches(fault, method, path) and fault.count != 0:
                    if fault.count is not None:
                        fault.count -= 1
                    return fault
            return None

    def _open_gate(self) -> None:
        self._gate.opened.set()
        self._gate = _Gate()
        self._latencies: list[Latency] = []


def _matches(rule: Latency | Fault, method: str, path: str) -> bool:
    return rule.method in (None, method) and rule.path in path
