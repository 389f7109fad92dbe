"""Recognises, completes and removes the copies that earlier deliveries of an upload left."""

from collections.abc import Mapping
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from shared.errors import Reason, Transient
from shared.storage.destinations import Place
from shared.storage.errors import code_of, is_changed_or_gone
from shared.storage.names import INCOMING, QUARANTINE, encode_metadata, unquoted_etag
from shared.storage.uploads import Source, metadata_of

MARKS = ("source_name", "source_etag")


def marks_of(source_name: str, etag: str) -> dict[str, str]:
    """Return the metadata by which a copy is known to be this upload's."""
    return {"source_name": source_name, "source_etag": unquoted_etag(etag)}


def is_ours(existing: Any, metadata: Mapping[str, str]) -> bool:  # noqa: ANN401 - the SDK's
    """Whether an existing blob has the marks in ``metadata``: then it is a copy of this very upload, or its note."""
    found = metadata_of(existing)
    return all(found.get(key) == metadata[key] for key in MARKS)


def complete(target: BlobClient, marks: Mapping[str, str], changes: Mapping[str, str | None]) -> bool:
    """Complete the copy with these ``marks`` unless that has been done; returns whether there is such a copy."""
    try:
        existing = target.get_blob_properties()
        if not is_ours(existing, marks):
            return False
        _complete(target, existing, encode_metadata(changes), set(changes))
    except HttpResponseError as error:
        if not is_changed_or_gone(error):
            raise
        return code_of(error) == "ConditionNotMet"  # a delivery has completed it meanwhile
    return True


def _complete(target: BlobClient, existing: Any, metadata: Mapping[str, str], keys: set[str]) -> None:  # noqa: ANN401 - the SDK's
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
    same = is_ours(existing, metadata)
    if same and existing.size == size:
        _complete(target, existing, metadata, {"outcome", "reason", "detail"})
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
            if is_ours(existing, metadata):
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
