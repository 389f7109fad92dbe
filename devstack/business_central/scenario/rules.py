"""Describes single rules that a test can set: latency, speed, a fault, a denied permission.

Knows no HTTP. Each class is the body of a POST to the control API; invalid values raise ValueError or TypeError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

_CODES = {
    401: "Authentication_InvalidCredentials",
    409: "Request_EntityChanged",
    429: "Application_TooManyRequests",
    503: "Internal_TenantUnavailable",
}


@dataclass
class Latency:
    """Delays matching requests before anything happens to them."""

    seconds: float
    method: str | None = None
    path: str = ""

    def __post_init__(self) -> None:
        self.seconds = float(self.seconds)


@dataclass
class Speed:
    """Limits bodies of matching requests, and of their answers, to so many bytes per second; 0 is unlimited."""

    request: float = 0
    answer: float = 0
    method: str | None = None
    path: str = ""

    def __post_init__(self) -> None:
        if float(self.request) < 0 or float(self.answer) < 0:
            raise ValueError("bytes per second cannot be negative")


@dataclass
class Denial:
    """Denies ``user`` (an oid or appid; None: everybody) to Read, or to Modify, items at matching paths."""

    permission: Literal["Read", "Modify"]
    user: str | None = None
    status: int = 400
    path: str = ""

    def __post_init__(self) -> None:
        if self.permission not in ("Read", "Modify"):
            raise ValueError(f'permission must be "Read" or "Modify", not {self.permission!r}')


@dataclass
class Fault:
    """Replaces the answers to the next ``count`` matching requests (None: to all until the reset).

    ``applied``: the request takes effect first, or "later": ``delay`` seconds after its answer (None: when a test says
    so). ``drop``: the connection closes without an answer; "unread": before the body is read. ``query`` is a part of
    the decoded query, ``?`` included. ``probability`` spares the other requests, always the same ones for the same
    ``seed``.
    """

    status: int | None = None
    code: str | None = None
    message: str = "A fault set through the control API."
    count: int | None = 1
    method: str | None = None
    path: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool | Literal["later"] = False
    delay: float | None = None
    drop: bool | Literal["unread"] = False
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if bool(self.drop) == (self.status is not None):
            raise ValueError("a fault needs either status or drop")
        if self.drop not in (True, False, "unread"):
            raise ValueError(f'drop must be true, false or "unread", not {self.drop!r}')
        if self.applied not in (True, False, "later"):
            raise ValueError(f'applied must be true, false or "later", not {self.applied!r}')
        if self.drop == "unread" and self.applied:
            raise ValueError("a request whose body is not read cannot be applied")
        if self.status is not None:
            if not 400 <= self.status <= 599:  # noqa: PLR2004 - HTTP's classes of errors
                raise ValueError(f"status must be an error (400 to 599), not {self.status}")
            self.code = self.code or _CODES.get(self.status, "Internal_ServerError")
        self.delay = None if self.delay is None else float(self.delay)
        self._random = Random(self.seed)  # noqa: S311 - chance for tests, not a secret

    def strikes(self) -> bool:
        """Decide whether the fault strikes a matching request, and count it if so."""
        if self.count == 0 or self._random.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True


def matches(rule: Latency | Speed | Fault, method: str, path: str) -> bool:
    """Return whether a rule is about this request."""
    return rule.method in (None, method) and rule.path in path
