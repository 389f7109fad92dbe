"""Collects what the auditor judges: every blob in the containers, and what Business Central shows and has stored.

Reads storage by the SDK and Business Central by HTTP, and shares no code with the app.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobServiceClient, ContainerClient

from devstack.benchmarks.soak.ledger import digest
from devstack.benchmarks.soak.plan import Item
from devstack.benchmarks.soak.simulator import Write
from devstack.benchmarks.soak.trouble import Spell

INCOMING, ARCHIVE, QUARANTINE = "product-images", "archive", "quarantine"
_LOOKS = 10  # at a container that still changes


@dataclass(frozen=True)
class Blob:
    """One blob, with its metadata decoded and the SHA-256 of its bytes."""

    container: str
    name: str
    etag: str
    metadata: dict[str, str]
    sha256: str

    @property
    def is_note(self) -> bool:
        """Whether it is the text beside a quarantined file."""
        return self.container == QUARANTINE and self.name.endswith(".txt")

    def __str__(self) -> str:
        return f"{self.container}/{self.name}"


@dataclass
class Evidence:
    """Holds what was found.

    ``pictures`` and ``writes`` go by item. ``requests`` are the simulator's log, ``storage_faults`` the proxy's, and
    ``incidents`` the spells that befell hosts, with their times since the epoch.
    """

    blobs: list[Blob]
    pictures: dict[UUID, bytes]
    writes: dict[UUID, list[Write]]
    requests: list[dict[str, Any]] = field(default_factory=list)
    storage_faults: list[dict[str, Any]] = field(default_factory=list)
    incidents: list[Spell] = field(default_factory=list)


def read_blobs(service: BlobServiceClient) -> list[Blob]:
    """Return every blob in the three containers, downloaded and hashed."""
    with ThreadPoolExecutor(8) as pool:
        containers = [service.get_container_client(name) for name in (INCOMING, ARCHIVE, QUARANTINE)]
        return [blob for container in containers for blob in _read(container, pool)]


def _read(container: ContainerClient, pool: ThreadPoolExecutor) -> list[Blob]:
    """Read a container anew while blobs vanish between list and download: the app may not be at rest."""
    for attempt in range(1, _LOOKS + 1):
        try:
            return list(pool.map(partial(_blob, container), list(container.list_blobs(include=["metadata"]))))
        except ResourceNotFoundError:
            if attempt == _LOOKS:
                raise
    raise AssertionError


def _blob(container: ContainerClient, listed: BlobProperties) -> Blob:
    content = container.get_blob_client(listed.name).download_blob(decompress=False).readall()
    metadata = {key: unquote(value) for key, value in (listed.metadata or {}).items()}
    return Blob(container.container_name, listed.name, listed.etag.strip('"'), metadata, digest(content))


def read_pictures(base_url: str, token: str, items: Sequence[Item]) -> dict[UUID, bytes]:
    """Return the picture that Business Central shows for each item that exists; empty bytes for none."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}"
    pictures = {}
    for item in items:
        if item.appears is None:
            continue
        address = f"{base_url}/companies({item.company.id})/items({item.id})/picture/pictureContent"
        response = session.get(address, timeout=30)
        response.raise_for_status()
        pictures[item.id] = response.content
    return pictures
