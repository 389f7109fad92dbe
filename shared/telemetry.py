"""Connects what the app does to the host's traces; without Application Insights it does nothing, and loads nothing."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from shared.telemetry_names import LOGGER, PROCESS_UPLOAD

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from shared.tracing import Tracing


class TraceContext(Protocol):
    """The part of an invocation's context that says in which trace it runs."""

    @property
    def trace_parent(self) -> str: ...  # noqa: D102 - W3C's

    @property
    def trace_state(self) -> str: ...  # noqa: D102 - W3C's


class Telemetry:
    """Makes spans, if ``tracing`` does; one per process, safe to use from threads.

    With ``linked_to``, each upload begins a trace of its own that points there.
    """

    def __init__(self, tracing: "Tracing | None" = None, linked_to: "SpanContext | None" = None) -> None:
        self._tracing, self._linked_to = tracing, linked_to

    def invocation(self, host: TraceContext) -> AbstractContextManager[None]:
        """Let the block go on with the host's trace."""
        return self._tracing.continued(host.trace_parent, host.trace_state) if self._tracing else nullcontext()

    def linked(self) -> "Telemetry":
        """Return the telemetry of uploads that the current invocation takes up, in whichever thread."""
        return Telemetry(self._tracing, self._tracing.current) if self._tracing else self

    def request_id(self) -> str:
        """Return the id that BC sees: the current trace's, or one of its own."""
        return (self._tracing and self._tracing.trace_id) or str(uuid4())

    @contextmanager
    def upload(self) -> Iterator[str]:
        """Make the span of one upload; gives the id for its requests."""
        with self._tracing.span(PROCESS_UPLOAD, self._linked_to) if self._tracing else nullcontext():
            yield self.request_id()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Make the span of one step."""
        with self._tracing.span(name) if self._tracing else nullcontext():
            yield


def connect(*, is_on: bool) -> Telemetry:
    """Return the telemetry of this process; if it cannot start, pictures go on without it."""
    if not is_on:
        return Telemetry()
    try:
        from shared import tracing  # noqa: PLC0415 - without Application Insights it is not loaded

        return Telemetry(tracing.start())
    except Exception:
        logging.getLogger(LOGGER).exception("Telemetry does not start; uploads are handled without it.")
        return Telemetry()
