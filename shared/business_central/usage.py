"""Counts what one upload asks of BC: the requests that were sent, and the seconds that BC's limit made it wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Usage:
    """What was used so far; ``requests`` include repetitions.

    ``throttled_s`` is the wait after a 429, and in line because of one. Waits in an outage do not count.
    """

    requests: int = 0
    throttled_s: float = 0.0


# A request waits inside urllib3, which hands nothing through: a context variable reaches there.
_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def counted() -> Iterator[Usage]:
    """Count what this thread uses from here on."""
    usage = Usage()
    token = _current.set(usage)
    try:
        yield usage
    finally:
        _current.reset(token)


def request_sent() -> None:
    """Count one request."""
    if usage := _current.get():
        usage.requests += 1


def throttled(seconds: float) -> None:
    """Count time spent waiting because BC had refused requests as too many."""
    if usage := _current.get():
        usage.throttled_s += seconds
