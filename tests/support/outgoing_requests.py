"""The one way by which the app reaches anything outside: every request of the SDKs and of our own client passes here.

azure-storage, azure-identity and our client of BC end in ``requests``' ``HTTPAdapter.send``; that method of a third
party is replaced, nothing of ours. What a thread sends within ``hooked`` goes by way of its hook: it can count, kill
the process before or after an effect, or have it wait. All other requests, the tests' own among them, are left alone.
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
    """One request: ``place`` is a container, BC or the identity; ``name`` a blob, or what of BC; ``source`` what is copied."""

    method: str
    place: str
    name: str
    source: str = ""

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, Any]) -> Self:
        """Return what a request does, as its sender or its receiver sees it."""
        path = unquote(urlsplit(url).path).lstrip("/")
        if path.startswith(f"{PICTURES}/"):
            container, blob = path.split("/", 2)[1:]
            copied = headers.get("x-ms-copy-source")
            if copied:
                return cls("COPY", container, blob, unquote(urlsplit(copied).path).split("/", 3)[3])
            return cls(method, container, blob)
        if "/api/v" in path:
            return cls(method, BC, path.partition("/api/v")[2].partition("/")[2])
        return cls(method, IDENTITY, path)

    @property
    def may_write(self) -> bool:
        """Whether something outside is different afterwards."""
        return self.method not in ("GET", "HEAD")

    @property
    def touches(self) -> dict[str, bool]:
        """What it reads (False) or writes (True); all that a test has in BC is one item and its picture."""
        if self.place == IDENTITY or (self.place, self.name) == (BC, "companies"):
            return {}
        if self.place == BC:
            return {BC: self.may_write}
        copied = {f"{INCOMING}/{self.source}": False} if self.source else {}
        return {**copied, f"{self.place}/{self.name}": self.may_write}

    def commutes_with(self, other: Self) -> bool:
        """Whether it makes no difference which of both is first."""
        both = self.touches.keys() & other.touches.keys()
        return not any(self.touches[one] or other.touches[one] for one in both)

    def __str__(self) -> str:
        return f"{self.method} {self.place}/{self.name}"


Send = Callable[[], Response]
Hook = Callable[[Effect, Send], Response]


class Crash(BaseException):
    """The process is gone; nothing that catches what goes wrong in a process may catch this."""


_thread = threading.local()


@contextmanager
def hooked(hook: Hook) -> Iterator[None]:
    """Have what this thread sends go by way of ``hook``, which may send whatever it likes itself."""
    _thread.hook = hook
    try:
        yield
    finally:
        _thread.hook = None


@contextmanager
def hooks_installed() -> Iterator[None]:
    """Open the way for hooks, and close it again."""
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
    """A process of the app that notes its effects, and dies where it is told to.

    ``dies`` is the effect, counted from 0, or tells by the effects so far whether the last one is it; ``after`` lets
    that one happen. Whatever a dead process still tries is in ``tried_when_dead``, and does not happen.
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
