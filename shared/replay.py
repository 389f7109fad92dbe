"""Puts originals back into incoming, from quarantine or from the archive, so that the app takes them up again.

Copy, verify, delete: the original is in at least one place at every moment, and repeating an interrupted replay
completes it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import uuid4

from shared.business_central.client import BusinessCentral
from shared.errors import Permanent, Reason, Superseded, Transient, Waiting
from shared.paths import PathTemplate, fold_company, parse_path
from shared.report import Outcome
from shared.storage.moves import Mover
from shared.storage.names import (
    ARCHIVE,
    INCOMING,
    QUARANTINE,
    archive_folder,
    encode_metadata,
    unquoted_etag,
)
from shared.storage.originals import Original, Originals, original_of
from shared.storage.records import ItemRecords
from shared.storage.uploads import PictureStorage, Source

_MARKS = ("source_name", "source_etag")  # what a copy of ours always has
_REPLAY_MARKS = (*_MARKS, "uploaded_at", "upload_id")  # what makes it a replay, with the original's time
_ON_AN_ITEM = (Outcome.UPDATED, Outcome.UNCHANGED)


class ReplayRefused(Exception):
    """This original cannot be replayed now; nothing has changed, and the message says what to do."""


@dataclass(frozen=True)
class Replay:
    """Lists originals and replays them; one per process."""

    storage: PictureStorage
    originals: Originals
    mover: Mover
    records: ItemRecords
    business_central: BusinessCentral
    templates: Sequence[PathTemplate]
    default_company: str | None

    def quarantined(
        self,
        reason: Reason | None = None,
        company: str | None = None,
        older_than: timedelta = timedelta.min,
        younger_than: timedelta = timedelta.max,
    ) -> Iterator[Original]:
        """Yield what is in quarantine, by the reason, the company as BC or the path spells it, and the age there."""
        wanted = fold_company(company) if company else None
        for original in self.originals.all(QUARANTINE, f"{reason}/" if reason else ""):
            if older_than <= original.age < younger_than and (wanted is None or wanted in self._companies(original)):
                yield original

    def archived(self, company: str, item_number: str | None = None) -> Iterator[Original]:
        """Yield what is in the archive for a company, or for one of its items, as BC spells them."""
        for original in self.originals.all(ARCHIVE, archive_folder(company)):
            if original.value("company") == company and item_number in (None, original.value("item_number")):
                yield original

    def newest(self, company: str) -> Iterator[Original]:
        """Yield for each item of ``company`` the archived original that is on it: the newest one.

        Raises:
            Waiting: ``company_not_found``.
        """
        name = self.business_central.company(company, str(uuid4())).name
        for _, originals in groupby(self.archived(name), key=lambda original: original.name.rpartition("/")[0]):
            yield from self._on_items(originals)

    def replay(self, container: str, name: str, *, as_new: bool = False) -> str:
        """Put an original back into incoming under its own name, which is returned.

        It counts as uploaded when it first was, so it does not replace a newer upload; ``as_new``: as uploaded now.

        Raises:
            ReplayRefused: there is a file of that name; this is not an original with a whole name; or, unless
                ``as_new``, it is the one on its item.
            Transient: storage or Business Central failed; repeating completes the replay.
        """
        source, original = self._to_replay(container, name, as_new=as_new)
        return self._put_back(source, original, self._marks(source, as_new=as_new))

    def rehearse(self, container: str, name: str, *, as_new: bool = False) -> str:
        """Return the name under which ``replay`` would put an original back now; changes nothing, raises as it does."""
        source, original = self._to_replay(container, name, as_new=as_new)
        self._has_copy(original.source_name, source, self._marks(source, as_new=as_new))
        return original.source_name

    def render_again(self, name: str) -> str:
        """Put an archived original that is on its item back, so that it is rendered with the settings of today.

        It counts as uploaded a second later than it was: newer than itself, and older than any later upload.

        Raises:
            ReplayRefused: as for ``replay``, or it is not on its item any more.
            Transient: as for ``replay``.
            Waiting: ``company_not_found``.
        """
        source, original = self._look_at(ARCHIVE, name)
        if not list(self._on_items([original])):
            raise ReplayRefused(f"{name!r} is not what is on the item: a newer upload is, or the item has no record.")
        marks = self._marks(source, as_new=False)
        later = datetime.fromisoformat(original.value("uploaded_at")) + timedelta(seconds=1)
        return self._put_back(source, original, marks | encode_metadata({"uploaded_at": later.isoformat()}))

    def _to_replay(self, container: str, name: str, *, as_new: bool) -> tuple[Source, Original]:
        """Return an original that can be replayed; refuses what would only lose against itself.

        The archive would then have no original under the ETag that the record names, and nothing to render again.
        """
        source, original = self._look_at(container, name)
        if not as_new and container == ARCHIVE and self._is_on_item(original):
            raise ReplayRefused(f"{container}/{name} {_ON_ITEM}")
        return source, original

    def _is_on_item(self, original: Original) -> bool:
        """Whether an original is on the item that its path means now; it may mean another one, or none."""
        request_id = str(uuid4())
        try:
            if not any(self._on_items([original])):
                return False
            key = parse_path(original.source_name, self.templates)
            company = self.business_central.company(key.company or self.default_company or "", request_id)
            item = self.business_central.item(company, key, request_id)
        except (Waiting, Permanent):
            return False
        return item.id == original.value("item_id")

    def _marks(self, source: Source, *, as_new: bool) -> dict[str, str]:
        """Return the metadata that make a copy a replay, or mark it as one that counts as new."""
        return {key: source.metadata[key] for key in (_MARKS if as_new else _REPLAY_MARKS)}

    def _companies(self, original: Original) -> set[str]:
        """Return how the original's company is spelt, in BC if it was asked, and in the path."""
        try:
            named = parse_path(original.source_name, self.templates).company or self.default_company
        except Permanent:
            named = None
        return {fold_company(spelling) for spelling in (original.value("company"), named) if spelling}

    def _on_items(self, originals: Iterable[Original]) -> Iterator[Original]:
        """Yield those of a folder's originals that are on their items, by the records."""
        # By item id: another item may have had the number before. Each record is read once, so what is rendered
        # meanwhile, and comes back into the folder, is not yielded again.
        on: dict[str, tuple[str, str] | None] = {}
        for original in originals:
            item_id = original.value("item_id")
            if original.value("outcome") not in _ON_AN_ITEM or not item_id:
                continue
            if item_id not in on:
                on[item_id] = self._on(original.value("company"), item_id)
            if on[item_id] == (original.source_name, original.value("source_etag")):
                yield original

    def _on(self, company: str, item_id: str) -> tuple[str, str] | None:
        """Return name and ETag of the upload that is on an item."""
        company_id = self.business_central.company(company, str(uuid4())).id
        on = self.records.read(company_id, item_id).record.on
        return (on.name, unquoted_etag(on.etag)) if on else None

    def _look_at(self, container: str, name: str) -> tuple[Source, Original]:
        """Return an original that can be replayed.

        Raises:
            ReplayRefused: it cannot.
        """
        try:
            source = self.storage.look_at(name, container)
        except Superseded as failure:
            raise ReplayRefused(f"{container}/{name} does not exist. Was it replayed before?") from failure
        original = original_of(source)
        if original.is_settling:
            raise ReplayRefused(f"{container}/{name} {_SETTLING}")
        if original.is_before:
            raise ReplayRefused(f"{container}/{name} {_BEFORE}")
        if container not in (ARCHIVE, QUARANTINE) or not original.uploaded_at:
            raise ReplayRefused(f"{container}/{name} is not an original that this app has moved.")
        if not original.has_whole_name:
            raise ReplayRefused(f"{container}/{name} {_NAME_UNKNOWN}")
        return source, original

    def _put_back(self, source: Source, original: Original, marks: Mapping[str, str]) -> str:
        """Copy, verify, and remove the original with its note."""
        name = original.source_name
        if not self._has_copy(name, source, marks):
            self._copy(source, name, marks)
            if not self._has_copy(name, source, marks):
                raise Transient(Reason.STORAGE, f"The copy in {INCOMING} was taken up at once. {_REPEAT}")
        # The note first: what is interrupted here is found and completed by the original.
        self._remove_note(source)
        if not self.mover.delete(source):
            raise Transient(Reason.STORAGE, f"{source.container}/{source.name} was changed meanwhile and stays there.")
        return name

    def _copy(self, source: Source, name: str, marks: Mapping[str, str]) -> None:
        try:
            is_copied = self.mover.copy(source, INCOMING, name, marks)
        except Transient:
            self._has_copy(name, source, marks)  # raises if somebody has uploaded a file meanwhile
            raise
        if not is_copied:
            raise ReplayRefused(f"{source.container}/{source.name} was changed or removed meanwhile.")

    def _has_copy(self, name: str, source: Source, marks: Mapping[str, str]) -> bool:
        """Return whether our copy is in incoming, whole.

        Raises:
            ReplayRefused: another file is there.
        """
        try:
            existing = self.storage.look_at(name)
        except Superseded:
            return False
        if existing.metadata != marks or existing.size != source.size:
            raise ReplayRefused(f"A file of that name is in {INCOMING}: {name!r}. Let it be taken up, or remove it.")
        return True

    def _remove_note(self, source: Source) -> None:
        try:
            note = self.storage.look_at(f"{source.name}.txt", source.container)
        except Superseded:
            return
        if all(note.metadata.get(key) == source.metadata[key] for key in _MARKS):
            self.mover.delete(note)


_BEFORE = (
    "is what Business Central showed before the first upload, and no upload itself. Download it, and upload it under a "
    "path of the item."
)
_ON_ITEM = (
    "is the picture on its item, by the item's record: a replay would change nothing. To have it written to Business "
    "Central again, let it count as new (--as-new, as_new=True)."
)
_SETTLING = (
    "settles: an earlier request to Business Central may still replace it on its item. After 20 minutes at most, the "
    "next sweep sees to that."
)
_NAME_UNKNOWN = (
    "cannot be replayed under its own name: the metadata do not have it in full (more than 1 KiB, percent-encoded), or "
    "the blob was renamed. Download it, and upload it under its path; a note in quarantine has the name in full."
)
_REPEAT = "The original stays where it is. Look for its copy in the archive before you repeat the replay."
