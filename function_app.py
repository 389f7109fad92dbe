"""Declares the triggers; ``shared/pipeline.py`` and ``shared/sweep.py`` do the work."""

import os

import azure.functions as func
from azurefunctions.extensions.bindings import blob

from shared import config, report, wiring
from shared.storage.names import INCOMING, POISON_QUEUE

settings = config.read(os.environ)
parts = wiring.build(settings)
app = func.FunctionApp()


# The event subscription's URL contains this function's name.
@app.blob_trigger(
    arg_name="picture",
    path=f"{INCOMING}/{{name}}",
    connection="PICTURE_STORAGE",
    source=func.BlobSource(settings.trigger_source),
)
def item_picture_uploaded(picture: blob.BlobClient, context: func.Context) -> None:
    """Put one uploaded picture onto its item; ``picture`` is a reference, the pipeline reads the bytes itself."""
    with parts.telemetry.invocation(context.trace_context):
        parts.pipeline.process(picture.container_name, picture.blob_name)


@app.timer_trigger(arg_name="timer", schedule=settings.sweep_schedule)
def sweep_incoming(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 - the binding wants a parameter
    """Take up what is still in incoming."""
    with parts.telemetry.invocation(context.trace_context):
        parts.sweep.run()


@app.queue_trigger(arg_name="message", queue_name=POISON_QUEUE, connection="PICTURE_STORAGE")
def delivery_exhausted(message: func.QueueMessage, context: func.Context) -> None:
    """Log that all deliveries of an upload have failed; the upload stays, and the next sweep takes it up."""
    with parts.telemetry.invocation(context.trace_context):
        report.delivery_exhausted(message.get_body())
