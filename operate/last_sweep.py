"""Reads when the last sweep ended, without disturbing the one that may be running."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from shared.storage import sweep_states
from shared.storage.errors import code_of, storage_errors
from shared.storage.names import RECORDS, sweep_state_name
from shared.storage.uploads import keep_date, time_of


@dataclass(frozen=True)
class LastSweep:
    """When the last sweep ended, None if none ever has; by storage's clock."""

    ended_at: datetime | None
    seen_at: datetime | None

    @property
    def age(self) -> timedelta | None:
        """The time since then."""
        return self.seen_at - self.ended_at if self.seen_at and self.ended_at else None


def read(service: BlobServiceClient, environment: str) -> LastSweep:
    """Return when the last sweep of a BC environment ended.

    Raises:
        Transient: ``storage``.
    """
    blob, dates = service.get_blob_client(RECORDS, sweep_state_name(environment)), list[str]()
    with storage_errors(f"reading {RECORDS}/{blob.blob_name}"):
        try:
            text = blob.download_blob(raw_response_hook=keep_date(dates), decompress=False).readall()
        except HttpResponseError as error:
            if code_of(error) != "BlobNotFound":
                raise
            return LastSweep(None, None)
    return LastSweep(sweep_states.from_json(text).ended_at, time_of(dates))
