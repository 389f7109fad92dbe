"""Stands in for Event Grid and its web hook, as a separate program: one message per new blob into the host's queue.

It lists the container again and again, and announces each name with a new ETag once; what was there at its start is not
announced. Unlike Event Grid, it sees only the last of several writes between two looks. On request it announces twice,
late or never, at random.
"""

import logging
import os
import random
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

import requests
import typer
from azure.core.exceptions import AzureError
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure.storage.queue import QueueClient

from devstack.functions_host import events, queues, storage
from devstack.machine import lifeline, loopback

POLL_SECONDS = 0.3
_LOOKS_AT_MOST = 0.2  # the share of time spent on listing, which takes long when many blobs wait
_LATEST_SECONDS = 5
_API_VERSION = "2021-12-02"
_SCOPE = "https://storage.azure.com/.default"
_log = logging.getLogger("devstack.event_source")


class Container:
    """Lists names and ETags; four times as fast as the storage SDK, which reads everything else, too."""

    def __init__(self, connection: str, name: str, settings: Mapping[str, str]) -> None:
        self._session = requests.Session()
        self._session.headers["x-ms-version"] = _API_VERSION
        self._identity: ManagedIdentityCredential | None = None
        url = storage.blobs(connection, settings).get_container_client(name).url
        signature = ""
        if connection_string := settings.get(connection):
            signature = _signature(connection_string, name)
        else:
            self._identity = ManagedIdentityCredential(client_id=settings.get(f"{connection}__clientId"))
        self._url = f"{url}?restype=container&comp=list&{signature}"

    def blobs(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the ETag of each blob."""
        marker: str | None = ""
        while marker is not None:
            if self._identity:
                self._session.headers["Authorization"] = f"Bearer {self._identity.get_token(_SCOPE).token}"
            answer = self._session.get(self._url, params={"marker": marker}, timeout=60)
            answer.raise_for_status()
            page = ET.fromstring(answer.content)  # noqa: S314 - Azurite's own answer
            for blob in page.iter("Blob"):
                name = blob.find("Name")
                assert name is not None  # noqa: S101 - for the type checker
                text = name.text or ""
                yield unquote(text) if name.get("Encoded") == "true" else text, blob.findtext("Properties/Etag", "")
            marker = page.findtext("NextMarker") or None


def _signature(connection_string: str, container: str) -> str:
    facts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
    may = ContainerSasPermissions(list=True)
    expiry = datetime.now(UTC) + timedelta(days=3650)  # the tests move storage's clock
    return generate_container_sas(
        facts["AccountName"], container, account_key=facts["AccountKey"], permission=may, expiry=expiry
    )


class Announcer:
    """Puts messages into the host's queue; some twice, late or never, each with its probability."""

    def __init__(
        self, queue: QueueClient, container: str, *, twice: float, late: float, lost: float, seed: int
    ) -> None:
        self._queue, self._container = queue, container
        self._twice, self._late, self._lost = twice, late, lost
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def announce(self, blob: str, etag: str) -> None:
        """Announce one write of a blob."""
        is_lost = self._random.random() < self._lost
        messages = 2 if self._random.random() < self._twice else 1
        if is_lost:
            events.emit(event="event_lost", blob=blob, etag=etag)
            return
        text = queues.encoded(queues.blob_message(queues.TRIGGER_FUNCTION, self._container, blob, etag))
        for _ in range(messages):
            delay = self._random.randint(1, _LATEST_SECONDS) if self._random.random() < self._late else 0
            self._queue.send_message(text, visibility_timeout=delay)


def main(  # noqa: PLR0913, PLR0917 - one for each thing that may go wrong
    container: Annotated[str, typer.Option(help="The container to watch.")],
    connection: Annotated[str, typer.Option(help="The setting that opens its account.")] = "PICTURE_STORAGE",
    twice: Annotated[float, typer.Option(help="Probability of a second announcement.")] = 0,
    late: Annotated[float, typer.Option(help="Probability of one that comes up to 5 s late.")] = 0,
    lost: Annotated[float, typer.Option(help="Probability of none.")] = 0,
    seed: Annotated[int, typer.Option(help="Makes the choice repeatable.")] = 0,
    announce_existing: Annotated[bool, typer.Option("--announce-existing", help="Also what is there already.")] = False,  # noqa: FBT002 - typer's way
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,  # noqa: FBT002 - typer's way
    remove_at_end: Annotated[list[Path] | None, typer.Option(help="Delete this file at the end.")] = None,
) -> None:
    """Announce the new blobs of a container until the process ends."""
    loopback.forbid_everything_else()
    if with_parent:
        lifeline.end_with_parent(*remove_at_end or [])
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    watched = Container(connection, container, os.environ)
    queue = storage.queue("AzureWebJobsStorage", queues.BLOB_QUEUE, os.environ)
    announcer = Announcer(queue, container, twice=twice, late=late, lost=lost, seed=seed)
    announced = set[tuple[str, str]]() if announce_existing else set(watched.blobs())
    lifeline.announce(ready="event_source")
    while True:
        started = time.monotonic()
        try:
            announced = _look(watched, announced, announcer)
        except (AzureError, requests.RequestException, ET.ParseError) as error:
            _log.exception("The container could not be listed; trying again")
            first_line = str(error).partition("\n")[0]
            events.emit(event="scan_failed", line=f"Could not scan the container; trying again: {first_line}")
        time.sleep(max(POLL_SECONDS, (time.monotonic() - started) / _LOOKS_AT_MOST))


def _look(container: Container, announced: set[tuple[str, str]], announcer: Announcer) -> set[tuple[str, str]]:
    """Announce what is new, and return all that is there: what is gone never comes back with the same ETag."""
    present = set[tuple[str, str]]()
    for blob in container.blobs():
        if blob not in announced:
            announcer.announce(*blob)
            announced.add(blob)
        present.add(blob)
    return present


if __name__ == "__main__":
    typer.run(main)
