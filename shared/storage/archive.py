"""Moves uploads to archive or quarantine, each with its name, metadata and note."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.errors import Permanent, Reason, Waiting
from shared.report import Outcome, Report
from shared.storage.moves import Mover
from shared.storage.names import ARCHIVE, QUARANTINE, archive_name, before_name, printable, quarantine_name
from shared.storage.settling_marks import SettlingMark
from shared.storage.uploads import Source


@dataclass(frozen=True)
class Archive:
    """Moves finished uploads to where they stay; one per process, safe to use from threads.

    Repeating a call is safe: the same upload always gets the same name.
    """

    mover: Mover

    def archive(self, source: Source, company: str, item_number: str, report: Report) -> None:
        """Move an upload to the archive, and note in ``report`` where it is.

        If it was replaced or removed meanwhile, its outcome stands and nothing is deleted; a newer one has its own
        event.
        """
        name = archive_name(company, item_number, source.name, source.etag, source.uploaded_at)
        is_prompt = source.age < _PROMPT and report.outcome in (Outcome.UPDATED, Outcome.UNCHANGED)
        place = self.mover.move(source, (ARCHIVE, name), _metadata(source, report), is_remembered=not is_prompt)
        report.moved_to = "/".join(place or (ARCHIVE, name))

    def keep_settling(self, source: Source, company: str, item_number: str, report: Report) -> None:
        """Copy an upload to the archive while it settles; ``archive`` or ``complete`` say later how it ended."""
        name = archive_name(company, item_number, source.name, source.etag, source.uploaded_at)
        settling = {**_metadata(source, report), "outcome": _SETTLING, "reason": Reason.SETTLING}
        self.mover.keep(source, (ARCHIVE, name), settling)

    def settling(self, mark: SettlingMark) -> Source | None:
        """Return the upload as ``keep_settling`` left it in the archive; None if it is not there."""
        upload = mark.upload
        name = archive_name(mark.company, mark.item_number, upload.name, upload.etag, upload.uploaded_at)
        source = self.mover.read_copy((ARCHIVE, name), upload.name, upload.etag)
        return replace(source, uploaded_at=upload.uploaded_at) if source else None

    def complete(self, mark: SettlingMark, source: Source | None, report: Report) -> bool:
        """Say in the metadata of what ``keep_settling`` left how the upload ended; note in ``report`` where that is.

        ``source`` is the upload if it is still in incoming and need not stay there; returns whether it has left.
        """
        upload = mark.upload
        wanted = ARCHIVE, archive_name(mark.company, mark.item_number, upload.name, upload.etag, upload.uploaded_at)
        changes = {"outcome": report.outcome, "reason": report.reason, "detail": report.detail}
        place = self.mover.complete(wanted, upload.name, upload.etag, changes)
        moved = self.mover.move(source, wanted, _metadata(source, report)) if source else None
        place = moved or place
        report.moved_to = "/".join(place) if place else None
        return moved is not None

    def quarantine(self, source: Source, failure: Permanent | Waiting, report: Report) -> bool:
        """Move an upload to quarantine with a note beside it, and note in ``report`` where it is.

        Returns False if the upload was replaced or removed meanwhile; nothing is deleted then.
        """
        name = quarantine_name(failure.reason, source.name, source.etag)
        note = _note(source.name, source.uploaded_at, failure, _MOVED)
        place = self.mover.move(source, (QUARANTINE, name), _metadata(source, report), note)
        if place:
            report.moved_to = "/".join(place)
        return place is not None

    def note_refusal(self, name: str, failure: Permanent | Waiting, report: Report) -> bool:
        """Write the note for an upload that we must not touch under its name, and leave the upload itself alone.

        Returns False if the note was there already.
        """
        metadata = {
            "outcome": report.outcome,
            "reason": report.reason,
            "source_name": name,
            "upload_id": report.upload_id,
        }
        note = _note(name, None, failure, "The file is still where you uploaded it. Remove it there.")
        note_name = f"{quarantine_name(failure.reason, name, '')}.txt"
        return self.mover.save(QUARANTINE, note_name, note.encode(), metadata)

    def keep_existing(self, content: bytes, replaced_by: str, report: Report) -> None:
        """Save BC's picture before the upload ``replaced_by`` replaces it, and note in ``report`` where it is."""
        name = before_name(str(report.company), str(report.item_number), content)
        metadata = {
            "outcome": "before",
            "company": report.company,
            "item_number": report.item_number,
            "item_id": report.item_id,
            "sha256": hashlib.sha256(content).hexdigest(),
            "replaced_by": replaced_by,
            "upload_id": report.upload_id,
        }
        self.mover.save(ARCHIVE, name, content, metadata)
        report.kept = f"{ARCHIVE}/{name}"


def _metadata(source: Source, report: Report) -> dict[str, str | None]:
    return {
        "outcome": report.outcome,
        "reason": report.reason,
        "detail": report.detail,
        "company": report.company,
        "item_number": report.item_number,
        "item_id": report.item_id,
        "uploaded_at": source.uploaded_at.isoformat(),
        "sha256": hashlib.sha256(source.content).hexdigest() if source.content is not None else None,
        "upload_id": report.upload_id,
    }


def _note(name: str, uploaded_at: datetime | None, failure: Permanent | Waiting, what_now: str) -> str:
    uploaded = f"Uploaded:  {uploaded_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC\n" if uploaded_at else ""
    return (
        f"This file could not become an item's picture in Business Central.\n\n"
        f"File:      {_one_line(name)}\n"
        f"{uploaded}"
        f"Reason:    {failure.reason}\n\n"
        f"{_one_line(failure.detail)}\n\n"
        f"{what_now}\n"
    )


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")  # a name must not forge a line of the note


_SETTLING = Outcome.WAITING
# An upload as young as this has not been elsewhere: nobody corrects an item or the app within a minute.
_PROMPT = timedelta(minutes=1)
_MOVED = (
    "Your original is next to this note; you can leave both here. Once the cause is fixed, upload the picture again."
)
