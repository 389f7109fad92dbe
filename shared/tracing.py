"""Makes the app's spans, by what the worker has set up; loaded only where Application Insights is on."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http import HTTPStatus
from typing import Any
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from requests import PreparedRequest, Response

from shared import __version__
from shared import telemetry_names as names
from shared.call_names import call_name, storage_calls
from shared.report import Line

# Storage is asked six times for a picture. What goes well there, and at once, tells nothing, and would be half of all
# rows and of what telemetry costs.
_STORAGE_CALLS = frozenset(storage_calls())
_AT_ONCE = 1.0  # seconds


class Tracing:
    """Makes spans in the current trace, or in new ones; by the process's own provider, unless another is given."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer(names.LOGGER, __version__, provider)

    @property
    def current(self) -> SpanContext | None:
        """The span that is current in this thread."""
        current = trace.get_current_span().get_span_context()
        return current if current.is_valid else None

    @property
    def trace_id(self) -> str | None:
        """The current trace's id, as a GUID."""
        return str(UUID(int=self.current.trace_id)) if self.current else None

    def span(self, name: str, linked_to: SpanContext | None = None) -> AbstractContextManager[Span]:
        """Make a span of the block; with ``linked_to``, it begins a trace of its own that points there."""
        if linked_to is None:
            return _current(lambda: self._tracer.start_span(name))
        return _current(lambda: self._tracer.start_span(name, Context(), links=[Link(linked_to)]))

    @contextmanager
    def continued(self, trace_parent: str | None, trace_state: str | None) -> Iterator[None]:
        """Go on with the trace of the host's invocation; not every worker does that in the function's thread."""
        carrier = {"traceparent": trace_parent or "", "tracestate": trace_state or ""}
        token = context.attach(TraceContextTextMapPropagator().extract(carrier, Context()))
        try:
            yield
        finally:
            context.detach(token)


@contextmanager
def _current(start_span: Callable[[], Span], is_sent: Callable[[Span], bool] = lambda _: True) -> Iterator[Span]:
    """Make a span of the block, which telemetry's own errors do not reach.

    Of an exception, the span has neither text nor stack: the record tells what went wrong, and a text may have an
    address with a signature.
    """
    span: Span = trace.INVALID_SPAN
    with suppress(Exception):
        span = start_span()
    try:
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield span
    except Exception:
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        with suppress(Exception):
            if is_sent(span):
                span.end()


def start() -> Tracing:
    """Adapt what the worker has set up to this app, and return what makes its spans."""
    logger = logging.getLogger(names.LOGGER)
    logger.setLevel(logging.INFO)  # the root logger's level is the worker's affair
    for handler in logger.handlers:
        if isinstance(handler, LoggingHandler):
            handler.setFormatter(_EventName())
    instrumentor = RequestsInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()
    instrumentor.instrument(tracer_provider=_Provider(), request_hook=_name_call, response_hook=_judge_answer)
    return Tracing()


class _EventName(logging.Formatter):
    """Sends a record's event as its message: its attributes tell the rest, and the line would tell it twice."""

    def format(self, record: logging.LogRecord) -> str:
        return record.msg.event if isinstance(record.msg, Line) else super().format(record)


class _Provider(TracerProvider):
    """Gives the instrumentation of requests a tracer that keeps exceptions to itself: URLs in them have signatures."""

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return QuietTracer(trace.get_tracer_provider().get_tracer(*args, **kwargs))


class QuietTracer(Tracer):
    """Makes spans of requests: without exceptions, and without calls to storage that go well."""

    def __init__(self, tracer: Tracer, clock: Callable[[], float] = time.monotonic) -> None:
        self._tracer, self._clock = tracer, clock

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        """Make a span that whoever asked for it ends."""
        return self._tracer.start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> AbstractContextManager[Span]:  # type: ignore[override] # it cannot be a decorator
        """Make a span of the block; if it tells nothing, it is never ended, and so nobody gets it."""
        started = self._clock()

        def tells_something(span: Span) -> bool:
            return self._clock() - started >= _AT_ONCE or not _has_stored_well(span)

        return _current(lambda: self._tracer.start_span(*args, **kwargs), tells_something)


def _has_stored_well(span: Span) -> bool:
    """Whether this is a call to storage that went well."""
    if not isinstance(span, ReadableSpan) or span.status.status_code is StatusCode.ERROR:
        return False
    return (span.attributes or {}).get(f"{names.PREFIX}{names.CALL}") in _STORAGE_CALLS


def _name_call(span: Span, request: PreparedRequest) -> None:
    with suppress(Exception):  # the instrumentation would let it fail the request
        name = call_name(request.method or "", request.url or "", request.headers)
        if name:
            span.set_attribute(f"{names.PREFIX}{names.CALL}", name)


def _judge_answer(span: Span, _request: PreparedRequest, response: Response) -> None:
    with suppress(Exception):  # as above
        retries = getattr(response.raw, "retries", None)
        if retries and retries.history:
            span.set_attribute(f"{names.PREFIX}{names.ATTEMPT}", len(retries.history) + 1)
        # That a blob does not exist is what we wanted to know; a container must exist.
        if response.status_code == HTTPStatus.NOT_FOUND and response.headers.get("x-ms-error-code") == "BlobNotFound":
            span.set_status(Status(StatusCode.OK))
