"""Uploads what the plan says, as photographers and scripts do, and writes the ledger."""

from typing import Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobServiceClient

from devstack.benchmarks.soak.ledger import Ledger, Sent, digest
from devstack.benchmarks.soak.plan import Upload

_REFUSED = (404, 409, 412)


class Uploader:
    """Uploads straight to storage, without the faults that the app meets."""

    def __init__(self, service: BlobServiceClient, ledger: Ledger) -> None:
        self._incoming = service.get_container_client("product-images")
        self._archive = service.get_container_client("archive")
        self.ledger = ledger

    def send(self, upload: Upload) -> None:
        """Upload one file, and enter it in the ledger; an upload of the same name that still waits is overwritten."""
        if upload.replays is not None:
            self._replay(upload)
            return
        content = upload.content()
        latest = self.ledger.latest(upload.name)
        answer = self._overwrite(latest, content) if latest else None
        if answer and latest:
            latest.replaced_by = upload.number
        else:  # the earlier one, if there was any, has been picked up
            answer = self._create(upload.name, content)
        self.ledger.sent.append(Sent(upload, _etag(answer), answer["last_modified"], digest(content)))

    def _overwrite(self, latest: Sent, content: bytes) -> dict[str, Any] | None:
        """Replace exactly this upload; returns None if it is no longer in incoming."""
        blob = self._incoming.get_blob_client(latest.upload.name)
        only: dict[str, Any] = {"etag": f'"{latest.etag}"', "match_condition": MatchConditions.IfNotModified}
        try:
            return blob.upload_blob(content, overwrite=True, **only)
        except HttpResponseError as error:
            if error.status_code not in _REFUSED:
                raise
            written = _written(blob, content)
            return written if written and _etag(written) != latest.etag else None

    def _create(self, name: str, content: bytes) -> dict[str, Any]:
        blob = self._incoming.get_blob_client(name)
        try:
            return blob.upload_blob(content, overwrite=False)
        except ResourceExistsError:
            written = _written(blob, content)
            if written is None:
                raise
            return written

    def _replay(self, upload: Upload) -> None:
        """Copy the original back from the archive under its old name, never over a file that is there."""
        original = self.ledger.find(upload.replays or 0)
        archived = self._archived(original) if original else None
        if original is None or archived is None:
            self.ledger.skipped.append(upload)
            return
        target, source = self._incoming.get_blob_client(upload.name), self._archive.get_blob_client(archived)
        try:
            answer = target.start_copy_from_url(
                source.url, requires_sync=True, match_condition=MatchConditions.IfMissing
            )
        except HttpResponseError as error:
            if error.status_code not in _REFUSED:
                raise
            self.ledger.skipped.append(upload)
            return
        written: Any = answer["last_modified"]
        uploaded_at = min(original.uploaded_at, written)
        self.ledger.sent.append(Sent(upload, _etag(answer), uploaded_at, original.sha256))

    def _archived(self, original: Sent) -> str | None:
        """Return the original's name in the archive."""
        item = original.upload.item
        beginning = f"{item.company.name.rstrip('.')}/{item.number[:6]}" if item else ""
        for blob in self._archive.list_blobs(name_starts_with=beginning, include=["metadata"]):
            if (blob.metadata or {}).get("source_etag") == quote(original.etag):
                name: str = blob.name
                return name
        return None


def _written(blob: BlobClient, content: bytes) -> dict[str, Any] | None:
    """Return storage's answer about this content if it is there: the SDK repeats a request whose answer did not come.

    The repetition is refused because of the first one.
    """
    try:
        downloader = blob.download_blob()
    except ResourceNotFoundError:
        return None
    return dict(downloader.properties) if downloader.readall() == content else None


def _etag(answer: Any) -> str:  # noqa: ANN401 - the SDK's dictionary
    return str(answer["etag"]).strip('"')
