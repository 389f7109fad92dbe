"""Moves uploads from one container to another; their bytes are in at least one place at every moment."""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from shared.errors import Reason, Transient
from shared.storage.block_copies import ADDRESS_MAX, CANNOT_COPY, BlockCopy, plan
from shared.storage.copies import complete, has_only_grown, is_taken, marks_of, must_be_ours, remove_copy, write_note
from shared.storage.destinations import Destination, Destinations, Place
from shared.storage.errors import code_of, is_changed_or_gone, storage_errors
from shared.storage.names import INCOMING, QUARANTINE, encode_metadata
from shared.storage.uploads import Source, is_current, source_of_copy

_STORAGE_SCOPE = "https://storage.azure.com/.default"
_ONE_COPY = 256 * 1024 * 1024  # bytes that the service copies in one synchronous step
# The host ends an invocation after thirty minutes, and the sweep has other uploads.
_MOVE_SECONDS = 5 * 60.0


class Mover:
    """Moves uploads; one per process. A ``credential`` means that we open storage by identity."""

    def __init__(
        self,
        service: BlobServiceClient,
        credential: TokenCredential | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service, self._credential, self._clock = service, credential, clock
        self._destinations = Destinations(service)

    def move(
        self,
        source: Source,
        wanted: Place,
        metadata: Mapping[str, str | None],
        note: str | None = None,
        *,
        is_remembered: bool = True,
    ) -> Place | None:
        """Move the upload to ``wanted`` with ``metadata``, and return its place; repeating it is safe.

        An upload that is already on its way to another place goes there. Without ``is_remembered`` nobody asks, and
        only a failure is remembered. In quarantine, ``note`` is written beside it, under its name with ``.txt`` added.
        Returns None if the upload was replaced or removed meanwhile: the bytes that were read are saved all the same,
        and nothing is deleted.
        """
        encoded = encode_metadata({**metadata, **marks_of(source.name, source.etag)})
        with storage_errors(f"moving {source.name!r} to {'/'.join(wanted)}"):
            destination = Destination(wanted)
            if is_remembered:
                destination = self._destinations.settle(source.name, source.etag, wanted)
            try:
                has_moved = self._move(source, destination, encoded, note)
            except (Transient, AzureError):
                if not is_remembered:
                    self._destinations.settle(source.name, source.etag, wanted)
                raise
            if is_remembered:
                self._destinations.forget(source.name, source.etag)
        return destination.place if has_moved else None

    def _move(self, source: Source, destination: Destination, metadata: dict[str, str], note: str | None) -> bool:
        target = self._service.get_blob_client(*destination.place)
        is_judged = destination.place[0] == QUARANTINE
        copied = self._copy(source, target, metadata)
        if not copied:
            if source.content is None or (is_judged and has_only_grown(self._blob(source), source)):
                return False
            self._save(source, target, source.content, metadata)
        if note and is_judged:
            write_note(self._service.get_blob_client(QUARANTINE, f"{target.blob_name}.txt"), note, metadata)
        for place in destination.abandoned:
            remove_copy(self._service, place, metadata)
        if not copied or self._delete(source):
            return copied
        if is_judged and has_only_grown(self._blob(source), source):
            remove_copy(self._service, destination.place, metadata)
        return False

    def keep(self, source: Source, wanted: Place, metadata: Mapping[str, str | None]) -> None:
        """Copy the upload as ``move`` does, and leave the upload itself where it is."""
        encoded = encode_metadata({**metadata, **marks_of(source.name, source.etag)})
        with storage_errors(f"copying {source.name!r} to {'/'.join(wanted)}"):
            destination = self._destinations.settle(source.name, source.etag, wanted)
            target = self._service.get_blob_client(*destination.place)
            if not self._copy(source, target, encoded) and source.content is not None:
                self._save(source, target, source.content, encoded)

    def read_copy(self, wanted: Place, source_name: str, etag: str) -> Source | None:
        """Return the upload ``source_name`` from the copy that ``keep`` left; None if there is none."""
        with storage_errors(f"reading {'/'.join(wanted)}"):
            target = self._service.get_blob_client(*self._destinations.find(source_name, etag, wanted).place)
            try:
                return source_of_copy(target, source_name, etag)
            except HttpResponseError as error:
                if code_of(error) != "BlobNotFound":
                    raise
                return None

    def complete(self, wanted: Place, source_name: str, etag: str, changes: Mapping[str, str | None]) -> Place | None:
        """Change the metadata of the copy that ``keep`` left while its upload waited, and remove those elsewhere.

        What is not such a copy stays as it is. Returns where the copy is, None if there is none.
        """
        marks = encode_metadata(marks_of(source_name, etag))
        with storage_errors(f"completing {'/'.join(wanted)}"):
            destination = self._destinations.find(source_name, etag, wanted)
            is_there = complete(self._service.get_blob_client(*destination.place), marks, changes)
            # What is remembered goes last: nothing else knows of these copies.
            for place in destination.abandoned if is_there else ():
                remove_copy(self._service, place, marks)
            if not is_current(self._service.get_blob_client(INCOMING, source_name), etag):
                self._destinations.forget(source_name, etag)
        return destination.place if is_there else None

    def copy(self, source: Source, container: str, name: str, metadata: Mapping[str, str]) -> bool:
        """Copy the upload to ``container``/``name``, which must be free, with these encoded ``metadata``.

        Returns False if the source was replaced or removed meanwhile; ``metadata`` must contain the marks of a move.
        """
        target = self._service.get_blob_client(container, name)
        with storage_errors(f"copying {source.container}/{source.name} to {container}/{name}"):
            return self._copy(source, target, dict(metadata))

    def delete(self, source: Source) -> bool:
        """Delete the upload under its ETag; returns False if it was replaced meanwhile."""
        with storage_errors(f"removing {source.container}/{source.name}"):
            return self._delete(source)

    def save(self, container: str, name: str, content: bytes, metadata: Mapping[str, str | None]) -> bool:
        """Save ``content``, which is nowhere else, as ``container``/``name``; repeating it is safe.

        The name must stand for the content: a blob that has it already is taken to hold the same bytes. Returns False
        if there was one.
        """
        target = self._service.get_blob_client(container, name)
        with storage_errors(f"saving {container}/{name}"):
            try:
                target.upload_blob(content, metadata=encode_metadata(metadata), overwrite=False, validate_content=True)
            except HttpResponseError as error:
                if not is_taken(error):
                    raise
                return False
        return True

    def _copy(self, source: Source, target: BlobClient, metadata: dict[str, str]) -> bool:
        """Copy under the source's ETag to a name that must be free; returns False if the source has changed."""
        try:
            if not self._copy_in_one_step(source, target, metadata):
                self._copy_in_parts(source, target, metadata)
        except HttpResponseError as error:
            if is_taken(error):
                must_be_ours(target, metadata, error, source.size)
            # Storage answers alike for a stale, a missing and an unreadable source; only the source itself tells.
            elif not is_current(self._blob(source), source.etag):
                return False
            else:
                raise
        return True

    def _copy_in_one_step(self, source: Source, target: BlobClient, metadata: dict[str, str]) -> bool:
        """Have the service copy it; returns False if the service cannot."""
        url = self._blob(source).url
        if source.size > _ONE_COPY or len(url) > ADDRESS_MAX:
            return False
        try:
            answer = target.start_copy_from_url(
                url,
                metadata=metadata,
                requires_sync=True,
                source_etag=source.etag,
                source_match_condition=MatchConditions.IfNotModified,
                match_condition=MatchConditions.IfMissing,
                source_authorization=self._source_authorization(),
                headers=_hash_of(source.content),
            )
        except HttpResponseError as error:
            # Blocks staged by an earlier delivery may make the name count as taken: then that copy resumes.
            if code_of(error) in CANNOT_COPY or (is_taken(error) and not target.exists()):
                return False
            raise
        if answer.get("copy_status") != "success":
            raise Transient(Reason.STORAGE, f"Copying {source.name!r} ended as {answer.get('copy_status')!r}.")
        return True

    def _copy_in_parts(self, source: Source, target: BlobClient, metadata: dict[str, str]) -> None:
        """Copy what the service cannot copy in one step, without reading again what we already hold."""
        until = self._clock() + _MOVE_SECONDS
        blob = self._blob(source)
        properties = blob.get_blob_properties(etag=source.etag, match_condition=MatchConditions.IfNotModified)
        if source.content is not None:
            self._save(source, target, source.content, metadata)
        elif target.exists():
            must_be_ours(target, metadata, None, source.size)
        else:
            copy = BlockCopy(blob, source.etag, target, self._source_authorization, lambda: self._clock() < until)
            copy.run(plan(source.name, source.etag, source.size), metadata, properties.content_settings)

    def _source_authorization(self) -> str | None:
        """Return what lets the service read the source: by identity it wants a token even within one account."""
        if self._credential is None:
            return None
        return f"Bearer {self._credential.get_token(_STORAGE_SCOPE).token}"

    def _save(self, source: Source, target: BlobClient, content: bytes, metadata: dict[str, str]) -> None:
        """Upload the bytes that we read; storage checks their hash."""
        try:
            target.upload_blob(
                content,
                metadata=metadata,
                overwrite=False,
                validate_content=True,
                content_settings=ContentSettings(source.content_type, source.content_encoding),
            )
        except HttpResponseError as error:
            if not is_taken(error):
                raise
            must_be_ours(target, metadata, error, source.size)

    def _delete(self, source: Source) -> bool:
        blob = self._blob(source)
        try:
            blob.delete_blob(
                delete_snapshots="include", etag=source.etag, match_condition=MatchConditions.IfNotModified
            )
        except HttpResponseError as error:
            if is_changed_or_gone(error):
                return not blob.exists()  # an earlier try whose answer was lost removed it, or somebody else did
            raise
        return True

    def _blob(self, source: Source) -> BlobClient:
        return self._service.get_blob_client(source.container, source.name)


def _hash_of(content: bytes | None) -> dict[str, str]:
    """Return the header that makes the service check that it copies the bytes we read."""
    if content is None:
        return {}
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    return {"x-ms-source-content-md5": base64.b64encode(digest).decode()}
