"""Connects to the pictures account and reads uploads, from incoming or from where they were moved."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, BlobType, ExponentialRetry

from shared import __version__
from shared.errors import Reason, Superseded, Transient
from shared.storage.errors import code_of, is_changed_or_gone, storage_errors
from shared.storage.names import INCOMING, is_folder, replayed_at

_ONE_READ = 32 * 1024 * 1024  # bytes of one request; a larger upload takes several


@dataclass(frozen=True)
class Source:
    """An upload as we read it: ``content`` is what storage holds under ``etag``, and is None if we did not read it.

    Times are by storage's clock: ``written_at`` is the blob's ``Last-Modified``, ``seen_at`` the time of the answer.
    ``uploaded_at`` decides which of two uploads is newer; a replay has the original's, never later than ``written_at``.
    """

    name: str
    etag: str
    uploaded_at: datetime
    is_replay: bool
    written_at: datetime
    seen_at: datetime
    size: int
    metadata: Mapping[str, str]
    content_type: str | None
    content_encoding: str | None
    is_open: bool
    content: bytes | None
    container: str = INCOMING

    @property
    def age(self) -> timedelta:
        """The time since the upload was written."""
        return self.seen_at - self.written_at

    @property
    def may_grow(self) -> bool:
        """Whether its writer may only have begun: some create an empty blob first, others append."""
        return self.is_open or self.size == 0

    @property
    def is_directory_marker(self) -> bool:
        """Whether this empty blob stands for a folder, as some tools create."""
        marked = self.name.endswith("/") or is_folder(self.metadata)
        return self.size == 0 and marked


def connect(
    account_url: str | None,
    credential: TokenCredential | None,
    retry: ExponentialRetry,
    *,
    connection_string: str | None = None,
) -> BlobServiceClient:
    """Return the client for the pictures account: by identity at ``account_url``, or by ``connection_string``."""
    options: dict[str, Any] = {
        "retry_policy": retry,
        "user_agent": f"item-picture-sync/{__version__}",
        "max_single_get_size": _ONE_READ,
        "max_chunk_get_size": _ONE_READ,
    }
    if connection_string:
        return BlobServiceClient.from_connection_string(connection_string, **options)
    return BlobServiceClient(str(account_url), credential=credential, **options)


class PictureStorage:
    """Reads uploads; one per process."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def read(self, name: str, max_bytes: int) -> Source:
        """Read the upload; leaves out its content if it is larger than ``max_bytes``.

        Raises:
            Superseded: it is gone, or was replaced while we read it.
        """
        dates: list[str] = []
        with _source_errors(name):
            # Read as stored: the SDK would unpack by Content-Encoding, which any uploader sets, beyond every limit.
            # It pins later ranges to the ETag of the first.
            download = self._incoming(name).download_blob(raw_response_hook=keep_date(dates), decompress=False)
            content = download.readall() if download.properties.size <= max_bytes else None
        return _source(name, download.properties, dates, content)

    def look_at(self, name: str, container: str = INCOMING) -> Source:
        """Return the upload without its content; errors as for ``read``."""
        dates: list[str] = []
        with _source_errors(name, container):
            blob = self._service.get_blob_client(container, name)
            properties = blob.get_blob_properties(raw_response_hook=keep_date(dates))
        return replace(_source(name, properties, dates, None), container=container)

    def is_current(self, source: Source) -> bool:
        """Return whether the upload is still the blob of its name in incoming."""
        with storage_errors(f"looking up {source.name!r}"):
            return is_current(self._incoming(source.name), source.etag)

    def _incoming(self, name: str) -> BlobClient:
        return self._service.get_blob_client(INCOMING, name)


def _source(name: str, properties: Any, dates: list[str], content: bytes | None) -> Source:  # noqa: ANN401 - the SDK's
    written_at, metadata = properties.last_modified, metadata_of(properties)
    original = replayed_at(metadata, name)
    return Source(
        name=name,
        etag=str(properties.etag),
        uploaded_at=min(original, written_at) if original else written_at,
        is_replay=original is not None,
        written_at=written_at,
        seen_at=time_of(dates),
        size=properties.size,
        metadata=metadata,
        content_type=properties.content_settings.content_type,
        content_encoding=properties.content_settings.content_encoding,
        is_open=properties.blob_type != BlobType.BLOCKBLOB and not properties.is_append_blob_sealed,
        content=content,
    )


def source_of_copy(copy: BlobClient, name: str, etag: str) -> Source:
    """Return the upload ``name`` with this ETag from a copy of it, with its content."""
    dates: list[str] = []
    download = copy.download_blob(raw_response_hook=keep_date(dates), decompress=False)
    return replace(_source(name, download.properties, dates, download.readall()), etag=etag)


def metadata_of(properties: Any) -> dict[str, str]:  # noqa: ANN401 - the SDK's
    """Return a blob's metadata with lower-case names: case does not count, and some tools capitalise when they copy."""
    return {name.lower(): value for name, value in (properties.metadata or {}).items()}


def keep_date(dates: list[str]) -> Callable[[Any], None]:
    """Return a hook that appends the time of storage's answer to ``dates``; the SDK itself does not expose it."""

    def keep(response: Any) -> None:  # noqa: ANN401 - the SDK's
        if date := response.http_response.headers.get("Date"):
            dates.append(date)

    return keep


def time_of(dates: list[str]) -> datetime:
    """Return the time of storage's last answer.

    Raises:
        Transient: ``storage``: the SDK forgets its hook when it repeats a request whose connection was lost.
    """
    if not dates:
        detail = "Storage answered only after a lost connection, and its time is unknown. The next delivery asks again."
        raise Transient(Reason.STORAGE, detail)
    return parsedate_to_datetime(dates[-1])


def is_current(blob: BlobClient, etag: str) -> bool:
    """Return whether ``blob`` exists and still has this ETag."""
    try:
        blob.get_blob_properties(etag=etag, match_condition=MatchConditions.IfNotModified)
    except HttpResponseError as error:
        if is_changed_or_gone(error):
            return False
        raise
    return True


@contextmanager
def _source_errors(name: str, container: str = INCOMING) -> Iterator[None]:
    try:
        with storage_errors(f"reading {name!r}"):
            yield
    except Transient as failure:
        code = code_of(failure.__cause__)
        if code == "BlobNotFound":
            raise Superseded(Reason.SOURCE_GONE, f"{name!r} is no longer in {container}.") from failure
        if code == "ConditionNotMet":
            raise Superseded(Reason.SOURCE_CHANGED, f"{name!r} was replaced while we read it.") from failure
        raise
