"""Opens connections to Business Central: every request waits at the throttle, and idle connections are dropped."""

import os
import socket
import struct
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

from shared.business_central import usage
from shared.business_central.retries import PatientRetry, Throttle

IDLE_MAX = 30.0  # seconds; gateways drop idle connections, and a PATCH on a dropped connection gets no answer
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # SO_LINGER: closing drops what was not sent yet


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
        awaits_answer = False

        @property
        def is_connected(self) -> bool:
            return super().is_connected and time.monotonic() - self.answered_at <= idle_max

        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            self.awaits_answer = True
            super().putrequest(*args, **kwargs)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override] # urllib3 returns its own type too
            response = super().getresponse()
            self.answered_at, self.awaits_answer = time.monotonic(), False
            return response

        def close(self) -> None:
            """Close the connection; of a request that we give up, the system must not send the rest later."""
            if self.sock is not None and self.awaits_answer:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            super().close()

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
            usage.request_sent()
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
