"""Keeps the rules in force until the next reset, and holds requests back. Knows no HTTP; safe between threads."""

from dataclasses import dataclass
from threading import Lock

from devstack.business_central.scenario.clock import SimulatedClock
from devstack.business_central.scenario.rules import Denial, Fault, Latency, Speed, matches


class RequestHold:
    """Holds requests back; when it ends, all of them continue at once, or are dropped."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.ended = self.dropping = False

    def end(self, *, dropping: bool) -> None:
        """Let every waiting request continue; ``dropping`` tells them to close their connections instead."""
        with self._clock.changed:
            self.ended, self.dropping = True, dropping
            self._clock.changed.notify_all()

    def wait(self, seconds: float, since: float | None = None) -> None:
        """Wait for the end, but at most ``seconds`` by the clock, counted from now or from ``since``."""
        if seconds > 0:
            start = self._clock.seconds() if since is None else since
            self._clock.wait_until(start + seconds, lambda: self.ended)


@dataclass(frozen=True)
class Delays:
    """Says how long a request waits, how fast its bodies travel, and what ends both early."""

    latency: float
    speed: Speed
    hold: RequestHold


class Conditions:
    """Applies the rules in force. Of several that match a request, the latest counts; of faults, the earliest."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._lock, self._clock = Lock(), clock
        self._hold = RequestHold(clock)
        self.reset()

    def reset(self) -> None:
        """Drop waiting requests and remove every rule: BC's pages, links to the request's own origin."""
        with self._lock:
            self._end_hold(dropping=True)
            self._faults: list[Fault] = []
            self._denials: list[Denial] = []
            self.page_size: int | None = None
            self.link_origin: str | None = None

    def add_latency(self, latency: Latency) -> None:
        """Delay matching requests from now on."""
        with self._lock:
            self._latencies.insert(0, latency)

    def add_speed(self, speed: Speed) -> None:
        """Slow matching bodies down from now on."""
        with self._lock:
            self._speeds.insert(0, speed)

    def add_denial(self, denial: Denial) -> None:
        """Deny the permission from now on."""
        with self._lock:
            self._denials.insert(0, denial)

    def add_fault(self, fault: Fault) -> None:
        """Add a fault behind those that are not used up yet."""
        with self._lock:
            self._faults.append(fault)

    def remove_faults(self) -> None:
        """Strike no request any more."""
        with self._lock:
            self._faults.clear()

    def remove_delays(self) -> None:
        """Remove latency and slow speeds; waiting requests continue at once."""
        with self._lock:
            self._end_hold(dropping=False)

    def remove_denials(self) -> None:
        """Permit everything to everybody."""
        with self._lock:
            self._denials.clear()

    def delays(self, method: str, path: str) -> Delays:
        """Return the delays of this request."""
        with self._lock:
            latency = next((rule.seconds for rule in self._latencies if matches(rule, method, path)), 0.0)
            speed = next((rule for rule in self._speeds if matches(rule, method, path)), Speed())
            return Delays(latency, speed, self._hold)

    def next_fault(self, method: str, path: str, query: str) -> Fault | None:
        """Return the fault that strikes this request, and count it."""
        with self._lock:
            about = (fault for fault in self._faults if matches(fault, method, path) and fault.query in query)
            return next((fault for fault in about if fault.strikes()), None)

    def denial(self, permission: str, user_ids: tuple[str, ...], path: str) -> Denial | None:
        """Return the denial of this permission, at this path, to a user with these ids."""
        with self._lock:
            for denial in self._denials:
                is_about = denial.permission == permission and denial.path in path
                if is_about and (denial.user is None or denial.user in user_ids):
                    return denial
            return None

    def _end_hold(self, *, dropping: bool) -> None:
        self._hold.end(dropping=dropping)
        self._hold = RequestHold(self._clock)
        self._latencies: list[Latency] = []
        self._speeds: list[Speed] = []
