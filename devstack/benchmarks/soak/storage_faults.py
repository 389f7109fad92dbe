"""Starts the proxy in front of Azurite, and sets and reads its faults."""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from devstack.machine.children import Child, clean_environment

_BLOBS = re.compile(r"BlobEndpoint=(http://[^/;]+)")


class StorageFaults:
    """Speaks to the proxy at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def through(self, connection_string: str) -> str:
        """Return the connection string that leads to the same account by way of the proxy."""
        return _BLOBS.sub(f"BlobEndpoint={self._url}", connection_string)

    def set(self, percent: Mapping[str, float]) -> None:
        """Let so many of a hundred requests meet each fault, and no others."""
        self._session.put(f"{self._url}/_faults", json=dict(percent), timeout=10).raise_for_status()

    def met(self) -> list[dict[str, Any]]:
        """Return the faults that requests have met."""
        response = self._session.get(f"{self._url}/_faults", timeout=10)
        response.raise_for_status()
        met: list[dict[str, Any]] = response.json()["met"]
        return met


@contextmanager
def running(connection_string: str, seed: int, folder: Path) -> Iterator[StorageFaults]:
    """Run the proxy, without faults at first."""
    found = _BLOBS.search(connection_string)
    upstream = found[1] if found else ""
    command = (sys.executable, "-m", "devstack.benchmarks.soak.storage_proxy", "--with-parent")
    options = ("--upstream", upstream, "--seed", str(seed))
    proxy = Child("storage proxy", [*command, *options], folder / "storage-proxy.log", clean_environment({}))
    try:
        yield StorageFaults(proxy.ready()["url"])
    finally:
        proxy.end()
