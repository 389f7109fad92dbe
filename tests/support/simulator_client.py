"""Runs a simulator of Business Central for its own tests, and calls it."""

import io
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any
from uuid import UUID

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from PIL import Image

from devstack.business_central.application import create_app
from devstack.business_central.assumptions import Assumption
from devstack.business_central.server import Server

CRONUS = "ed8c4463-bbf3-5e8d-8254-829373e2e2dd"
DESK = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
CHAIR = "7a289e48-0fa0-52f8-a4c7-6d69e90e2ab5"
USER = "0b3e1d52-8f0c-4c39-9a6e-1f5f5f1d7c11"
UPLOAD_HEADERS = {"If-Match": "*", "Content-Type": "application/octet-stream"}

ITEMS = f"/companies({CRONUS})/items"
PICTURE = f"{ITEMS}({DESK})/picture"
CONTENT = f"{PICTURE}/pictureContent"

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Api:
    """Addresses BC's API in one of its versions; ``picture`` and ``content`` are the desk's."""

    base: str
    stream: str = "pictureContent"
    picture: str = PICTURE
    content: str = CONTENT


_V1 = ("content", f"{PICTURE}({DESK})", f"{PICTURE}({DESK})/content")
V2 = Api("/v2.0/tenant/sandbox/api/v2.0")
V1 = Api("/v2.0/tenant/sandbox/api/v1.0", *_V1)
ON_PREMISES_V2 = Api("/BC270/api/v2.0")
ON_PREMISES_V1 = Api("/BC270/api/v1.0", *_V1)


def token(key: rsa.RSAPrivateKey = KEY, **claims: object) -> str:
    """Return a token that the simulator accepts, unless ``claims`` change that."""
    now = int(time.time())
    valid = {"aud": "https://api.businesscentral.dynamics.com", "nbf": now, "exp": now + 3600, "oid": USER}
    return jwt.encode({**valid, **claims}, key, "RS256")


def picture(image_format: str = "JPEG", size: tuple[int, int] = (40, 30), colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, image_format)
    return buffer.getvalue()


class Client(requests.Session):
    """Calls the API by path, with a valid token; ``control`` calls the control API."""

    def __init__(self, url: str, api: Api = V2, user: str = USER) -> None:
        super().__init__()
        self.url, self.api = url, api
        self.base = url + api.base
        self.headers["Authorization"] = f"Bearer {token(oid=user)}"

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Call a path of the API, or any complete URL."""
        options.setdefault("timeout", 10)
        return super().request(method, self.base + url if url.startswith("/") else url, **options)

    def upload(self, content: bytes, **options: Any) -> requests.Response:
        """Put a picture on the desk."""
        return self.patch(self.api.content, content, headers=UPLOAD_HEADERS, **options)

    def content(self) -> bytes:
        """Return the desk's picture."""
        return self.get(self.api.content).content

    def metadata(self) -> dict:
        """Return the metadata of the desk's picture."""
        body = self.get(PICTURE).json()
        return body["value"][0] if "value" in body else body

    def item(self) -> dict:
        """Return the desk."""
        return self.get(f"{ITEMS}({DESK})").json()

    def control(self, verb: str, where: str, **body: object) -> requests.Response:
        """Call the control API; only a POST sends ``body``."""
        return self.request(verb, f"{self.url}/_control{where}", json=body if verb == "POST" else None)

    def log(self) -> dict:
        """Return the request log."""
        return self.control("GET", "/requests").json()

    def advance(self, seconds: float) -> None:
        """Move the simulator's clock."""
        assert self.control("POST", "/clock", advance=seconds).status_code == 200

    def put_pictures(self, *contents: bytes) -> requests.Response:
        """Give the desk several pictures."""
        encoded = [b64encode(content).decode() for content in contents]
        return self.control("POST", f"/items/{DESK}/pictures", contents=encoded)


@contextmanager
def running_simulator() -> Iterator[str]:
    """Run a simulator and yield its URL."""
    with Server(create_app(lambda _: KEY.public_key())) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", name="simulator")
def simulator_fixture() -> Iterator[str]:
    """Run one simulator for all tests of a module."""
    with running_simulator() as url:
        yield url


@pytest.fixture(name="bc")
def bc_fixture(simulator: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Reset the simulator and yield a client for it; a parameter chooses the ``Api``."""
    with Client(simulator, getattr(request, "param", V2)) as client:
        client.control("POST", "/reset")
        yield client
        client.control("POST", "/reset")


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until another thread makes ``condition`` true."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"


def assert_refused(response: requests.Response, status: int, code: str) -> str:
    """Assert the error envelope and return the message without its correlation id."""
    assert (status, code) == (response.status_code, response.json()["error"]["code"])
    message, correlation_id = response.json()["error"]["message"].split("  CorrelationId:  ")
    assert UUID(correlation_id.removesuffix("."))
    return message


def assumptions(response: requests.Response) -> set[str]:
    """Return the assumptions that the answer names."""
    header = response.headers.get("x-simulator-assumed")
    return {str(Assumption(claim)) for claim in header.split("; ")} if header else set()
