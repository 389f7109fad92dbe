"""An app for the tests of the host: does what the name of the blob or the message says, and reports each call."""

import json
import logging
import os
import time
from pathlib import Path

import azure.functions as func
from azurefunctions.extensions.bindings import blob

app = func.FunctionApp()
_log = logging.getLogger("item_picture_sync")
_gate = Path(os.environ["GATE"])


def say(event: str, **facts: object) -> None:
    line = {"event": event, "host": os.getppid(), "worker": os.getpid(), "at": time.time(), **facts}
    _log.info("%s", json.dumps(line))


@app.blob_trigger(
    arg_name="picture",
    path="product-images/{name}",
    connection="PICTURE_STORAGE",
    source=func.BlobSource("EventGrid"),
)
def item_picture_uploaded(picture: blob.BlobClient) -> None:
    """Wait until the gate opens for this blob, unless its name says ``pass``; then end as its name says."""
    name = picture.blob_name
    say("started", blob=name)
    while not name.startswith("pass") and not (_gate / name).exists():
        time.sleep(0.02)  # polling interval
    if "fail" in name:
        raise ValueError("as its name says")
    if "die" in name:
        (_gate / name).unlink(missing_ok=True)  # open for one call only
        os._exit(9)
    say("ended", blob=name)


@app.timer_trigger(arg_name="timer", schedule="%TIMER_SCHEDULE%")
def tick(timer: func.TimerRequest) -> None:
    """Report a tick, and last as long as the settings say."""
    say("tick_started", past_due=timer.past_due)
    time.sleep(float(os.environ.get("TIMER_SECONDS", "0")))
    say("tick_ended")


@app.queue_trigger(arg_name="message", queue_name="small-queue", connection="PICTURE_STORAGE")
def message_came(message: func.QueueMessage) -> None:
    """Report a message."""
    body = message.get_body().decode()
    say("message", id=message.id, body=body, count=message.dequeue_count)
    if "fail" in body:
        raise ValueError(body)
