"""States BC's limits: how much one user may ask for, and how long a request may take. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """BC's numbers online, for each user; times in seconds.

    ``retry_after``: the value of that header by status. BC documents it for 503, not for 429.
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
            raise TypeError("enabled must be true or false, retry_after an object")
        numbers = (self.running, self.queued, self.connections, self.requests, self.window)
        if min(*numbers, self.queue_seconds, self.operation_seconds, self.gateway_seconds) < 0:
            raise ValueError("a limit cannot be negative")

    def allowance(self, seconds: float, waited: float) -> tuple[float, int | None]:
        """Return how long an operation may run, and the status that ends it early.

        It wants to run for ``seconds``, after it ``waited`` in the queue.
        """
        until_gateway = self.gateway_seconds - waited
        if not self.enabled or seconds <= min(self.operation_seconds, until_gateway):
            return seconds, None
        if until_gateway < self.operation_seconds:
            return max(until_gateway, 0), 504
        return self.operation_seconds, 408
