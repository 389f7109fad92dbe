"""Bounds how requests to Business Central wait, repeat and reuse connections, by urllib3's own means."""

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

WAIT_TOTAL = 20.0  # seconds that one request waits in all; after that, redelivery and the sweep take over
IDLE_MAX = 30.0  # seconds; gateways drop idle connections, and a PATCH on a dropped connection gets no answer
_BACKOFF = 0.5  # seconds before the first repetition, doubled each time
_ATTEMPTS = 6
_SAFE_TO_REPEAT = frozenset({429, 503})  # refused before anything was done, whatever the method
_SAFE_TO_READ_AGAIN = _SAFE_TO_REPEAT | {502, 504}


class Throttle:
    """Delays requests to BC; one per process, so that a refusal of one request slows all of them down.

    The app waits, measures waiting and varies it only through ``sleep``, ``clock`` and ``jitter``.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sleep, self._jitter, self.clock = sleep, jitter, clock
        self._lock = Lock()
        self._paused_until = clock()

    def pause_for(self, seconds: float) -> None:
        """Let no request begin for ``seconds``."""
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)

    def sleep(self, seconds: float) -> None:
        """Delay the caller alone."""
        self._sleep(seconds)

    def wait(self, at_most: float) -> float:
        """Wait until the pause is over, but no longer than ``at_most`` seconds; return how long that took.

        Each caller waits up to a quarter longer than it must, so that not all requests begin at once.
        """
        started = self.clock()
        stretch = 1 + self._jitter() / 4
        while (left := self._paused_until - self.clock()) > 0 and (allowed := started + at_most - self.clock()) > 0:
            self._sleep(min(left * stretch, allowed))
        return self.clock() - started


class PatientRetry(Retry):
    """Adds to urllib3's retries: jitter on every wait, a limit on all waiting, tolerance of odd ``Retry-After`` values.

    Repeats a request after a failed connection, 429 and 503, and a GET also after 502, 504 and a lost answer. Never
    repeats a PATCH without a definite answer: BC may still be writing the picture.
    """

    def __init__(self, *args: Any, throttle: Throttle, waited: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._throttle, self._waited = throttle, waited

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
        return super().new(**{"throttle": self._throttle, "waited": self._waited, **kw})

    def after_throttle(self) -> Self:
        """Wait at the throttle, and return these rules with that much less waiting left."""
        return self.new(waited=self._throttle.wait(WAIT_TOTAL))

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
        next_attempt = super().increment(method, url, response, error, _pool, _stacktrace)
        if self._waited >= WAIT_TOTAL:
            raise MaxRetryError(_pool, url, error or ResponseError("waited long enough"))  # type: ignore[arg-type]
        return next_attempt

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Pause all requests, and wait."""
        backoff = _BACKOFF * 2 ** (len(self.history) - 1)
        self._throttle.pause_for(min(max(backoff, self._retry_after(response)), WAIT_TOTAL))
        self._waited += self._throttle.wait(WAIT_TOTAL - self._waited)

    def _retry_after(self, response: BaseHTTPResponse | None) -> float:
        try:
            return (self.get_retry_after(response) if response else None) or 0.0
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0


class _Adapter(HTTPAdapter):
    """Applies the rules above to direct connections and to connections through a proxy."""

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
    """Return urllib3's pools, made to wait at the throttle and to drop connections idle for ``idle_max`` seconds."""

    class ShortIdleConnection(HTTPConnection):
        answered_at = float("-inf")

        @property
        def is_connected(self) -> bool:
            return super().is_connected and time.monotonic() - self.answered_at <= idle_max

        def getresponse(self) -> HTTPResponse:  # type: ignore[override] # urllib3 returns its own type too
            response = super().getresponse()
            self.answered_at = time.monotonic()
            return response

    class ShortIdleTlsConnection(ShortIdleConnection, HTTPSConnection):
        pass

    class ThrottledPool(HTTPConnectionPool):
        ConnectionCls = ShortIdleConnection

        def urlopen(  # type: ignore[override] # urllib3 passes the rest by name
            self,
            method: str,
            url: str,
            body: Any = None,
            headers: Any = None,
            retries: Any = None,
            *args: Any,
            **kw: Any,
        ) -> BaseHTTPResponse:
            if not retries.history:  # repetitions have waited already
                retries = retries.after_throttle()
            return super().urlopen(method, url, body, headers, retries, *args, **kw)

    class ThrottledTlsPool(ThrottledPool, HTTPSConnectionPool):
        ConnectionCls = ShortIdleTlsConnection

    return {"http": ThrottledPool, "https": ThrottledTlsPool}


def new_session(throttle: Throttle, idle_max: float = IDLE_MAX) -> requests.Session:
    """Return a session whose requests wait at ``throttle``; a process needs one."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # nothing of one upload reaches the next
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(throttle, idle_max))
    return session
