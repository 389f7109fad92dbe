"""Tells the whole story of one item or one file: uploads, record, originals, and what BC shows now."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from operate import replays
from operate.backfill import gtins
from operate.companies import company_of
from operate.connection import Connection
from operate.errors import Problem
from operate.incoming import Incoming, Known
from shared.business_central.companies import Company
from shared.business_central.items import FoundItem, Item
from shared.errors import Permanent, Waiting
from shared.item_record import StoredRecord
from shared.paths import NUMBER_MAX, ItemKey, KeyKind, as_code, fold_company, guid_of, parse_path
from shared.storage.errors import storage_errors
from shared.storage.names import ARCHIVE, QUARANTINE, archive_name
from shared.storage.originals import Original
from shared.storage.uploads import keep_date, metadata_of, time_of

_GTIN_DIGITS = range(8, 15)


@dataclass(frozen=True)
class Shown:
    """What BC shows for an item now; ``is_ours``: it is what the record says, None without a record."""

    content: bytes
    is_ours: bool | None


@dataclass(frozen=True)
class Story:
    """Everything that is known; ``file`` is the one that was asked for, ``item`` None if it means none.

    ``problem`` says why there is no item.
    """

    file: str | None
    item: Item | None
    problem: str
    incoming: list[Known]
    record: StoredRecord | None
    archived: list[Original]
    quarantined: list[Original]
    shown: Shown | None


class Stories:
    """Finds stories; ``company`` is the one in which items are looked for."""

    def __init__(self, connection: Connection, company: str | None) -> None:
        self._connection, self._company = connection, company
        self._bc = connection.business_central
        self._incoming = Incoming(connection.blobs, self._bc, connection.installation.settings)
        self._id = str(uuid4())

    def find(self, name: str, *, as_item: bool, as_file: bool) -> Story:
        """Return the story of an item's number, id or GTIN, or of a file as it was uploaded.

        Raises:
            Problem: it is neither, or both.
            Failure: storage or BC did not answer.
        """
        file = None if as_item else self._file(name)
        item = None if as_file else self._item(name, must_have_company=as_item)
        if file and item:
            raise Problem(f"{name!r} is an item, and a file of that name is there. Add --item or --file.")
        if file:
            return file
        if item:
            return self._of_item(item)
        where = "an item" if as_item else "a file" if as_file else "an item or a file"
        raise Problem(f"{name!r} is not {where} that {self._where()} knows. Files are named as they were uploaded.")

    def _where(self) -> str:
        return f"the company {self._company!r}" if self._company else "storage"

    def _item(self, name: str, *, must_have_company: bool) -> FoundItem | None:
        if not self._company:
            if must_have_company:
                raise Problem("Name the item's company with --company; there is no default (BC_COMPANY).")
            return None
        company = self._bc.company(self._company, self._id)
        for keys in _keys(name):
            found = self._bc.items(company, keys, self._id) or []
            if len(found) > 1:
                numbers = " and ".join(repr(each.item.number) for each in found)
                raise Problem(f"Several items have the GTIN {name}: {numbers}. Ask for one of these numbers.")
            if found:
                return found[0]
        return None

    def _of_item(self, found: FoundItem) -> Story:
        item = found.item
        record = self._connection.records.read(item.company.id, item.id)
        return Story(
            file=None,
            item=item,
            problem="",
            incoming=[known for known in self._incoming.all() if self._means(known.upload.name, found)],
            record=record if record.etag else None,
            archived=self._archived(item),
            quarantined=[
                each for each in self._connection.originals.all(QUARANTINE) if self._means(each.source_name, found)
            ],
            shown=self._shown(item, record),
        )

    def _file(self, name: str) -> Story | None:
        """Return the story of a file; None if nothing of that name is or was there."""
        incoming = list(self._incoming.of(name))
        quarantined = replays.in_quarantine(self._connection.originals, name)
        story = Story(name, None, "", incoming, None, [], quarantined, None)
        try:
            key = parse_path(name, self._connection.installation.settings.templates)
            company = company_of(self._bc, key, self._connection.installation.company or None, self._id)
            item = self._bc.item(company, key, self._id)
        except (Permanent, Waiting) as failure:
            return replace(story, problem=failure.detail) if incoming or quarantined else None
        record = self._connection.records.read(item.company.id, item.id)
        archived = [each for each in self._archived(item) if each.source_name == name]
        if not (incoming or quarantined or archived):
            return None
        stored = record if record.etag else None
        return replace(story, item=item, archived=archived, record=stored, shown=self._shown(item, record))

    def _archived(self, item: Item) -> list[Original]:
        """Return what is in the archive for an item, the oldest first; also what BC had before."""
        folder = archive_name(item.company.name, item.number, "", "", datetime.now(UTC)).rpartition("/")[0] + "/"
        dates: list[str] = []
        container = self._connection.blobs.get_container_client(ARCHIVE)
        with storage_errors(f"listing {ARCHIVE}/{folder}"):
            listed = container.list_blobs(folder, include=["metadata"], raw_response_hook=keep_date(dates))
            found = [Original(ARCHIVE, b.name, time_of(dates) - b.last_modified, metadata_of(b)) for b in listed]
        ours = [each for each in found if each.uploaded_at or each.is_before]
        return sorted(ours, key=lambda each: each.age, reverse=True)

    def _shown(self, item: Item, record: StoredRecord) -> Shown | None:
        content = self._bc.picture(item, self._id)
        if not content:
            return None
        on = record.record.on
        return Shown(content, on.picture_sha256 == hashlib.sha256(content).hexdigest() if on else None)

    def _means(self, name: str, found: FoundItem) -> bool:
        """Whether a file's path means this item."""
        try:
            key = parse_path(name, self._connection.installation.settings.templates)
        except Permanent:
            return False
        named = key.company or self._connection.installation.company
        return bool(named) and _is_called(found.item.company, named) and _is_key_of(key, found)


def _keys(name: str) -> Sequence[Sequence[ItemKey]]:
    """Return what ``name`` may identify an item by, in turn: an id alone if it is one; a GTIN at any of its lengths."""
    if guid := guid_of(name):
        return [[ItemKey(None, KeyKind.ID, guid)]]
    number = as_code(unicodedata.normalize("NFC", name))  # macOS types decomposed letters
    by_number = [ItemKey(None, KeyKind.NUMBER, number)] if 0 < len(number) <= NUMBER_MAX else []
    by_gtin = [ItemKey(None, KeyKind.GTIN, form) for form in gtins.forms(number) or _digits(number)]
    return [keys for keys in (by_number, by_gtin) if keys]


def _digits(text: str) -> list[str]:
    return [text] if text.isascii() and text.isdigit() and len(text) in _GTIN_DIGITS else []


def _is_called(company: Company, name: str) -> bool:
    if guid := guid_of(name):
        return guid == company.id
    return fold_company(name) in (fold_company(company.name), fold_company(company.display_name))


def _is_key_of(key: ItemKey, found: FoundItem) -> bool:
    values = {KeyKind.ID: found.item.id, KeyKind.NUMBER: as_code(found.item.number), KeyKind.GTIN: found.gtin}
    return values[key.kind] == key.value
