"""The local stack as tests see it: uploads in, pictures and blobs out, faults in between."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient
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
        self._ahead = 0.0

    def pass_time(self, **parts: float) -> None:
        """Let time pass in storage and in BC, as ``timedelta(**parts)``; not for the app, which must not go by its own."""
        seconds = timedelta(**parts).total_seconds()
        assert self.stack.storage_clock, "this stack's storage goes by the machine's time"
        self._ahead += seconds
        self.stack.storage_clock.set(self._ahead)
        self.control("POST", "clock", advance=seconds)

    def reset(self) -> None:
        """Empty the containers and the log, and bring the catalogue back to its seed."""
        for name in stack.CONTAINERS:
            container = self.storage.get_container_client(name)
            if not container.exists():
                container.create_container()
            for blob in container.list_blobs():
                container.delete_blob(blob.name, delete_snapshots="include")
        self.control("POST", "reset")
        self._ahead = 0.0
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
        read = config.read({**self.stack.app_settings, **settings})
        return wiring.build(read, throttle=throttle or (clock or ManualClock()).throttle(), timeouts=timeouts)

    def control(self, verb: str, path: str, /, **body: Any) -> Any:
        """Set something in the simulator through its control API, or read it."""
        url = f"{self.stack.endpoints.simulator_control_url}/{path}"
        answer = self._session.request(verb, url, json=body or None, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def fault(self, status: int | None = None, **more: Any) -> None:
        """Have the next matching request to BC answered with this status."""
        self.control("POST", "faults", **({"status": status} if status else {}), **more)

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """Return what BC was asked, in order."""
        found = self.control("GET", "requests")["requests"]
        return [request for request in found if method in (None, request["method"])]

    def picture(self, item_id: str = DESK_ID) -> Image.Image | None:
        """Return the item's picture in BC."""
        company = self.stack.endpoints.company_id
        url = (
            f"{self.stack.endpoints.business_central_url}/companies({company})/items({item_id})/picture/pictureContent"
        )
        headers = {"Authorization": f"Bearer {self.stack.endpoints.business_central_token}"}
        content = self._session.get(url, headers=headers, timeout=10).content
        return Image.open(BytesIO(content)) if content else None

    def tokens(self) -> list[dict[str, str]]:
        """Return what tokens the managed identity has handed out, in order."""
        found: list[dict[str, str]] = requests.get(f"{self.stack.identity_url}/issued", timeout=10).json()
        return found

    def incoming(self, name: str = DESK) -> BlobClient:
        """Return the upload with this name."""
        return self.storage.get_blob_client(names.INCOMING, name)

    def upload(self, name: str = DESK, content: bytes | None = None) -> bytes:
        """Upload a picture; the answer is what was uploaded."""
        sent = photograph() if content is None else content
        self.incoming(name).upload_blob(sent, overwrite=True)
        return sent

    def names(self, container: str) -> list[str]:
        """Return what lies in a container."""
        return sorted(self.storage.get_container_client(container).list_blob_names())

    def read(self, container: str, name: str) -> bytes | None:
        """Return a blob's content, None if there is none."""
        try:
            return self.storage.get_blob_client(container, name).download_blob().readall()
        except ResourceNotFoundError:
            return None

    def story(self, container: str, name: str) -> dict[str, str]:
        """Return a blob's metadata in plain text."""
        found = self.storage.get_blob_client(container, name).get_blob_properties().metadata
        return {key: unquote(value) for key, value in found.items()}


def photograph(colour: str = "#336699", size: tuple[int, int] = (1600, 1200), picture_format: str = "JPEG") -> bytes:
    """Return a plain picture of one colour."""
    target = BytesIO()
    Image.new("RGB", size, colour).save(target, picture_format)
    return target.getvalue()
