"""Bounds how requests to Business Central wait, repeat and reuse connections, by urllib3's own means."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from types import TracebackType
from typing import Any, Self

from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import InvalidHeader, MaxRetryError, ResponseError
from urllib3.util import Retry

from shared.business_central import usage

WAIT_TOTAL = 20.0  # seconds that one request waits in all; after that, redelivery and the sweep take over
# BC counts the requests of the last five minutes, so after as long a silence it accepts some again. A request that
# claims nothing may wait this long for that, and an upload before its claim.
TURN_WITHIN = 300.0  # seconds
_ATTEMPTS = 6
PACE_MAX = 18.0  # requests a second of one process after the first refusal; BC accepts 20 of one identity
PACE_MIN = 1.0  # so that the requests of a process's slots, all claimed, get their turns within WAIT_TOTAL
_PACE_DOUBLES_IN = 200.0  # seconds; simulated, 1 and 5 processes then use 90 % of BC's limit and more, 2 % is refused
_PAUSE_MIN, _PAUSE_MAX = 1.0, 16.0  # seconds after a refusal, doubled while refusals follow each other
_BACKOFF = 0.5  # seconds before the first repetition, doubled each time
_SAFE_TO_REPEAT = frozenset({429, 503})  # refused before anything was done, whatever the method
_SAFE_TO_READ_AGAIN = _SAFE_TO_REPEAT | {502, 504}
_TOO_MANY_REQUESTS = 429
# A request waits inside urllib3, which hands nothing through: a context variable reaches there.
_is_claimed: ContextVar[bool] = ContextVar("is_claimed", default=False)


@contextmanager
def under_claim(*, is_claimed: bool) -> Iterator[None]:
    """Give a read in the block no more time to wait than a PATCH has: an item is claimed, and a claim lives shortly."""
    token = _is_claimed.set(is_claimed)
    try:
        yield
    finally:
        _is_claimed.reset(token)


class Throttle:
    """Delays requests to BC; one per process, so that a refusal of one request slows all of them down.

    A 429 that does not say how long to wait (a refusal) also sets a pace, at which requests begin from then on. While
    refusals follow each other, the pauses grow; once requests came through, the next refusal halves the pace, which
    doubles again within minutes. Other processes share BC's limits, and we cannot know how many they are. The app
    waits, measures waiting and varies it only through ``sleep``, ``clock`` and ``jitter``.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sleep, self._jitter, self.clock = sleep, jitter, clock
        self._lock = Lock()
        self._paused_until = self._limited_until = clock()  # the second: because of a 429
        self._next_turn = clock()
        self._pause = 0.0  # seconds, the last one after a refusal
        self._refused_at: float | None = None
        self._pace_then = PACE_MAX

    def pause_for(self, seconds: float, *, after_limit: bool = False) -> None:
        """Let no request begin for ``seconds``; ``after_limit``: because BC counts too many requests."""
        with self._lock:
            self._pause_until(self.clock() + seconds, after_limit=after_limit)

    def refused(self, began: float) -> None:
        """Slow down: BC refused a request that ``began`` then. What began before the last refusal changes nothing."""
        with self._lock:
            now = self.clock()
            if self._refused_at is not None and began <= self._refused_at:
                return
            if self._pause and now <= self._paused_until + self._pause:  # the pause was too short, whatever the pace
                self._pause = min(2 * self._pause, _PAUSE_MAX)
            else:
                self._pause = _PAUSE_MIN
                self._pace_then = PACE_MAX if self._refused_at is None else max(self._pace(now) / 2, PACE_MIN)
            self._refused_at = now
            self._pause_until(now + self._pause, after_limit=True)

    def _pause_until(self, until: float, *, after_limit: bool) -> None:
        self._paused_until = max(self._paused_until, until)
        if after_limit:
            self._limited_until = max(self._limited_until, until)

    def sleep(self, seconds: float) -> None:
        """Delay the caller alone."""
        self._sleep(seconds)

    def wait(self, at_most: float) -> float:
        """Wait for a request's turn, but no longer than ``at_most`` seconds; return how long that took.

        Each caller waits up to a quarter longer than it must, so that not all requests begin at once.
        """
        started = self.clock()
        self._wait(started + at_most, takes_turn=True)
        return self.clock() - started

    def wait_turn(self, at_most: float) -> bool:
        """Wait until a request could begin, and return whether that was within ``at_most`` seconds.

        For callers that are about to claim an item: their requests should find no line.
        """
        return self._wait(self.clock() + at_most, takes_turn=False)

    def _wait(self, deadline: float, *, takes_turn: bool) -> bool:
        stretch = 1 + self._jitter() / 4
        throttled = 0.0  # seconds; neither an outage nor what a busy machine takes to come here counts
        while True:
            with self._lock:
                now = self.clock()
                limited = max(self._limited_until, self._next_turn) - now
                left = max(self._paused_until - now, limited)
                if (left <= 0 or now >= deadline) and takes_turn:
                    self._take_turn(now)
            if left <= 0 or now >= deadline:
                usage.throttled(throttled)
                return left <= 0
            seconds = min(left * stretch, deadline - now)
            self._sleep(seconds)
            throttled += min(seconds, max(limited, 0.0) * stretch)

    def _take_turn(self, now: float) -> None:
        if self._refused_at is not None:
            interval = 1 / self._pace(now)
            self._next_turn = max(self._next_turn, now - interval) + interval  # who woke up late does not slow us down

    def _pace(self, now: float) -> float:
        since = now - (self._refused_at or now)
        return min(PACE_MAX, self._pace_then * 2 ** min(since / _PACE_DOUBLES_IN, 9))


class PatientRetry(Retry):
    """Adds to urllib3's retries: jitter on every wait, a limit on all waiting, tolerance of odd ``Retry-After`` values.

    Repeats a request after a failed connection, 429 and 503, and a GET also after 502, 504 and a lost answer. Never
    repeats a PATCH without a definite answer: BC may still be writing the picture.
    """

    def __init__(
        self,
        *args: Any,
        throttle: Throttle,
        waited: float = 0.0,
        arrived: float = 0.0,
        began: float = 0.0,
        patience: float = WAIT_TOTAL,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._throttle, self._waited, self._patience = throttle, waited, patience
        self._arrived, self._began = arrived, began  # clock's seconds: before all waiting, and the current attempt

    @classmethod
    def at(cls, throttle: Throttle) -> Self:
        """Return this app's rules for retries, which wait at ``throttle``."""
        return cls(
            total=_ATTEMPTS - 1,
            read=1,
            other=0,
            allowed_methods={"GET"},
            raise_on_status=False,
            redirect=0,
            throttle=throttle,
        )

    def new(self, **kw: Any) -> Self:
        """Return the rules for the next attempt, with what this class adds to urllib3's."""
        ours = {
            "throttle": self._throttle,
            "waited": self._waited,
            "arrived": self._arrived,
            "began": self._began,
            "patience": self._patience,
        }
        return super().new(**{**ours, **kw})

    def after_throttle(self) -> Self:
        """Wait at the throttle, and return these rules with that much less waiting left."""
        arrived = self._throttle.clock()
        waited = self._throttle.wait(WAIT_TOTAL)
        return self.new(waited=waited, arrived=arrived, began=self._throttle.clock())

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - urllib3's
        """Return whether an answer with this status leads to another attempt."""
        return status_code in (_SAFE_TO_READ_AGAIN if method == "GET" else _SAFE_TO_REPEAT)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Return the rules for the next attempt; give up once the request has waited long enough."""
        total, patience, waited = self.total, self._patience, self._waited
        is_claimed = method != "GET" or _is_claimed.get()
        if _is_refusal(response):
            self._throttle.refused(self._began)
            if not is_claimed:  # it can wait for BC's limit, however many attempts that takes
                total, patience = _ATTEMPTS, TURN_WITHIN
        if is_claimed:  # it must be over before the claim is old, and a PATCH before the claim's doubt is over
            waited = self._throttle.clock() - self._arrived
        rules = self.new(total=total, patience=patience, waited=waited)
        next_attempt = super(PatientRetry, rules).increment(method, url, response, error, _pool, _stacktrace)
        if waited >= patience:
            raise MaxRetryError(_pool, url, error or ResponseError("waited long enough"))  # type: ignore[arg-type]
        return next_attempt

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Pause all requests, and wait."""
        if not _is_refusal(response):
            backoff = _BACKOFF * 2 ** (len(self.history) - 1)
            seconds = min(max(backoff, self._retry_after(response)), WAIT_TOTAL)
            self._throttle.pause_for(seconds, after_limit=_is_limit(response))
        self._waited += self._throttle.wait(min(WAIT_TOTAL, self._patience - self._waited))
        self._began = self._throttle.clock()

    def _retry_after(self, response: BaseHTTPResponse | None) -> float:
        try:
            return (self.get_retry_after(response) if response else None) or 0.0
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0


def _is_limit(response: BaseHTTPResponse | None) -> bool:
    """Whether BC counts too many requests."""
    return response is not None and response.status == _TOO_MANY_REQUESTS


def _is_refusal(response: BaseHTTPResponse | None) -> bool:
    """Whether BC counts too many requests and does not say how long to wait."""
    return response is not None and _is_limit(response) and "Retry-After" not in response.headers
