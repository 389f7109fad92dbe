"""Of the calls that only look after an item's record, Application Insights gets those that tell something."""

from collections.abc import Callable
from contextlib import suppress

import pytest
import requests
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, Status, StatusCode

from shared import tracing

RECORD, UPLOAD = "read record", "read upload"


@pytest.fixture
def sent() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def call(
    sent: InMemorySpanExporter, name: str, *, fails: bool = False, clock: Callable[[], float] = lambda: 0.0
) -> Span:
    """Make a call's span as the instrumentation of requests does."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(sent))
    with tracing.QuietTracer(provider.get_tracer("requests"), clock).start_as_current_span("GET") as span:
        span.set_attribute("item_picture.call", name)
        if fails:
            span.set_status(Status(StatusCode.ERROR))
        assert trace.get_current_span() is span
    return span


def names(sent: InMemorySpanExporter) -> list[object]:
    return [(span.attributes or {})["item_picture.call"] for span in sent.get_finished_spans()]


def test_a_record_that_is_read_in_passing_is_not_sent(sent: InMemorySpanExporter) -> None:
    call(sent, RECORD)
    call(sent, UPLOAD)
    assert names(sent) == [UPLOAD]
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_record_that_cannot_be_read_is_sent(sent: InMemorySpanExporter) -> None:
    call(sent, RECORD, fails=True)
    assert names(sent) == [RECORD]


def test_a_record_that_takes_long_is_sent(sent: InMemorySpanExporter) -> None:
    times = iter([10.0, 11.2])
    call(sent, RECORD, clock=lambda: next(times))
    assert names(sent) == [RECORD]


def test_a_broken_connection_is_sent_without_its_exception(sent: InMemorySpanExporter) -> None:
    """Its message may have an address with a signature."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(sent))
    tracer = tracing.QuietTracer(provider.get_tracer("requests"))
    with suppress(requests.ConnectionError), tracer.start_as_current_span("GET"):
        raise requests.ConnectionError("https://pictures/?sig=abc")
    (span,) = sent.get_finished_spans()
    assert (span.status.status_code, list(span.events)) == (StatusCode.ERROR, [])
