"""How much one user may ask of BC at once and over time, and how long it takes at most. Knows no HTTP; safe between threads."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devstack.business_central import errors
from devstack.business_central.clock import Clock


@dataclass(frozen=True)
class Limits:
    """BC's numbers online, for each user; times in seconds.

    ``retry_after``: what the header of that name says beside a status. BC documents it for 503, not for 429.
    """

    enabled: bool = True
    running: int = 5
    queued: int = 95
    connections: int = 100
    requests: int = 6000
    window: float = 300
    queue_seconds: float = 480
    operation_seconds: float = 480
    gateway_seconds: float = 600
    retry_after: Mapping[str, str] = field(default_factory=lambda: {"503": "10"})

    def __post_init__(self) -> None:
        if not isinstance(self.enabled, bool) or not isinstance(self.retry_after, Mapping):
            raise TypeError("enabled is true or false, retry_after an object")
        numbers = (self.running, self.queued, self.connections, self.requests, self.window)
        if min(*numbers, self.queue_seconds, self.operation_seconds, self.gateway_seconds) < 0:
            raise ValueError("a limit cannot be negative")

    def allowance(self, seconds: float, waited: float) -> tuple[float, int | None]:
        """Return how long an operation of ``seconds`` may run after ``waited`` in the queue, and which status ends it."""
        until_gateway = self.gateway_seconds - waited
        if not self.enabled or seconds <= min(self.operation_seconds, until_gateway):
            return seconds, None
        if until_gateway < self.operation_seconds:
            return max(until_gateway, 0), 504
        return self.operation_seconds, 408


@dataclass
class Load:
    """What one user has under way, and when the requests of the last five minutes came."""

    running: int = 0
    queue: deque[object] = field(default_factory=deque)
    arrivals: deque[float] = field(default_factory=deque)


@dataclass(frozen=True)
class Turn:
    """One request that runs, and since when by the clock's seconds."""

    load: Load
    began: float


class Throttle:
    """Lets a user's requests in, has them wait for their turn, or refuses them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """BC's own limits; nobody has asked for anything yet."""
        with self._clock.changed:
            self.limits = Limits()
            self._users: dict[str, Load] = {}

    def configure(self, limits: Limits) -> None:
        """From now on these limits hold, also for what waits already."""
        with self._clock.changed:
            self.limits = limits
            self._clock.changed.notify_all()

    def enter(self, user: str, arrived: float, given_up: Callable[[], bool]) -> Turn:
        """Wait for the user's turn; what is returned must be handed to ``leave``.

        Raises:
            BusinessCentralError: 429 at once, or 503 after too long a wait.
        """
        with self._clock.changed:
            load = self._users.setdefault(user, Load())
            began = self._admitted(load, arrived, given_up) if self.limits.enabled else arrived
            load.running += 1
            return Turn(load, began)

    def leave(self, turn: Turn) -> None:
        """Let the user's next request run."""
        with self._clock.changed:
            turn.load.running -= 1
            if turn.load.queue:
                self._clock.changed.notify_all()

    def summary(self) -> dict[str, dict[str, int]]:
        """Return what each user has under way."""
        with self._clock.changed:
            return {
                user: {"running": load.running, "queued": len(load.queue), "requests": len(load.arrivals)}
                for user, load in self._users.items()
            }

    def _admitted(self, load: Load, arrived: float, given_up: Callable[[], bool]) -> float:
        """Return when the request begins to run: as it arrives, or after its time in the queue."""
        now, limits = self._clock.seconds(), self.limits
        while load.arrivals and load.arrivals[0] <= now - limits.window:
            load.arrivals.popleft()
        waiting = len(load.queue)
        must_wait = waiting > 0 or load.running >= limits.running
        if (
            len(load.arrivals) >= limits.requests
            or load.running + waiting >= limits.connections
            or (must_wait and waiting >= limits.queued)
        ):
            raise errors.too_many_requests()
        load.arrivals.append(now)
        if not must_wait:
            return arrived
        self._queue(load, given_up)
        return self._clock.seconds()

    def _queue(self, load: Load, given_up: Callable[[], bool]) -> None:
        ticket = object()
        load.queue.append(ticket)

        def called() -> bool:
            return given_up() or (load.queue[0] is ticket and load.running < self.limits.running)

        try:
            deadline = self._clock.seconds() + self.limits.queue_seconds
            if not self._clock.wait_until(deadline, called):
                raise errors.queued_too_long()
        finally:
            load.queue.remove(ticket)
            self._clock.changed.notify_all()
