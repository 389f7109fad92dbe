"""Gives tests the local stack: uploads in, pictures and blobs out, faults in between."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient
from PIL import Image

from devstack import stack
from shared import config, wiring
from shared.business_central.http import Timeouts
from shared.business_central.retries import Throttle
from shared.pipeline import Pipeline
from shared.storage import names

Log = Callable[[], list[dict[str, Any]]]
DESK = "CRONUS USA, Inc/1896-S.jpg"
DESK_ID = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"


class ManualClock:
    """A clock that moves only when somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def throttle(self) -> Throttle:
        """Return a throttle on this clock, without jitter."""
        return Throttle(self.sleep, self, lambda: 0.0)


class LocalStack:
    """A running stack, and the app's pipeline for it."""

    def __init__(self, running: stack.Stack) -> None:
        self.stack = running
        self.storage = running.storage()
        self._session = stack.loopback_session()
        self._seconds_ahead = 0.0

    def pass_time(self, **parts: float) -> None:
        """Move the clocks of storage and BC by ``timedelta(**parts)``; the app must not use a clock of its own."""
        self.pass_storage_time(**parts)
        self.control("POST", "clock", advance=timedelta(**parts).total_seconds())

    def pass_storage_time(self, **parts: float) -> None:
        """Move storage's clock alone: for BC, the identity's tokens stay valid over days."""
        assert self.stack.storage_clock, "this stack's storage uses the machine's clock"
        self._seconds_ahead += timedelta(**parts).total_seconds()
        self.stack.storage_clock.set(self._seconds_ahead)

    def reset(self) -> None:
        """Empty the containers and the request log, and restore the catalogue's seed."""
        for name in stack.CONTAINERS:
            container = self.storage.get_container_client(name)
            if not container.exists():
                container.create_container()
            for blob in container.list_blobs():
                if blob.lease.state == "leased":  # by a test that failed
                    BlobLeaseClient(container.get_blob_client(blob.name)).break_lease(0)
                container.delete_blob(blob.name, delete_snapshots="include")
        self.control("POST", "reset")
        self._seconds_ahead = 0.0
        if self.stack.storage_clock:
            self.stack.storage_clock.set(0)

    def pipeline(
        self,
        *,
        clock: ManualClock | None = None,
        throttle: Throttle | None = None,
        timeouts: Timeouts | None = None,
        **settings: str,
    ) -> Pipeline:
        """Return the app's own pipeline, as ``function_app`` would build it from these settings."""
        return self.app(clock=clock, throttle=throttle, timeouts=timeouts, **settings).pipeline

    def app(
        self,
        *,
        clock: ManualClock | None = None,
        throttle: Throttle | None = None,
        timeouts: Timeouts | None = None,
        **settings: str,
    ) -> wiring.App:
        """Return everything that ``function_app`` builds from these settings.

        A sweep leaves out what is young: here as young as in Azure, or a slow machine would decide.
        """
        read = config.read({**self.stack.app_settings, "SWEEP_MIN_AGE": "PT2M", **settings})
        return wiring.build(read, throttle=throttle or (clock or ManualClock()).throttle(), timeouts=timeouts)

    def control(self, verb: str, path: str, /, **body: Any) -> Any:
        """Call the simulator's control API."""
        url = f"{self.stack.endpoints.simulator_control_url}/{path}"
        response = self._session.request(verb, url, json=body or None, timeout=10)
        response.raise_for_status()
        return response.json() if response.content else None

    def fault(self, status: int | None = None, **options: Any) -> None:
        """Have BC answer the next matching request with this status."""
        self.control("POST", "faults", **({"status": status} if status else {}), **options)

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """Return the requests that BC got, in order."""
        log = self.control("GET", "requests")["requests"]
        return [request for request in log if method in (None, request["method"])]

    def picture(self, item_id: str = DESK_ID) -> Image.Image | None:
        """Return the item's picture in BC."""
        content = self.picture_bytes(item_id)
        return Image.open(BytesIO(content)) if content else None

    def picture_bytes(self, item_id: str = DESK_ID) -> bytes:
        """Return the bytes that BC serves as the item's picture."""
        endpoints = self.stack.endpoints
        item = f"{endpoints.business_central_url}/companies({endpoints.company_id})/items({item_id})"
        headers = {"Authorization": f"Bearer {endpoints.business_central_token}"}
        return self._session.get(f"{item}/picture/pictureContent", headers=headers, timeout=10).content

    def tokens(self) -> list[dict[str, str]]:
        """Return the tokens that the managed identity has issued, in order."""
        tokens: list[dict[str, str]] = requests.get(f"{self.stack.identity_url}/issued", timeout=10).json()
        return tokens

    def incoming(self, name: str = DESK) -> BlobClient:
        """Return the upload with this name."""
        return self.storage.get_blob_client(names.INCOMING, name)

    def upload(self, name: str = DESK, content: bytes | None = None) -> bytes:
        """Upload a picture, and return its bytes."""
        uploaded = photograph() if content is None else content
        self.incoming(name).upload_blob(uploaded, overwrite=True)
        return uploaded

    def names(self, container: str) -> list[str]:
        """Return the names of a container's blobs, sorted."""
        return sorted(self.storage.get_container_client(container).list_blob_names())

    def read(self, container: str, name: str) -> bytes | None:
        """Return a blob's content, or None if the blob does not exist."""
        try:
            return self.storage.get_blob_client(container, name).download_blob().readall()
        except ResourceNotFoundError:
            return None

    def metadata(self, container: str, name: str) -> dict[str, str]:
        """Return a blob's metadata, decoded."""
        encoded = self.storage.get_blob_client(container, name).get_blob_properties().metadata
        return {key: unquote(value) for key, value in encoded.items()}


def photograph(colour: str = "#336699", size: tuple[int, int] = (1600, 1200), picture_format: str = "JPEG") -> bytes:
    """Return a picture of a single colour."""
    target = BytesIO()
    Image.new("RGB", size, colour).save(target, picture_format)
    return target.getvalue()
