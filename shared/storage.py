"""The containers of the pictures account: read an upload, and move it to the archive or to quarantine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings, ExponentialRetry

from shared import __version__
from shared.config import StorageSettings
from shared.errors import Reason, Superseded, Transient
from shared.naming import INCOMING, metadata, plain_etag

_STORAGE_SCOPE = "https://storage.azure.com/.default"
_ONE_COPY = 256 * 1024 * 1024  # bytes that the service copies in one synchronous step
# What it does not copy: some kinds of blob, and names whose address is longer than 2 KiB in the request's header.
_COPY_CANNOT = ("CannotVerifyCopySource", "InvalidBlobType", "InvalidHeaderValue", "InvalidInput")
_ONE_READ = (
    32 * 1024 * 1024
)  # bytes that come with the first answer; more takes one request for each such part


@dataclass(frozen=True)
class Source:
    """An upload as it was read: these bytes belong to this ETag. ``content`` is None where it was not read."""

    name: str
    etag: str
    uploaded_at: datetime
    seen_at: datetime  # by storage's clock, like uploaded_at
    size: int
    metadata: Mapping[str, str]
    content: bytes | None

    @property
    def is_directory_marker(self) -> bool:
        """Whether a tool left this empty blob to stand for a folder."""
        return self.size == 0 and self.metadata.get("hdi_isfolder", "").lower() == "true"


def connect(
    settings: StorageSettings, credential: TokenCredential | None, retry: ExponentialRetry
) -> BlobServiceClient:
    """Return the client for the pictures account; made once per process."""
    options: dict[str, Any] = {
        "retry_policy": retry,
        "user_agent": f"item-picture-sync/{__version__}",
        "max_single_get_size": _ONE_READ,
        "max_chunk_get_size": _ONE_READ,
    }
    if settings.connection_string:
        return BlobServiceClient.from_connection_string(settings.connection_string, **options)
    return BlobServiceClient(str(settings.blob_service_uri), credential=credential, **options)


class PictureStorage:
    """Reads and moves uploads; every move leaves the bytes that were read in at least one place."""

    def __init__(self, service: BlobServiceClient, credential: TokenCredential | None) -> None:
        self._service, self._credential = service, credential

    def read(self, name: str, max_bytes: int) -> Source:
        """Return the upload as it is now, without its content where it is larger than ``max_bytes``.

        Raises:
            Superseded: it is gone, or was replaced while it was being read.
        """
        dates: list[str] = []
        with _source_errors(name):
            # The client pins what follows the first answer to that answer's ETag.
            download = self._incoming(name).download_blob(raw_response_hook=_keep_date(dates))
            content = download.readall() if download.properties.size <= max_bytes else None
        return _source(name, download.properties, dates, content)

    def look_at(self, name: str) -> Source:
        """Return the upload as it is now without reading it; errors as for ``read``."""
        dates: list[str] = []
        with _source_errors(name):
            properties = self._incoming(name).get_blob_properties(raw_response_hook=_keep_date(dates))
        return _source(name, properties, dates, None)

    def move(
        self,
        source: Source,
        container: str,
        name: str,
        story: Mapping[str, str | None],
        note: str | None = None,
    ) -> bool:
        """Move the upload to ``container``/``name``, where ``story`` becomes its metadata; repeating it is safe.

        ``note`` is written beside it, with ``.txt`` added to its name. The answer is False where the upload was
        replaced or removed meanwhile: then the bytes that were read are saved all the same, and nothing is deleted.
        """
        target = self._service.get_blob_client(container, name)
        told = metadata({**story, "source_name": source.name, "source_etag": plain_etag(source.etag)})
        with _storage_errors(f"moving {source.name!r} to {container}/{name}"):
            copied = self._copy(source, target, told)
            if not copied:
                if source.content is None:
                    return False
                self._save(source, target, source.content, told)
            if note:
                self._write_note(container, f"{name}.txt", note)
            return copied and self._delete(source)

    def _incoming(self, name: str) -> BlobClient:
        return self._service.get_blob_client(INCOMING, name)

    def _copy(self, source: Source, target: BlobClient, told: dict[str, str]) -> bool:
        """Copy under the source's ETag to a name that must be free; False if the source has changed."""
        if source.size > _ONE_COPY:
            return self._copy_through_us(source, target, told)
        try:
            answer = target.start_copy_from_url(
                self._incoming(source.name).url,
                metadata=told,
                requires_sync=True,
                source_etag=source.etag,
                source_match_condition=MatchConditions.IfNotModified,
                match_condition=MatchConditions.IfMissing,
                source_authorization=self._source_authorization(),
            )
        except HttpResponseError as error:
            return self._after_refused_copy(source, target, told, error)
        if answer.get("copy_status") != "success":
            raise Transient(
                Reason.STORAGE, f"The copy of {source.name!r} ended as {answer.get('copy_status')!r}."
            )
        return True

    def _after_refused_copy(
        self, source: Source, target: BlobClient, told: dict[str, str], error: HttpResponseError
    ) -> bool:
        if _is_taken(error):
            _must_be_ours(target, source, told, error)
            return True
        # Storage's answers to a stale, a missing and an unreadable source are alike; the source itself tells.
        if not self._is_unchanged(source):
            return False
        if _code_of(error) not in _COPY_CANNOT:
            raise error
        return self._copy_through_us(source, target, told)

    def _copy_through_us(self, source: Source, target: BlobClient, told: dict[str, str]) -> bool:
        """Copy what the service does not copy in one step: it is read and written part by part."""
        blob = self._incoming(source.name)
        try:
            read = blob.download_blob(etag=source.etag, match_condition=MatchConditions.IfNotModified)
            target.upload_blob(read.chunks(), length=source.size, metadata=told, overwrite=False)
        except HttpResponseError as error:
            if _is_taken(error):
                _must_be_ours(target, source, told, error)
            elif _is_changed_or_gone(error):
                return False
            else:
                raise
        return True

    def _source_authorization(self) -> str | None:
        """By identity, the service that copies must be shown that the source may be read, in its own account too."""
        if self._credential is None:
            return None
        return f"Bearer {self._credential.get_token(_STORAGE_SCOPE).token}"

    def _is_unchanged(self, source: Source) -> bool:
        blob = self._incoming(source.name)
        try:
            blob.get_blob_properties(etag=source.etag, match_condition=MatchConditions.IfNotModified)
        except HttpResponseError as error:
            if _is_changed_or_gone(error):
                return False
            raise
        return True

    def _save(self, source: Source, target: BlobClient, content: bytes, told: dict[str, str]) -> None:
        try:
            target.upload_blob(content, metadata=told, overwrite=False)
        except HttpResponseError as error:
            if not _is_taken(error):
                raise
            _must_be_ours(target, source, told, error)

    def _write_note(self, container: str, name: str, note: str) -> None:
        plain = ContentSettings(content_type="text/plain; charset=utf-8")
        self._service.get_blob_client(container, name).upload_blob(
            note.encode(), overwrite=True, content_settings=plain
        )

    def _delete(self, source: Source) -> bool:
        blob = self._incoming(source.name)
        try:
            blob.delete_blob(
                delete_snapshots="include", etag=source.etag, match_condition=MatchConditions.IfNotModified
            )
        except HttpResponseError as error:
            if _is_changed_or_gone(error):
                return not blob.exists()  # gone by an earlier try whose answer was lost, or by somebody else
            raise
        return True


def _source(name: str, properties: Any, dates: list[str], content: bytes | None) -> Source:  # noqa: ANN401 - the SDK's
    seen_at = parsedate_to_datetime(dates[-1])
    etag, uploaded_at = str(properties.etag), properties.last_modified
    return Source(name, etag, uploaded_at, seen_at, properties.size, properties.metadata, content)


def _keep_date(dates: list[str]) -> Callable[[Any], None]:
    """Return a hook that keeps when storage answered: the SDK itself does not show storage's clock."""

    def keep(response: Any) -> None:  # noqa: ANN401 - the SDK's
        if date := response.http_response.headers.get("Date"):
            dates.append(date)

    return keep


def _must_be_ours(
    target: BlobClient, source: Source, told: Mapping[str, str], error: HttpResponseError
) -> None:
    """Accept a blob that is there already only if an earlier delivery of this very upload left it, and left it whole."""
    found = target.get_blob_properties()
    same = all(found.metadata.get(key) == told[key] for key in ("source_name", "source_etag"))
    if not same or found.size != source.size:
        where = f"{target.container_name}/{target.blob_name}"
        detail = (
            f"{where} is taken by another blob, so the upload stays where it is. Rename or remove that blob."
        )
        raise Transient(Reason.STORAGE, detail) from error


def _is_taken(error: HttpResponseError) -> bool:
    """Tell a target's name that is not free from the other conflicts that are answered with 409 or 412."""
    return _code_of(error) in ("BlobAlreadyExists", "TargetConditionNotMet")


def _is_changed_or_gone(error: HttpResponseError) -> bool:
    """Tell a source that was replaced or removed from a missing container, a lease or a lack of rights."""
    return _code_of(error) in ("BlobNotFound", "ConditionNotMet")


def _code_of(error: BaseException | None) -> str | None:
    """Return storage's own code of an error; the SDK has it as an enum or, if it does not know it, as text."""
    code = getattr(error, "error_code", None)
    return getattr(code, "value", code)


@contextmanager
def _source_errors(name: str) -> Iterator[None]:
    try:
        with _storage_errors(f"reading {name!r}"):
            yield
    except Transient as failure:
        code = _code_of(failure.__cause__)
        if code == "BlobNotFound":
            raise Superseded(Reason.SOURCE_GONE, f"{name!r} is not in {INCOMING} any more.") from failure
        if code == "ConditionNotMet":
            raise Superseded(
                Reason.SOURCE_CHANGED, f"{name!r} was replaced while it was being read."
            ) from failure
        raise


@contextmanager
def _storage_errors(doing: str) -> Iterator[None]:
    """Turn what the SDK raises after its own retries into a transient failure that says what was being done."""
    try:
        yield
    except AzureError as error:
        code = _code_of(error) or type(error).__name__
        first_line = str(error).partition("\n")[0][:300]
        raise Transient(Reason.STORAGE, f"Storage failed while {doing}: {code}: {first_line}") from error
