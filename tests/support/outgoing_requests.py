"""Intercepts every request that the app sends, by the SDKs or by our own client.

azure-storage, azure-identity and our client of BC all end in ``requests``' ``HTTPAdapter.send``. We replace that
third-party method, and nothing of ours. What a thread sends within ``hooked`` goes through its hook, which can count,
kill the process before or after an effect, or make it wait. All other requests pass untouched, the tests' own included.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from devstack.azurite import PICTURES
from shared.storage.names import INCOMING

BC, IDENTITY = "bc", "identity"


@dataclass(frozen=True)
class Effect:
    """One request.

    ``place`` is a container, BC or the identity endpoint; ``name`` is a blob or a resource of BC; ``source`` is the
    blob that a copy reads.
    """

    method: str
    place: str
    name: str
    source: str = ""

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, Any]) -> Self:
        """Return the effect of a request, whether its sender or its receiver reports it."""
        path = unquote(urlsplit(url).path).lstrip("/")
        if path.startswith(f"{PICTURES}/"):
            _, container, *rest = path.split("/", 2)
            blob = rest[0] if rest else ""  # a container is listed
            source = headers.get("x-ms-copy-source")
            if source:
                return cls("COPY", container, blob, unquote(urlsplit(source).path).split("/", 3)[3])
            return cls(method, container, blob)
        if "/api/v" in path:
            return cls(method, BC, path.partition("/api/v")[2].partition("/")[2])
        return cls(method, IDENTITY, path)

    @property
    def may_write(self) -> bool:
        """Whether it may change something outside the app."""
        return self.method not in ("GET", "HEAD")

    @property
    def touches(self) -> dict[str, bool]:
        """What it reads (False) or writes (True); a test uses one item and its picture of BC, nothing else."""
        if self.place == IDENTITY or (self.place, self.name) == (BC, "companies"):
            return {}
        if self.place == BC:
            return {BC: self.may_write}
        source = {f"{INCOMING}/{self.source}": False} if self.source else {}
        return {**source, f"{self.place}/{self.name}": self.may_write}

    def commutes_with(self, other: Self) -> bool:
        """Whether the order of the two makes no difference."""
        shared = self.touches.keys() & other.touches.keys()
        return not any(self.touches[thing] or other.touches[thing] for thing in shared)

    def __str__(self) -> str:
        return f"{self.method} {self.place}/{self.name}"


Send = Callable[[], Response]
Hook = Callable[[Effect, Send], Response]


class Crash(BaseException):
    """Ends a process; a BaseException, so that no handler of errors catches it."""


_thread = threading.local()


@contextmanager
def hooked(hook: Hook) -> Iterator[None]:
    """Send this thread's requests through ``hook``; the hook's own requests pass untouched."""
    _thread.hook = hook
    try:
        yield
    finally:
        _thread.hook = None


@contextmanager
def hooks_installed() -> Iterator[None]:
    """Install the interception that hooks need, and remove it again."""
    real = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        hook: Hook | None = getattr(_thread, "hook", None)
        if hook is None:
            return real(adapter, request, *args, **options)
        effect = Effect.of(str(request.method), str(request.url), request.headers)
        _thread.hook = None
        try:
            return hook(effect, lambda: real(adapter, request, *args, **options))
        finally:
            _thread.hook = hook

    HTTPAdapter.send = send  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPAdapter.send = real  # type: ignore[method-assign]


Dies = Callable[[list[Effect]], bool]


class Process:
    """A process of the app that records its effects and dies at one of them.

    ``dies`` is the number of that effect, counted from 0, or a function that decides by the effects so far; with
    ``after`` the effect still happens. ``tried_when_dead`` lists what a dead process tried; none of it happens.
    """

    def __init__(self, dies: int | Dies | None = None, *, after: bool = False) -> None:
        self._dies = dies if callable(dies) else lambda effects: len(effects) - 1 == dies
        self._after = after
        self.effects: list[Effect] = []
        self.tried_when_dead: list[Effect] = []
        self.died = False

    def __call__(self, effect: Effect, send: Send) -> Response:
        """Let one effect happen, if the process still lives."""
        if self.died:
            self.tried_when_dead.append(effect)
            raise Crash
        self.effects.append(effect)
        self.died = self._dies(self.effects)
        if self.died and not self._after:
            raise Crash
        try:
            return send()
        finally:
            if self.died:
                raise Crash
