"""Admits each user's requests, queues them or refuses them. Knows no HTTP; safe between threads."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from devstack.business_central import errors
from devstack.business_central.scenario.clock import SimulatedClock
from devstack.business_central.scenario.limits import Limits


@dataclass
class UserLoad:
    """Counts one user's running and queued requests, and records when those of the last five minutes arrived."""

    running: int = 0
    queue: deque[object] = field(default_factory=deque)
    arrivals: deque[float] = field(default_factory=deque)


@dataclass(frozen=True)
class Turn:
    """Marks a running request; ``started`` in the clock's seconds."""

    load: UserLoad
    started: float


class Admission:
    """Applies the limits in force to every user's requests."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Go back to BC's own limits and forget all requests."""
        with self._clock.changed:
            self.limits = Limits()
            self._loads: dict[str, UserLoad] = {}

    def configure(self, limits: Limits) -> None:
        """Apply these limits from now on, to queued requests too."""
        with self._clock.changed:
            self.limits = limits
            self._clock.changed.notify_all()

    def enter(self, user: str, arrived: float, given_up: Callable[[], bool]) -> Turn:
        """Wait for the user's turn; the caller must hand it to ``leave``.

        Raises:
            BusinessCentralError: 429 at once, or 503 after too long a wait.
        """
        with self._clock.changed:
            load = self._loads.setdefault(user, UserLoad())
            started = self._start(load, arrived, given_up) if self.limits.enabled else arrived
            load.running += 1
            return Turn(load, started)

    def leave(self, turn: Turn) -> None:
        """Let the user's next request run."""
        with self._clock.changed:
            turn.load.running -= 1
            if turn.load.queue:
                self._clock.changed.notify_all()

    def summary(self) -> dict[str, dict[str, int]]:
        """Return the numbers of requests by user."""
        with self._clock.changed:
            return {
                user: {"running": load.running, "queued": len(load.queue), "requests": len(load.arrivals)}
                for user, load in self._loads.items()
            }

    def _start(self, load: UserLoad, arrived: float, given_up: Callable[[], bool]) -> float:
        """Return when the request starts to run: on arrival, or after its time in the queue."""
        now, limits = self._clock.seconds(), self.limits
        while load.arrivals and load.arrivals[0] <= now - limits.window:
            load.arrivals.popleft()
        queued = len(load.queue)
        must_wait = queued > 0 or load.running >= limits.running
        if (
            len(load.arrivals) >= limits.requests
            or load.running + queued >= limits.connections
            or (must_wait and queued >= limits.queued)
        ):
            raise errors.too_many_requests()
        load.arrivals.append(now)
        if not must_wait:
            return arrived
        self._queue(load, given_up)
        return self._clock.seconds()

    def _queue(self, load: UserLoad, given_up: Callable[[], bool]) -> None:
        ticket = object()
        load.queue.append(ticket)

        def has_turn() -> bool:
            return given_up() or (load.queue[0] is ticket and load.running < self.limits.running)

        try:
            deadline = self._clock.seconds() + self.limits.queue_seconds
            if not self._clock.wait_until(deadline, has_turn):
                raise errors.queued_too_long()
        finally:
            load.queue.remove(ticket)
            self._clock.changed.notify_all()
