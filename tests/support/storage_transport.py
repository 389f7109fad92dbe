"""The app's own way to storage, on which tests count what is asked and decide what is answered."""

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

BAD = "CRONUS USA, Inc/2026/03/film.jpg"  # matches no template: moved without being read
AT_ONCE = ExponentialRetry(initial_backoff=0, increment_base=0, random_jitter_range=0, retry_total=3)
Verdict = int | tuple[int, str] | Answer | None


@dataclass
class Request:
    """A request to storage, by what it asks for."""

    method: str
    path: str
    headers: HTTPMessage

    @property
    def step(self) -> str:
        asks = parse_qs(urlsplit(self.path).query).get("comp", [""])[0]
        source = "x-ms-copy-source" in self.headers
        if self.method == "PUT" and asks == "block":
            return "block by service" if source else "block"
        if self.method == "PUT" and asks == "blocklist":
            return "commit"
        if self.method == "PUT" and not asks:
            note = urlsplit(self.path).path.endswith(".txt")
            return "copy" if source else "note" if note else "put"
        if self.method == "GET" and not asks:
            return "read"
        return {"HEAD": "look", "DELETE": "delete", "GET": "list"}[self.method]


@dataclass
class Storage:
    """A way to storage that counts what is asked, and does what it is told at a step."""

    do: Callable[[Request], Verdict] = lambda _request: None
    seen: list[Request] = field(default_factory=list)

    def __call__(self, method: str, path: str, headers: HTTPMessage) -> Verdict:
        request = Request(method, path, headers)
        self.seen.append(request)
        return self.do(request)

    def steps(self, *among: str) -> list[str]:
        return [request.step for request in self.seen if request.step in among or not among]


class Way:
    """The app's own storage client, by way of ``hook``."""

    def __init__(self, local: LocalStack, hook: Storage, *, by_identity: bool = False) -> None:
        self._local, self._hook, self._by_identity = local, hook, by_identity
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        proxy = storage_proxy(
            self._local.stack.app_settings["PICTURE_STORAGE"], self._hook, sources_by_token=self._by_identity
        )
        connection = self._ending.enter_context(proxy)
        settings = config.read({**self._local.stack.app_settings, "PICTURE_STORAGE": connection})
        self.service = uploads.connect(None, None, AT_ONCE, connection_string=settings.storage.connection_string)
        self.credential = ManagedIdentityCredential() if self._by_identity else None
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def mover(self, **options: Any) -> Mover:
        return Mover(self.service, self.credential, **options)

    def pipeline(self) -> Pipeline:
        return replace(self._local.pipeline(), storage=PictureStorage(self.service), archive=Archive(self.mover()))


def unread(service: BlobServiceClient, name: str = BAD) -> Source:
    return PictureStorage(service).look_at(name)


def there(local: LocalStack, name: str, container: str = names.QUARANTINE) -> BlobClient:
    return local.storage.get_blob_client(container, name)


def refused_copies(request: Request) -> Verdict:
    """Answer as the real service does where the source is no block blob; Azurite copies it as what it is."""
    return (409, "InvalidBlobType") if request.step == "copy" else None
