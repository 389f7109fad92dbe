"""Stands in for the Azure Functions host on one machine, as a separate program. It is not the real host.

Like the real one, it reads ``host.json`` and the bindings from the app's own ``get_functions()``, scans the trigger's
container, calls the function in as many threads as ``host.json`` allows, redelivers a failed blob at once until
``poisonBlobThreshold``, then writes the host's poison message. Unlike the real one, it remembers deliveries only in
memory, and calls the function again for every blob still in the container: after a second if the app found it
unfinished, else after the sweep interval.

Standard output carries one line of JSON per event; everything else goes to standard error.
"""

import json
import logging
import os
import re
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, local
from typing import Annotated, Any

import typer
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient
from azure.storage.queue import QueueClient

from devstack.machine import lifeline, loopback

POISON_QUEUE = "webjobs-blobtrigger-poison"
POLL_SECONDS = 0.4
UNFINISHED_SECONDS = 1.0
_log = logging.getLogger("devstack.host")
_EVENTS, _EVENTS_LOCK = sys.stdout, Lock()
_delivery = local()  # what the app said about the delivery of this thread


@dataclass(frozen=True)
class Trigger:
    """A blob-triggered function, as the app declares it."""

    name: str
    container: str
    connection: str
    function: Callable[[BlobClient], None]


@dataclass(frozen=True)
class HostSettings:
    """Blob settings of ``host.json``, with the real host's defaults."""

    concurrency: int
    attempts: int

    @classmethod
    def read(cls, path: Path) -> "HostSettings":
        """Return the settings in ``path``."""
        blobs = json.loads(path.read_text(encoding="utf-8")).get("extensions", {}).get("blobs", {})
        concurrency = blobs.get("maxDegreeOfParallelism", 8 * (os.cpu_count() or 1))
        return cls(concurrency, blobs.get("poisonBlobThreshold", 5))


def blob_triggers(functions: list[Any]) -> list[Trigger]:
    """Return the blob triggers among an app's functions."""
    triggers = []
    for function in functions:
        binding = function.get_trigger().get_dict_repr()
        if binding["type"] == "blobTrigger":
            container = binding["path"].partition("/")[0]
            user_function = function.get_user_function()
            triggers.append(Trigger(function.get_function_name(), container, binding["connection"], user_function))
    return triggers


class Scanner:
    """Scans one trigger's container and delivers its blobs."""

    def __init__(self, trigger: Trigger, settings: HostSettings, sweep_interval: float) -> None:
        self._trigger, self._settings, self._sweep_interval = trigger, settings, sweep_interval
        self._container, self._poison = _clients(trigger)
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix=trigger.name)
        self._due: dict[tuple[str, str], float] = {}  # by name and ETag, like the real host's receipts
        self._lock = Lock()

    def scan(self) -> None:
        """Deliver every blob that is due; forget deleted ones."""
        present = {(blob.name, blob.etag): blob for blob in self._container.list_blobs()}
        with self._lock:
            self._due = {key: due for key, due in self._due.items() if key in present}
            now = time.monotonic()
            ready = [key for key in present if self._due.get(key, now) <= now]
            self._due.update(dict.fromkeys(ready, float("inf")))  # not while a delivery runs
        for key in ready:
            self._threads.submit(self._deliver, present[key])

    def _deliver(self, blob: BlobProperties) -> None:
        _delivery.reason = None
        try:
            self._deliver_or_poison(blob)
        except AzureError:
            _log.exception("Could not write a poison message for %s", blob.name)
        interval = self._sweep_interval
        if _delivery.reason == "unfinished":
            interval = min(interval, UNFINISHED_SECONDS)
        with self._lock:
            self._due[blob.name, blob.etag] = time.monotonic() + interval

    def _deliver_or_poison(self, blob: BlobProperties) -> None:
        for attempt in range(1, self._settings.attempts + 1):
            try:
                self._trigger.function(self._container.get_blob_client(blob.name))
            except Exception as error:  # noqa: BLE001 - the host survives whatever a function raises
                _log.exception("%s failed on %s", self._trigger.name, blob.name)
                _emit(event="delivery_failed", blob=blob.name, etag=blob.etag, attempt=attempt, error=str(error))
            else:
                return
        self._write_poison_message(blob)

    def _write_poison_message(self, blob: BlobProperties) -> None:
        message = {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{self._trigger.name}",
            "BlobType": "BlockBlob",
            "ContainerName": self._trigger.container,
            "BlobName": blob.name,
            "ETag": f'"{blob.etag.strip(chr(34))}"',
        }
        with suppress(ResourceExistsError):
            self._poison.create_queue()
        self._poison.send_message(b64encode(json.dumps(message, indent=2).encode()).decode())
        _emit(event="poisoned", blob=blob.name, etag=blob.etag, attempts=self._settings.attempts)


def _clients(trigger: Trigger) -> tuple[ContainerClient, QueueClient]:
    """Return clients for the trigger's account; like the real host, accept both forms of its settings."""
    name = trigger.connection
    if connection := os.environ.get(name):
        container = ContainerClient.from_connection_string(connection, trigger.container, retry_total=0)
        return container, QueueClient.from_connection_string(connection, POISON_QUEUE)
    identity = ManagedIdentityCredential(client_id=os.environ.get(f"{name}__clientId"))
    blobs, queues = os.environ[f"{name}__blobServiceUri"], os.environ[f"{name}__queueServiceUri"]
    return ContainerClient(blobs, trigger.container, identity, retry_total=0), QueueClient(
        queues, POISON_QUEUE, credential=identity
    )


def _emit(**event: str | int) -> None:
    _write_line(json.dumps(event, ensure_ascii=False))


def _write_line(line: str) -> None:
    with _EVENTS_LOCK:  # print() writes the line end separately, so other threads could interleave
        _EVENTS.write(f"{line}\n")
        _EVENTS.flush()


class _AppLines(logging.Handler):
    """Passes the app's own lines of JSON on unchanged, and keeps the reason for this thread's delivery."""

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        _delivery.reason = json.loads(line).get("reason")
        _write_line(line)


class _AppStorageRequests(logging.Handler):
    """Emits an event for each storage request of the app's own clients, as logged by azure-core."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("Request URL") and "item-picture-sync/" in text:
            method, url = (re.search(rf"^Request {name}: '(.*)'$", text, re.MULTILINE) for name in ("method", "URL"))
            _emit(event="storage_request", method=method[1] if method else "", url=url[1] if url else "")


def _listen_to_the_app() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)
    for name, handler in (
        ("item_picture_sync", _AppLines()),
        ("azure.core.pipeline.policies.http_logging_policy", _AppStorageRequests()),
    ):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(handler)


def main(
    sweep_interval: Annotated[float, typer.Option(help="Seconds before a remaining blob is delivered again.")] = 300,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,  # noqa: FBT002 - typer's way
    remove_at_end: Annotated[list[Path] | None, typer.Option(help="Delete this file at the end.")] = None,
) -> None:
    """Run the function app in this folder against the storage account in its settings."""
    loopback.forbid_everything_else()
    if with_parent:
        lifeline.end_with_parent(*remove_at_end or [])
    import function_app  # noqa: PLC0415 - the import reads the settings: the guard comes first

    settings = HostSettings.read(Path("host.json"))
    triggers = blob_triggers(function_app.app.get_functions())
    _listen_to_the_app()
    scanners = [Scanner(trigger, settings, sweep_interval) for trigger in triggers]
    lifeline.announce(ready="host", functions=" ".join(trigger.name for trigger in triggers))
    sys.stdout = sys.stderr  # the app's own prints are not events
    while True:
        for scanner in scanners:
            try:
                scanner.scan()
            except AzureError as error:
                _log.exception("The scan failed and will be repeated")
                first_line = str(error).partition("\n")[0]
                _emit(event="scan_failed", line=f"Could not scan the container; trying again: {first_line}")
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    typer.run(main)
