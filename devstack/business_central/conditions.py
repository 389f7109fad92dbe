"""What a test arranges before it calls the API: latency, speed, faults, denials, links, pages. Knows no HTTP; safe between threads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Literal

from devstack.business_central.clock import Clock

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
class Speed:
    """The bodies of matching requests and of their answers travel at so many bytes per second; 0 is no limit."""

    request: float = 0
    answer: float = 0
    method: str | None = None
    path: str = ""

    def __post_init__(self) -> None:
        if float(self.request) < 0 or float(self.answer) < 0:
            raise ValueError("bytes per second cannot be negative")


@dataclass
class Denial:
    """``user`` (an oid or appid; None: everybody) may not Read, or Modify, items."""

    permission: Literal["Read", "Modify"]
    user: str | None = None
    status: int = 400

    def __post_init__(self) -> None:
        if self.permission not in ("Read", "Modify"):
            raise ValueError("permission: Read or Modify")


@dataclass
class Fault:
    """The next ``count`` matching requests (None: all until the reset) get this answer instead of their own.

    ``applied``: the request takes effect first, or "later": ``delay`` seconds after its answer (None: when a test says
    so). ``drop``: no answer at all, the connection is closed; "unread": even before the body was read.
    ``probability`` leaves the others alone, always the same ones for the same ``seed``.
    """

    status: int | None = None
    code: str | None = None
    message: str = "A fault that was set through the control API."
    count: int | None = 1
    method: str | None = None
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool | Literal["later"] = False
    delay: float | None = None
    drop: bool | Literal["unread"] = False
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if bool(self.drop) == (self.status is not None):
            raise ValueError("a fault has either a status or drop: true")
        if self.drop not in (True, False, "unread") or self.applied not in (True, False, "later"):
            raise ValueError('drop: true or "unread"; applied: true or "later"')
        if self.drop == "unread" and self.applied:
            raise ValueError("what was not read cannot be applied")
        if self.status is not None:
            if not 400 <= self.status <= 599:  # noqa: PLR2004 - HTTP's classes of errors
                raise ValueError(f"status: {self.status} is not an error")
            self.code = self.code or _CODES.get(self.status, "Internal_ServerError")
        self.delay = None if self.delay is None else float(self.delay)
        self._random = Random(self.seed)  # noqa: S311 - chance for tests, not a secret

    def strikes(self) -> bool:
        """Decide whether a matching request is met, and count it down if it is."""
        if self.count == 0 or self._random.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True


class Gate:
    """Where requests wait; once it is open they go on, or are dropped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.opened = self.dropped = False

    def open(self, *, dropping: bool = False) -> None:
        """Let everybody go on who waits."""
        with self._clock.changed:
            self.opened, self.dropped = True, dropping
            self._clock.changed.notify_all()

    def wait(self, seconds: float, since: float | None = None) -> None:
        """Wait until the gate opens, but no longer than ``seconds`` by the clock, from now or from ``since`` on."""
        if seconds > 0:
            begin = self._clock.seconds() if since is None else since
            self._clock.wait_until(begin + seconds, lambda: self.opened)


@dataclass(frozen=True)
class Patience:
    """How long a request has to wait, how fast its bodies travel, and what ends all of it early."""

    seconds: float
    speed: Speed
    gate: Gate


class Conditions:
    """What holds until the next reset."""

    def __init__(self, clock: Clock) -> None:
        self._lock, self._clock = Lock(), clock
        self._gate = Gate(clock)
        self.reset()

    def reset(self) -> None:
        """No latency, faults or denials, BC's pages, links to where the request came in; who waits is dropped."""
        with self._lock:
            self._open_gate(dropping=True)
            self._faults: list[Fault] = []
            self._denials: list[Denial] = []
            self.page_size: int | None = None
            self.link_origin: str | None = None

    def add_latency(self, latency: Latency) -> None:
        """From now on matching requests wait; of several that match, the latest counts."""
        with self._lock:
            self._latencies.insert(0, latency)

    def add_speed(self, speed: Speed) -> None:
        """From now on matching bodies are slow; of several that match, the latest counts."""
        with self._lock:
            self._speeds.insert(0, speed)

    def add_denial(self, denial: Denial) -> None:
        """From now on the user may not do this; of several that match, the latest counts."""
        with self._lock:
            self._denials.insert(0, denial)

    def remove_latency(self) -> None:
        """From now on nothing waits; requests that still do go on at once."""
        with self._lock:
            self._open_gate(dropping=False)

    def remove_denials(self) -> None:
        """From now on everybody may do everything."""
        with self._lock:
            self._denials.clear()

    def add_fault(self, fault: Fault) -> None:
        """Of several faults that match a request, the one that was set first is used up first."""
        with self._lock:
            self._faults.append(fault)

    def patience(self, method: str, path: str) -> Patience:
        """Return what the request has to wait for."""
        with self._lock:
            latency = next((each.seconds for each in self._latencies if _matches(each, method, path)), 0.0)
            speed = next((each for each in self._speeds if _matches(each, method, path)), Speed())
            return Patience(latency, speed, self._gate)

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Return the fault that meets this request, and count it down."""
        with self._lock:
            return next((each for each in self._faults if _matches(each, method, path) and each.strikes()), None)

    def denial(self, permission: str, users: tuple[str, ...]) -> Denial | None:
        """Return what keeps a user, known by these ids, from it."""
        with self._lock:
            for each in self._denials:
                if each.permission == permission and (each.user is None or each.user in users):
                    return each
            return None

    def _open_gate(self, *, dropping: bool) -> None:
        self._gate.open(dropping=dropping)
        self._gate = Gate(self._clock)
        self._latencies: list[Latency] = []
        self._speeds: list[Speed] = []


def _matches(rule: Latency | Speed | Fault, method: str, path: str) -> bool:
    return rule.method in (None, method) and rule.path in path
