"""Recognises, completes and removes the copies that earlier deliveries of an upload left."""

from collections.abc import Mapping
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from shared.errors import Reason, Transient
from shared.storage.destinations import Place
from shared.storage.errors import code_of
from shared.storage.names import INCOMING, QUARANTINE, unquoted_etag
from shared.storage.uploads import Source, metadata_of

MARKS = ("source_name", "source_etag")


def marks_of(source: Source) -> dict[str, str]:
    """Return the metadata by which a copy is known to be this upload's."""
    return {"source_name": source.name, "source_etag": unquoted_etag(source.etag)}


def complete(target: BlobClient, existing: Any, metadata: Mapping[str, str], keys: set[str]) -> None:  # noqa: ANN401 - the SDK's
    """Say on a copy that was kept while its upload waited how the upload ended."""
    kept = metadata_of(existing)
    if kept.get("outcome") != "waiting" or metadata.get("outcome") == "waiting":
        return
    rest = {key: value for key, value in kept.items() if key not in keys}
    completed = {**rest, **{key: metadata[key] for key in keys if key in metadata}}
    target.set_blob_metadata(completed, etag=existing.etag, match_condition=MatchConditions.IfNotModified)


def must_be_ours(
    target: BlobClient, metadata: Mapping[str, str], error: HttpResponseError | None, size: int | None = None
) -> None:
    """Accept an existing blob only if an earlier delivery of this very upload left it there, whole."""
    existing = target.get_blob_properties()
    marks = metadata_of(existing)
    same = all(marks.get(key) == metadata[key] for key in MARKS)
    if same and existing.size == size:
        complete(target, existing, metadata, {"outcome", "reason", "detail"})
    elif not same or size is not None:
        where = f"{target.container_name}/{target.blob_name}"
        detail = f"{where} belongs to another upload, so this one stays in {INCOMING}. Rename or remove that blob."
        raise Transient(Reason.STORAGE, detail) from error


def is_taken(error: HttpResponseError) -> bool:
    """Return whether the target's name is taken; 409 and 412 stand for other conflicts too.

    Storage asks for a lease only if there is a blob.
    """
    return code_of(error) in ("BlobAlreadyExists", "TargetConditionNotMet", "LeaseIdMissing")


def remove_copy(service: BlobServiceClient, place: Place, metadata: Mapping[str, str]) -> None:
    """Remove a copy of this very upload, and its note; its bytes are elsewhere."""
    container, name = place
    for blob_name in (f"{name}.txt", name) if container == QUARANTINE else (name,):
        blob = service.get_blob_client(container, blob_name)
        try:
            existing = blob.get_blob_properties()
            marks = metadata_of(existing)
            if all(marks.get(key) == metadata[key] for key in MARKS):
                blob.delete_blob(etag=existing.etag, match_condition=MatchConditions.IfNotModified)
        except HttpResponseError as error:
            if code_of(error) != "BlobNotFound":
                raise


def write_note(target: BlobClient, note: str, metadata: Mapping[str, str]) -> None:
    """Write the note beside a copy that has these ``metadata``, to a name that must be free."""
    marks = {key: metadata[key] for key in MARKS}
    plain = ContentSettings(content_type="text/plain; charset=utf-8")
    try:
        target.upload_blob(note.encode(), metadata=marks, overwrite=False, content_settings=plain)
    except HttpResponseError as error:
        if not is_taken(error):
            raise
        must_be_ours(target, metadata, error)


def has_only_grown(blob: BlobClient, source: Source) -> bool:
    """Whether what we read of ``source`` is still the beginning of ``blob``; then that beginning needs no copy."""
    if not source.is_open or source.content is None:
        return False
    try:
        download = blob.download_blob(offset=0, length=max(source.size, 1), decompress=False)
        return download.readall()[: source.size] == source.content
    except HttpResponseError as error:
        if code_of(error) in ("BlobNotFound", "InvalidRange", "ConditionNotMet"):
            return False
        raise
