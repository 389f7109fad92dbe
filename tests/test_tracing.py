"""Spans tell what is worth telling, and nothing secret; trouble of telemetry's own reaches no upload."""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest
import requests
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, Status, StatusCode

from shared import tracing
from shared.call_names import storage_calls
from shared.telemetry import Telemetry

STORAGE = ["read record", "read upload", "copy to archive", "delete upload", "list upload"]


@pytest.fixture
def sent() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def provider_to(sent: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(sent))
    return provider


def call(
    sent: InMemorySpanExporter, name: str | None, *, fails: bool = False, clock: Callable[[], float] = lambda: 0.0
) -> Span:
    """Make a call's span as the instrumentation of requests does."""
    with tracing.QuietTracer(provider_to(sent).get_tracer("requests"), clock).start_as_current_span("GET") as span:
        if name:
            span.set_attribute("item_picture.call", name)
        if fails:
            span.set_status(Status(StatusCode.ERROR))
        assert trace.get_current_span() is span
    return span


def names(sent: InMemorySpanExporter) -> list[object]:
    return [(span.attributes or {}).get("item_picture.call") for span in sent.get_finished_spans()]


def test_storage_that_answers_well_and_at_once_is_not_sent(sent: InMemorySpanExporter) -> None:
    for name in storage_calls():
        call(sent, name)
    assert names(sent) == []
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("name", ["find items", "write picture", None])
def test_a_call_to_bc_or_to_the_identity_is_sent(sent: InMemorySpanExporter, name: str | None) -> None:
    call(sent, name)
    assert names(sent) == [name]


@pytest.mark.parametrize("name", STORAGE)
def test_storage_that_fails_is_sent(sent: InMemorySpanExporter, name: str) -> None:
    call(sent, name, fails=True)
    assert names(sent) == [name]


@pytest.mark.parametrize("name", STORAGE)
def test_storage_that_takes_long_is_sent(sent: InMemorySpanExporter, name: str) -> None:
    times = iter([10.0, 11.2])
    call(sent, name, clock=lambda: next(times))
    assert names(sent) == [name]


def test_a_broken_connection_is_sent_without_its_exception(sent: InMemorySpanExporter) -> None:
    """Its message may have an address with a signature."""
    tracer = tracing.QuietTracer(provider_to(sent).get_tracer("requests"))
    with suppress(requests.ConnectionError), tracer.start_as_current_span("GET"):
        raise requests.ConnectionError("https://pictures/?sig=abc")
    (span,) = sent.get_finished_spans()
    assert (span.status.status_code, span.status.description, list(span.events)) == (StatusCode.ERROR, None, [])


def test_a_failed_uploads_span_has_no_text_of_its_exception(sent: InMemorySpanExporter) -> None:
    with suppress(ValueError), Telemetry(tracing.Tracing(provider_to(sent))).upload():
        raise ValueError("https://pictures/?sig=abc")
    (span,) = sent.get_finished_spans()
    assert (span.status.status_code, span.status.description, list(span.events)) == (StatusCode.ERROR, None, [])


class Broken(SpanProcessor):
    """Fails when a span begins, or when it ends."""

    def __init__(self, at: str) -> None:
        self._at = at

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK names it
        if self._at == "start":
            raise RuntimeError(span)

    def on_end(self, span: ReadableSpan) -> None:
        if self._at == "end":
            raise RuntimeError(span)


@pytest.mark.parametrize("at", ["start", "end"])
def test_a_span_that_cannot_be_made_fails_no_upload(at: str) -> None:
    provider = TracerProvider()
    provider.add_span_processor(Broken(at))
    with pytest.raises(RuntimeError), provider.get_tracer("x").start_as_current_span("x"):
        pass
    telemetry = Telemetry(tracing.Tracing(provider))
    calls = tracing.QuietTracer(provider.get_tracer("requests"))
    done: list[UUID] = []
    with (
        telemetry.upload() as upload_id,
        telemetry.linked().upload(),
        telemetry.step("render picture"),
        calls.start_as_current_span("GET"),
    ):
        done.append(UUID(upload_id))
    assert len(done) == 1
    with pytest.raises(ValueError, match="the upload's own"), telemetry.upload():
        raise ValueError("the upload's own")
