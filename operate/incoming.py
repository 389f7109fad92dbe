"""Says of each upload in incoming what it waits for: by storage and by BC, not by the log.

Only telemetry knows why an attempt failed. A file that should be on its item by now is called stuck, also where BC
rejects it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import uuid4

from azure.storage.blob import BlobServiceClient

from operate.companies import company_of
from shared.business_central import item_batches
from shared.business_central.client import BusinessCentral
from shared.business_central.item_batches import FoundItems
from shared.business_central.items import Item
from shared.config import Settings
from shared.errors import Permanent, Reason, Transient, Waiting
from shared.paths import ItemKey, fold_company, has_dot_segment, is_temporary, parse_path
from shared.storage.errors import storage_errors
from shared.storage.names import INCOMING, fingerprint, is_folder
from shared.storage.settling_marks import SettlingMarks
from shared.storage.uploads import keep_date, time_of

STUCK_AFTER = timedelta(hours=1)  # as the alert says it
_PAGE_SIZE = 2000  # blobs


class State(StrEnum):
    """What becomes of an upload that is still in incoming."""

    ARRIVING = "arriving"  # young: its event, or the next sweep, takes it up
    WAITING = "waiting"  # something in BC, or in the file, must change first
    SETTLING = "settling"  # on its item; an unanswered request may still take effect
    STUCK = "stuck"  # older than an hour: something fails, or BC rejects the picture
    UNKNOWN = "unknown"  # BC did not tell


@dataclass(frozen=True)
class Upload:
    """A blob in incoming, with its age by storage's clock."""

    name: str
    etag: str
    size: int
    age: timedelta


@dataclass(frozen=True)
class Known:
    """What is known of an upload: its state, the reason, and the item that it means if that is one."""

    upload: Upload
    state: State
    reason: Reason | None
    item: Item | None = None


@dataclass(frozen=True)
class Incoming:
    """Looks at incoming, page by page; any number of uploads costs the memory of one page."""

    service: BlobServiceClient
    business_central: BusinessCentral
    settings: Settings

    def all(self) -> Iterator[Known]:
        """Yield what is known of each upload, sorted by name within a page.

        Raises:
            Transient: ``storage``.
        """
        settling = self._settling()
        for page in self._pages(None):
            yield from self._known(page, settling)

    def of(self, name: str) -> Iterator[Known]:
        """Yield what is known of the upload with this name, nothing if there is none; raises as ``all``."""
        settling = self._settling()
        for page in self._pages(name):
            yield from self._known([upload for upload in page if upload.name == name], settling)

    def _settling(self) -> set[str]:
        """Return what stands for the uploads that settle."""
        marks = SettlingMarks(self.service, self.settings.business_central.environment)
        return {mark.name.rpartition("/")[2] for mark in marks.listed()}

    def _pages(self, prefix: str | None) -> Iterator[list[Upload]]:
        """Yield the uploads, page by page; folders of accounts with a hierarchical namespace are left out."""
        dates: list[str] = []
        container = self.service.get_container_client(INCOMING)
        with storage_errors(f"listing {INCOMING}"):
            listing = container.list_blobs(
                prefix, include=["metadata"], results_per_page=_PAGE_SIZE, raw_response_hook=keep_date(dates)
            )
            for page in listing.by_page():
                blobs = [blob for blob in page if not is_folder(blob.metadata)]
                now = time_of(dates)
                yield [Upload(b.name, str(b.etag), b.size, now - b.last_modified) for b in blobs]

    def _known(self, uploads: Sequence[Upload], settling: set[str]) -> Iterator[Known]:
        by_company: dict[str | None, list[tuple[ItemKey, Upload]]] = defaultdict(list)
        for upload in uploads:
            if early := self._without_asking(upload, settling):
                yield early
                continue
            key = parse_path(upload.name, self.settings.templates)
            by_company[self._spelling(key)].append((key, upload))
        for keyed in by_company.values():
            yield from self._in_company(keyed)

    def _spelling(self, key: ItemKey) -> str | None:
        named = key.company or self.settings.business_central.company
        return fold_company(named) if named else None

    def _without_asking(self, upload: Upload, settling: set[str]) -> Known | None:
        """Return what the upload alone tells, None if BC has to be asked."""
        if fingerprint(upload.name, upload.etag) in settling:
            return Known(upload, State.SETTLING, Reason.SETTLING)
        refusal = self._refusal(upload.name)
        looks_unfinished = upload.size == 0 or is_temporary(upload.name)
        if looks_unfinished and refusal is not Reason.IGNORED and upload.age < self.settings.unfinished_wait:
            return Known(upload, State.WAITING, Reason.UNFINISHED)
        if refusal:
            stays = has_dot_segment(upload.name)  # nobody can address it
            return Known(upload, State.WAITING if stays else _by_age(upload), refusal)
        return None

    def _refusal(self, name: str) -> Reason | None:
        """Return why no item can be meant by this name."""
        try:
            parse_path(name, self.settings.templates)
        except Permanent as failure:
            return failure.reason
        return None

    def _in_company(self, keyed: Sequence[tuple[ItemKey, Upload]]) -> Iterator[Known]:
        request_id, default = str(uuid4()), self.settings.business_central.company
        try:
            company = company_of(self.business_central, keyed[0][0], default, request_id)
            keys = [key for key, _ in keyed]
            told = item_batches.find_all(self.business_central, company, keys, request_id)
        except Waiting as failure:
            yield from (Known(upload, State.WAITING, failure.reason) for _, upload in keyed)
        except Transient as failure:
            yield from (Known(upload, State.UNKNOWN, failure.reason) for _, upload in keyed)
        else:
            yield from (_of_items(upload, key, told) for key, upload in keyed)


def _of_items(upload: Upload, key: ItemKey, told: FoundItems) -> Known:
    if key in told.unclear:
        return Known(upload, State.UNKNOWN, told.failure.reason if told.failure else None)
    found = told.items[key]
    if not found:
        return Known(upload, State.WAITING, Reason.ITEM_NOT_FOUND)
    if len(found) > 1:
        return Known(upload, _by_age(upload), Reason.ITEM_AMBIGUOUS)
    return Known(upload, _by_age(upload), None, found[0])


def _by_age(upload: Upload) -> State:
    return State.STUCK if upload.age > STUCK_AFTER else State.ARRIVING
