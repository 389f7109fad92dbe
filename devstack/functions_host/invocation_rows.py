"""Writes a request row per invocation, as the real host does in OpenTelemetry mode, and names the trace to the worker.

The row has the function's name, its time and whether it succeeded. The real host adds dimensions of its own, and a row
for the web hook that announces a blob.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.trace import SpanKind, Tracer, format_span_id, format_trace_id

CONNECTION_STRING = "APPLICATIONINSIGHTS_CONNECTION_STRING"


class InvocationRows:
    """Writes rows if host.json and the settings ask for them."""

    def __init__(self, settings: Mapping[str, str], *, has_telemetry: bool) -> None:
        self._tracer = _tracer() if has_telemetry and settings.get(CONNECTION_STRING) else None

    @contextmanager
    def invocation(self, function: str) -> Iterator[str]:
        """Write the row of the block, which gives the ``traceparent`` for its function, empty without telemetry."""
        if self._tracer is None:
            yield ""
            return
        with self._tracer.start_as_current_span(function, kind=SpanKind.SERVER, record_exception=False) as span:
            context = span.get_span_context()
            yield f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-01"


def _tracer() -> Tracer:
    # Slow to load, and most stacks have no telemetry.
    from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    # The exporter reads connection string and identity from the environment, as it does in the worker.
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "local")})
    provider = TracerProvider(ALWAYS_ON, resource)
    provider.add_span_processor(BatchSpanProcessor(AzureMonitorTraceExporter()))
    return provider.get_tracer("devstack.functions_host")
