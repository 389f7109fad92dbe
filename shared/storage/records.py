"""Reads item records, and writes them only under the ETag they were read under."""

from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from shared.errors import Reason, Transient
from shared.item_record import ItemRecord, StoredRecord
from shared.storage import record_format
from shared.storage.errors import code_of, storage_errors
from shared.storage.names import RECORDS, record_name
from shared.storage.uploads import keep_date, time_of

_JSON = ContentSettings(content_type="application/json")
_REFUSED = ("BlobAlreadyExists", "BlobNotFound", "ConditionNotMet")


class ItemRecords:
    """Reads and writes the records of one BC environment; one per process."""

    def __init__(self, service: BlobServiceClient, environment: str) -> None:
        self._service, self._environment = service, environment

    def read(self, company_id: str, item_id: str) -> StoredRecord:
        """Return the item's record, or a new one with an empty number.

        Raises:
            Transient: ``storage``, including a blob that is not a record.
        """
        dates: list[str] = []
        blob = self._blob(company_id, item_id)
        with storage_errors(f"reading {RECORDS}/{blob.blob_name}"):
            try:
                download = blob.download_blob(raw_response_hook=keep_date(dates), decompress=False)
            except HttpResponseError as error:
                if code_of(error) != "BlobNotFound":
                    raise
                now = time_of(dates)
                return StoredRecord(ItemRecord(""), None, now, now)
            text = download.readall()
        record, properties = _parsed(text, blob), download.properties
        return StoredRecord(record, properties.etag, properties.last_modified, time_of(dates))

    def write(self, company_id: str, item_id: str, stored: StoredRecord, record: ItemRecord) -> StoredRecord | None:
        """Replace ``stored`` by ``record``; returns None if somebody else has changed it since."""
        blob = self._blob(company_id, item_id)
        with storage_errors(f"writing {RECORDS}/{blob.blob_name}"):
            try:
                answer = blob.upload_blob(
                    record_format.to_json(record), content_settings=_JSON, **_only_over(stored.etag)
                )
            except HttpResponseError as error:
                if code_of(error) not in _REFUSED:
                    raise
                # The SDK may have retried a write that succeeded but whose answer was lost.
                current = self.read(company_id, item_id)
                return current if current.etag and current.record == record else None
        return StoredRecord(record, answer["etag"], answer["last_modified"], _date(answer))

    def _blob(self, company_id: str, item_id: str) -> BlobClient:
        return self._service.get_blob_client(RECORDS, record_name(self._environment, company_id, item_id))


def _only_over(etag: str | None) -> dict[str, Any]:
    if etag is None:
        return {"overwrite": False}
    return {"overwrite": True, "etag": etag, "match_condition": MatchConditions.IfNotModified}


def _date(answer: dict[str, Any]) -> datetime:
    date: datetime = answer["date"]
    return date


def _parsed(text: bytes, blob: BlobClient) -> ItemRecord:
    try:
        return record_format.from_json(text)
    except ValueError as error:
        detail = (
            f"{RECORDS}/{blob.blob_name} is not an item record that this version can read: {error}. "
            "Until that changes, every upload for the item fails. "
            "If a later version of this app wrote it, deploy that version again; otherwise remove that blob."
        )
        raise Transient(Reason.STORAGE, detail) from error
