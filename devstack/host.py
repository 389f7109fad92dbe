"""Stands in for the Azure Functions host on one machine; run as a program of its own. It is not the real host.

What it does like the real one: it reads ``host.json`` and the bindings from the app's own ``get_functions()``, scans
the trigger's container, calls the function in as many threads as ``host.json`` allows, delivers a failed blob again
at once until ``poisonBlobThreshold``, then writes the host's poison message. What it does instead of the real one:
it remembers what it has delivered in memory only, and calls again for whatever still lies in the container once the
sweep interval is over.

Standard output carries one line of JSON for each event; everything else goes to standard error.
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
from threading import Lock
from typing import Annotated, Any

import typer
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient
from azure.storage.queue import QueueClient

from devstack.machine import lifeline, loopback

POISON_QUEUE = "webjobs-blobtrigger-poison"
POLL_SECONDS = 0.4
_log = logging.getLogger("devstack.host")
_EVENTS, _EVENTS_LOCK = sys.stdout, Lock()


@dataclass(frozen=True)
class Trigger:
    """One blob-triggered function, as the app itself declares it."""

    name: str
    container: str
    connection: str
    function: Callable[[BlobClient], None]


@dataclass(frozen=True)
class HostSettings:
    """What ``host.json`` says about blobs, with the real host's defaults."""

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
    found = []
    for function in functions:
        binding = function.get_trigger().get_dict_repr()
        if binding["type"] == "blobTrigger":
            container = binding["path"].partition("/")[0]
            user_function = function.get_user_function()
            found.append(Trigger(function.get_function_name(), container, binding["connection"], user_function))
    return found


class Scanner:
    """Scans one trigger's container, and delivers what it finds there."""

    def __init__(self, trigger: Trigger, settings: HostSettings, sweep_interval: float) -> None:
        self._trigger, self._settings, self._sweep_interval = trigger, settings, sweep_interval
        self._container, self._poison = _clients(trigger)
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix=trigger.name)
        self._due: dict[tuple[str, str], float] = {}  # by name and ETag, like the real host's receipts
        self._lock = Lock()

    def scan(self) -> None:
        """Deliver every blob that is due, and forget those that are gone."""
        present = {(blob.name, blob.etag): blob for blob in self._container.list_blobs()}
        with self._lock:
            self._due = {key: due for key, due in self._due.items() if key in present}
            now = time.monotonic()
            ready = [key for key in present if self._due.get(key, now) <= now]
            self._due.update(dict.fromkeys(ready, float("inf")))  # not again while it runs
        for key in ready:
            self._threads.submit(self._deliver, present[key])

    def _deliver(self, blob: BlobProperties) -> None:
        try:
            self._deliver_until_it_is_poison(blob)
        except AzureError:
            _log.exception("No poison message could be written for %s", blob.name)
        with self._lock:
            self._due[blob.name, blob.etag] = time.monotonic() + self._sweep_interval

    def _deliver_until_it_is_poison(self, blob: BlobProperties) -> None:
        for attempt in range(1, self._settings.attempts + 1):
            try:
                self._trigger.function(self._container.get_blob_client(blob.name))
            except Exception as error:  # noqa: BLE001 - whatever a function raises, its host lives on
                _log.exception("%s failed on %s", self._trigger.name, blob.name)
                _emit(event="delivery_failed", blob=blob.name, attempt=attempt, error=str(error))
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
        _emit(event="poisoned", blob=blob.name)


def _clients(trigger: Trigger) -> tuple[ContainerClient, QueueClient]:
    """Return clients for the trigger's account, by the settings' two ways to name one, like the real host."""
    name = trigger.connection
    if connection := os.environ.get(name):
        container = ContainerClient.from_connection_string(connection, trigger.container)
        return container, QueueClient.from_connection_string(connection, POISON_QUEUE)
    identity = ManagedIdentityCredential(client_id=os.environ.get(f"{name}__clientId"))
    blobs, queues = os.environ[f"{name}__blobServiceUri"], os.environ[f"{name}__queueServiceUri"]
    return ContainerClient(blobs, trigger.container, identity), QueueClient(queues, POISON_QUEUE, credential=identity)


def _emit(**event: str | int) -> None:
    _tell(json.dumps(event, ensure_ascii=False))


def _tell(line: str) -> None:
    with _EVENTS_LOCK:  # print() writes the end of a line apart, and threads get between
        _EVENTS.write(f"{line}\n")
        _EVENTS.flush()


class _AppLines(logging.Handler):
    """Passes on the app's own lines of JSON as they are."""

    def emit(self, record: logging.LogRecord) -> None:
        _tell(record.getMessage())


class _AppStorageRequests(logging.Handler):
    """Tells of each request to storage that the app's own clients make, as azure-core logs them."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("Request URL") and "item-picture-sync/" in text:
            method, url = (re.search(rf"^Request {what}: '(.*)'$", text, re.MULTILINE) for what in ("method", "URL"))
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
    sweep_interval: Annotated[
        float, typer.Option(help="Seconds until what still lies there is called for again.")
    ] = 300,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input ends.")] = False,  # noqa: FBT002 - typer's way
    remove_at_end: Annotated[list[Path] | None, typer.Option(help="A file that must not outlive this process.")] = None,
) -> None:
    """Run the function app in this folder against the storage account that its settings name."""
    loopback.forbid_everything_else()
    if with_parent:
        lifeline.end_with_parent(*remove_at_end or [])
    import function_app  # noqa: PLC0415 - its import reads the settings and fails on bad ones: not before the guard

    settings = HostSettings.read(Path("host.json"))
    triggers = blob_triggers(function_app.app.get_functions())
    _listen_to_the_app()
    scanners = [Scanner(trigger, settings, sweep_interval) for trigger in triggers]
    lifeline.announce(ready="host", functions=" ".join(trigger.name for trigger in triggers))
    sys.stdout = sys.stderr  # whatever the app prints is no event
    while True:
        for scanner in scanners:
            try:
                scanner.scan()
            except AzureError as error:
                _log.exception("The scan failed; the next one follows")
                first_line = str(error).partition("\n")[0]
                _emit(
                    event="scan_failed",
                    line=f"The container could not be scanned, and will be again: {first_line}",
                )
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    typer.run(main)
