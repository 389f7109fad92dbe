"""How requests to Business Central wait, are repeated, and reuse connections: urllib3's own means, bounded."""

import random
import time
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import InvalidHeader, MaxRetryError, ResponseError
from urllib3.response import HTTPResponse
from urllib3.util import Retry

WAIT_TOTAL = 20.0  # seconds that one request waits in all; more belongs to the host's redelivery and the sweep
IDLE_MAX = 30.0  # seconds; gateways drop idle connections, and a PATCH on a dropped one has no definite answer
_BACKOFF = 0.5  # seconds before the first repetition, doubled each time
_ATTEMPTS = 6
_REFUSED = frozenset({429, 503})  # refused before anything was done: safe to repeat for every method
_READ_FAILED = _REFUSED | {502, 504}


class Throttle:
    """Where every request to BC waits; one per process, so that what slows one down slows all down.

    ``sleep``, ``clock`` and ``jitter`` are the only ways in which this app waits, measures and varies waiting.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sleep, self._jitter, self.clock = sleep, jitter, clock
        self._lock = Lock()
        self._opens_at = clock()

    def close_for(self, seconds: float) -> None:
        """Let no request pass for ``seconds``."""
        with self._lock:
            self._opens_at = max(self._opens_at, self.clock() + seconds)

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass for the caller alone."""
        self._sleep(seconds)

    def wait(self, at_most: float) -> float:
        """Return when the throttle is open, or after ``at_most`` seconds; the answer is how long that took.

        Who has to wait waits up to a quarter longer than the others, so that not all go on at once.
        """
        started = self.clock()
        spread = 1 + self._jitter() / 4
        while (left := self._opens_at - self.clock()) > 0 and (allowed := started + at_most - self.clock()) > 0:
            self._sleep(min(left * spread, allowed))
        return self.clock() - started


class PatientRetry(Retry):
    """urllib3's retries with jitter on every wait, an end to all waiting, and ``Retry-After`` taken with care.

    Repeated are connect failures, 429 and 503, and for GET also 502, 504 and lost answers. A PATCH without a
    definite answer is never repeated: BC may still be writing the picture.
    """

    def __init__(self, *args: Any, throttle: Throttle, waited: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._throttle, self._waited = throttle, waited

    @classmethod
    def at(cls, throttle: Throttle) -> Self:
        """Return the rules of this app, waiting at ``throttle``."""
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
        """Carry what is ours from one attempt to the next."""
        return super().new(**{"throttle": self._throttle, "waited": self._waited, **kw})

    def in_line(self) -> Self:
        """Wait until requests may pass, and return these rules with that much less waiting left."""
        return self.new(waited=self._throttle.wait(WAIT_TOTAL))

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - urllib3's
        """Return whether an answer with this status leads to another attempt."""
        return status_code in (_READ_FAILED if method == "GET" else _REFUSED)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Return the rules for the next attempt, or give up where there was enough waiting."""
        following = super().increment(method, url, response, error, _pool, _stacktrace)
        if self._waited >= WAIT_TOTAL:
            raise MaxRetryError(_pool, url, error or ResponseError("waited long enough"))  # type: ignore[arg-type]
        return following

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Close the throttle for everybody, and wait there."""
        backoff = _BACKOFF * 2 ** (len(self.history) - 1)
        self._throttle.close_for(min(max(backoff, self._asked_for(response)), WAIT_TOTAL))
        self._waited += self._throttle.wait(WAIT_TOTAL - self._waited)

    def _asked_for(self, response: BaseHTTPResponse | None) -> float:
        try:
            return (self.get_retry_after(response) if response else None) or 0.0
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0


class _Adapter(HTTPAdapter):
    """requests' adapter with the rules above, for direct connections and for those by way of a proxy."""

    def __init__(self, throttle: Throttle, idle_max: float) -> None:
        self._pools = _pools(idle_max)
        super().__init__(pool_maxsize=64, max_retries=PatientRetry.at(throttle))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(idle_max: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's pools, with a line to wait in, and a distrust of connections that were idle ``idle_max`` s."""

    class ShortIdle(HTTPConnection):
        answered_at = float("-inf")

        @property
        def is_connected(self) -> bool:
            return super().is_connected and time.monotonic() - self.answered_at <= idle_max

        def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 does
            response = super().getresponse()
            self.answered_at = time.monotonic()
            return response

    class ShortIdleTls(ShortIdle, HTTPSConnection):
        pass

    class InLine(HTTPConnectionPool):
        ConnectionCls = ShortIdle

        def urlopen(  # type: ignore[override] # urllib3 calls it with more by name
            self,
            method: str,
            url: str,
            body: Any = None,
            headers: Any = None,
            retries: Any = None,
            *args: Any,
            **kw: Any,
        ) -> BaseHTTPResponse:
            if not retries.history:  # a repetition has waited already
                retries = retries.in_line()
            return super().urlopen(method, url, body, headers, retries, *args, **kw)

    class InLineTls(InLine, HTTPSConnectionPool):
        ConnectionCls = ShortIdleTls

    return {"http": InLine, "https": InLineTls}


def session(throttle: Throttle, idle_max: float = IDLE_MAX) -> requests.Session:
    """Return the one session of a process; it waits at ``throttle``."""
    made = requests.Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # nothing of one upload reaches the next
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Adapter(throttle, idle_max))
    return made
