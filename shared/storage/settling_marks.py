"""Keeps one small mark for each upload that settles, so that the sweep finds it even if its source is gone."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from shared.errors import Reason, Transient
from shared.item_record import Upload
from shared.storage.errors import code_of, storage_errors
from shared.storage.names import RECORDS, is_folder, mark_name, marks_folder
from shared.storage.record_format import upload_from_json
from shared.storage.uploads import keep_date, time_of

_PAGE_SIZE = 2000  # marks; storage allows 5,000, which the SDK turns into 17 MiB of objects


@dataclass(frozen=True)
class SettlingMark:
    """Names an upload that settles, its item, and with both its original in the archive."""

    company_id: str
    company: str
    item_id: str
    item_number: str
    upload: Upload


@dataclass(frozen=True)
class ListedMark:
    """Names a mark that exists, with its age by storage's clock; ``company_id`` says whose it is."""

    name: str
    company_id: str
    age: timedelta


@dataclass(frozen=True)
class StoredMark:
    """A mark as storage holds it, under ``etag``."""

    mark: SettlingMark
    name: str
    etag: str


class SettlingMarks:
    """Writes, lists and removes the marks of one BC environment; one per process."""

    def __init__(self, service: BlobServiceClient, environment: str) -> None:
        self._service, self._environment = service, environment

    def put(self, mark: SettlingMark) -> None:
        """Mark an upload; repeating it renews the mark, so that nobody removes it who has seen an earlier one."""
        upload = mark.upload
        name = mark_name(self._environment, mark.company_id, mark.item_id, upload.name, upload.etag)
        content = json.dumps(asdict(mark), default=datetime.isoformat).encode()
        with storage_errors(f"writing {RECORDS}/{name}"):
            self._service.get_blob_client(RECORDS, name).upload_blob(content, overwrite=True)

    def listed(self) -> list[ListedMark]:
        """Return the marks that exist, in one request for each 2,000."""
        folder, dates = marks_folder(self._environment), list[str]()
        container = self._service.get_container_client(RECORDS)
        with storage_errors(f"listing the marks in {RECORDS}"):
            blobs = container.list_blobs(
                folder, include=["metadata"], results_per_page=_PAGE_SIZE, raw_response_hook=keep_date(dates)
            )
            return [
                ListedMark(blob.name, blob.name[len(folder) :].partition("/")[0], time_of(dates) - blob.last_modified)
                for blob in blobs
                if not is_folder(blob.metadata)
            ]

    def read(self, name: str) -> StoredMark | None:
        """Return the mark with this name, None if it was removed."""
        with storage_errors(f"reading {RECORDS}/{name}"):
            try:
                download = self._service.get_blob_client(RECORDS, name).download_blob()
            except HttpResponseError as error:
                if code_of(error) != "BlobNotFound":
                    raise
                return None
            text = download.readall()
        try:
            fields = json.loads(text)
            mark = SettlingMark(**{**fields, "upload": upload_from_json(fields["upload"])})
        except (KeyError, TypeError, ValueError) as error:
            raise Transient(Reason.STORAGE, f"{RECORDS}/{name} is not a mark: {error}. Remove that blob.") from error
        return StoredMark(mark, name, str(download.properties.etag))

    def remove(self, stored: StoredMark) -> None:
        """Remove a mark, unless it was renewed since."""
        with storage_errors(f"removing {RECORDS}/{stored.name}"):
            try:
                self._service.get_blob_client(RECORDS, stored.name).delete_blob(
                    etag=stored.etag, match_condition=MatchConditions.IfNotModified
                )
            except HttpResponseError as error:
                if code_of(error) not in ("BlobNotFound", "ConditionNotMet"):
                    raise
