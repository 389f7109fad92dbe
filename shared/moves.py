"""Moves of uploads to the archive and to quarantine: at every moment their bytes lie in at least one place."""

from collections.abc import Mapping

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from shared.errors import Reason, Transient
from shared.naming import INCOMING, metadata, plain_etag
from shared.storage import Source, code_of, is_changed_or_gone, is_current, storage_errors

_STORAGE_SCOPE = "https://storage.azure.com/.default"
_ONE_COPY = 256 * 1024 * 1024  # bytes that the service copies in one synchronous step
# What it does not copy: some kinds of blob, and names whose address is longer than 2 KiB in the request's header.
_COPY_CANNOT = ("CannotVerifyCopySource", "InvalidBlobType", "InvalidHeaderValue", "InvalidInput")


class Mover:
    """Moves uploads; one per process. With a credential, storage is opened by identity."""

    def __init__(self, service: BlobServiceClient, credential: TokenCredential | None) -> None:
        self._service, self._credential = service, credential

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
        with storage_errors(f"moving {source.name!r} to {container}/{name}"):
            copied = self._copy(source, target, told)
            if not copied:
                if source.content is None:
                    return False
                self._save(source, target, source.content, told)
            if note:
                self._write_note(container, f"{name}.txt", note)
            return copied and self._delete(source)

    def keep(self, container: str, name: str, content: bytes, story: Mapping[str, str | None]) -> None:
        """Save ``content``, which lies nowhere else, as ``container``/``name``; repeating it is safe.

        The name must stand for the content: what lies there already is taken for it.
        """
        target = self._service.get_blob_client(container, name)
        with storage_errors(f"saving {container}/{name}"):
            try:
                target.upload_blob(content, metadata=metadata(story), overwrite=False)
            except HttpResponseError as error:
                if not _is_taken(error):
                    raise

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
        if not is_current(self._incoming(source.name), source.etag):
            return False
        if code_of(error) not in _COPY_CANNOT:
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
            elif is_changed_or_gone(error):
                return False
            else:
                raise
        return True

    def _source_authorization(self) -> str | None:
        """By identity, the service that copies must be shown that the source may be read, in its own account too."""
        if self._credential is None:
            return None
        return f"Bearer {self._credential.get_token(_STORAGE_SCOPE).token}"

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
            if is_changed_or_gone(error):
                return not blob.exists()  # gone by an earlier try whose answer was lost, or by somebody else
            raise
        return True

    def _incoming(self, name: str) -> BlobClient:
        return self._service.get_blob_client(INCOMING, name)


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
    return code_of(error) in ("BlobAlreadyExists", "TargetConditionNotMet")
