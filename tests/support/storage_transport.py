"""Counts the app's requests to storage, and lets a test decide their answers."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.client import HTTPMessage
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobClient, BlobServiceClient, ExponentialRetry

from shared import config
from shared.pipeline import Pipeline
from shared.storage import names, uploads
from shared.storage.archive import Archive
from shared.storage.moves import Mover
from shared.storage.uploads import PictureStorage, Source
from tests.support.faulty_storage import Answer, storage_proxy
from tests.support.local_stack import LocalStack

BAD_PATH = "CRONUS USA, Inc/2026/03/film.jpg"  # matches no template: the app moves it unread
RETRY_AT_ONCE = ExponentialRetry(initial_backoff=0, increment_base=0, random_jitter_range=0, retry_total=3)
Verdict = int | tuple[int, str] | Answer | None


@dataclass
class Request:
    """A request to storage."""

    method: str
    path: str
    headers: HTTPMessage

    @property
    def step(self) -> str:
        """The step of a move that sends it."""
        if f"/{names.RECORDS}/moves/" in self.path:
            return "destination"
        operation = parse_qs(urlsplit(self.path).query).get("comp", [""])[0]
        has_source = "x-ms-copy-source" in self.headers
        if self.method == "PUT" and operation == "block":
            return "block by service" if has_source else "block"
        if self.method == "PUT" and operation == "blocklist":
            return "commit"
        if self.method == "PUT" and not operation:
            is_note = urlsplit(self.path).path.endswith(".txt")
            return "copy" if has_source else "note" if is_note else "put"
        if self.method == "GET" and not operation:
            return "read"
        return {"HEAD": "look", "DELETE": "delete", "GET": "list"}[self.method]


@dataclass
class StorageHook:
    """Collects the requests to storage, and has ``decide`` answer them; None forwards a request."""

    decide: Callable[[Request], Verdict] = lambda _request: None
    requests: list[Request] = field(default_factory=list)

    def __call__(self, method: str, path: str, headers: HTTPMessage) -> Verdict:
        request = Request(method, path, headers)
        self.requests.append(request)
        return self.decide(request)

    def at(self, step: str) -> list[Request]:
        """Return the requests of one step, in order."""
        return [request for request in self.requests if request.step == step]

    def steps(self, *among: str) -> list[str]:
        """Return the steps ``among`` these, or all of them, in order."""
        return [request.step for request in self.requests if request.step in among or not among]


class HookedStorage:
    """The app's own storage client, whose requests pass through ``hook``."""

    def __init__(self, local: LocalStack, hook: StorageHook, *, by_identity: bool = False) -> None:
        self._local, self._hook, self._by_identity = local, hook, by_identity
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        proxy = storage_proxy(
            self._local.stack.app_settings["PICTURE_STORAGE"], self._hook, sources_by_token=self._by_identity
        )
        connection = self._resources.enter_context(proxy)
        settings = config.read({**self._local.stack.app_settings, "PICTURE_STORAGE": connection})
        self.service = uploads.connect(None, None, RETRY_AT_ONCE, connection_string=settings.storage.connection_string)
        self.credential = ManagedIdentityCredential() if self._by_identity else None
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def mover(self, **options: Any) -> Mover:
        return Mover(self.service, self.credential, **options)

    def pipeline(self, **settings: str) -> Pipeline:
        return replace(
            self._local.pipeline(**settings), storage=PictureStorage(self.service), archive=Archive(self.mover())
        )


def unread_source(service: BlobServiceClient, name: str = BAD_PATH) -> Source:
    return PictureStorage(service).look_at(name)


def stored_blob(local: LocalStack, name: str, container: str = names.QUARANTINE) -> BlobClient:
    return local.storage.get_blob_client(container, name)


def refuse_copies(request: Request) -> Verdict:
    """Answer as the real service does if the source is not a block blob; Azurite would copy it unchanged."""
    return (409, "InvalidBlobType") if request.step == "copy" else None
