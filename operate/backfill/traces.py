"""Finds out where an upload is and how it ended, from what the app leaves in storage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from operate.manifest import Row, State
from shared.errors import Kind, Reason, Superseded
from shared.report import Outcome
from shared.storage.names import ARCHIVE, QUARANTINE, archive_name, quarantine_name, unquoted_etag
from shared.storage.originals import Original, Originals, original_of
from shared.storage.uploads import PictureStorage

# What may end in quarantine; in the order in which it happens most.
REASONS = (
    *(reason for reason in Reason if reason.kind is Kind.PERMANENT and reason is not Reason.IGNORED),
    Reason.ITEM_NOT_FOUND,
    Reason.REJECTED,
    Reason.UNFINISHED,
)
_ENDED = {
    Outcome.UPDATED: State.UPDATED,
    Outcome.UNCHANGED: State.UNCHANGED,
    Outcome.SUPERSEDED: State.SUPERSEDED,
    Outcome.WAITING: State.WAITING,  # its picture is on the item, and an earlier request may still replace it
}
_NO_TRACE = (
    "it has left product-images, and neither archive nor quarantine has it: item-pictures status shows what BC has"
)


@dataclass(frozen=True)
class Traces:
    """Looks uploads up; safe to use from threads."""

    pictures: PictureStorage
    originals: Originals

    def ended(self, row: Row) -> tuple[State, str]:
        """Return how an upload that has left incoming ended: one request for most, a few for quarantined ones."""
        uploaded_at = datetime.fromisoformat(row.time)
        archived = self._at(ARCHIVE, archive_name(row.company, row.item, row.blob, row.etag, uploaded_at))
        if archived:
            return _state_of(archived)
        for reason in REASONS:
            if quarantined := self._at(QUARANTINE, quarantine_name(reason, row.blob, row.etag)):
                return _state_of(quarantined)
        return State.UPLOADED, _NO_TRACE

    def search(self, row: Row, sha256: str, since: datetime) -> tuple[State, str] | None:
        """Return how an upload ended whose answer was lost: by name, bytes and time; None if it never arrived.

        What the app refused unread, for its size, has no hash: there name and time must do.
        """
        for original in self._candidates(row):
            uploaded_at = original.uploaded_at
            is_it = original.source_name == row.blob and original.value("sha256") in (sha256, "")
            if is_it and uploaded_at and uploaded_at >= since:
                row.etag, row.time = unquoted_etag(original.value("source_etag")), uploaded_at.isoformat()
                return _state_of(original)
        return None

    def _candidates(self, row: Row) -> Iterator[Original]:
        any_time = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        folder = archive_name(row.company, row.item, row.blob, "", any_time).rpartition("/")[0]
        yield from self.originals.all(ARCHIVE, f"{folder}/")
        for reason in REASONS:
            yield from self.originals.all(QUARANTINE, f"{quarantine_name(reason, row.blob, '').rpartition('~')[0]}~")

    def _at(self, container: str, name: str) -> Original | None:
        try:
            return original_of(self.pictures.look_at(name, container))
        except Superseded:  # nothing is there
            return None


def _state_of(original: Original) -> tuple[State, str]:
    reason, detail = original.value("reason"), original.value("detail")
    if original.container == QUARANTINE:
        return State.QUARANTINED, ": ".join(part for part in (reason, detail) if part)
    return _ENDED.get(Outcome(original.value("outcome")), State.UPLOADED), reason
