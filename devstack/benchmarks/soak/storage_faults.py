"""Starts the proxy in front of Azurite, and sets and reads its faults."""

import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
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


class Proxies:
    """Starts the proxy as soon as Azurite's address is known; it ends with ``ending``."""

    def __init__(self, ending: ExitStack, seed: int) -> None:
        self._ending, self._seed = ending, seed
        self._faults: StorageFaults | None = None

    def start(self, connection_string: str) -> str:
        """Start the proxy, without faults at first; return the connection string that leads through it."""
        found = _BLOBS.search(connection_string)
        command = (sys.executable, "-m", "devstack.benchmarks.soak.storage_proxy", "--with-parent")
        options = ("--upstream", found[1] if found else "", "--seed", str(self._seed))
        folder = Path(self._ending.enter_context(TemporaryDirectory()))
        proxy = Child("storage proxy", [*command, *options], folder / "storage-proxy.log", clean_environment({}))
        self._ending.callback(proxy.end)
        self._faults = StorageFaults(proxy.ready()["url"])
        return self._faults.through(connection_string)

    def started(self) -> StorageFaults:
        """Return the running proxy."""
        if self._faults is None:
            raise RuntimeError("the proxy has not been started")
        return self._faults
