"""One upload, from event to archive."""

import hashlib
import time
from dataclasses import dataclass
from uuid import uuid4

from shared import naming, telemetry
from shared.business_central import BusinessCentral, Item
from shared.config import Settings
from shared.errors import Permanent, Reason, Superseded
from shared.imaging import Picture, render
from shared.item_record import Reading
from shared.memory import MemoryGate
from shared.moves import Mover
from shared.naming import ItemKey, KeyKind
from shared.placement import Job, Placement, upload_of
from shared.records import ItemRecords
from shared.sources import check_bytes
from shared.storage import PictureStorage, Source
from shared.telemetry import Outcome, Report


@dataclass(frozen=True)
class Pipeline:
    """What one upload passes through; one per process, safe to use from threads."""

    settings: Settings
    storage: PictureStorage
    mover: Mover
    business_central: BusinessCentral
    records: ItemRecords
    placement: Placement
    memory: MemoryGate

    def process(self, container: str, name: str) -> Report:
        """Take the upload ``container``/``name`` as far as it goes; the report names the outcome.

        Raises:
            Transient: the same delivery may succeed later; the upload is still in incoming.
        """
        report = Report(name, str(uuid4()))
        started = time.perf_counter()
        try:
            self._take(container, name, report)
        except Superseded as failure:
            _end(report, Outcome.SUPERSEDED, failure.reason, failure.detail)
        except Exception as error:
            report.milliseconds = _milliseconds_since(started)
            telemetry.upload_failed(report, error)
            raise
        report.milliseconds = _milliseconds_since(started)
        telemetry.upload_finished(report)
        return report

    def _take(self, container: str, name: str, report: Report) -> None:
        if container != naming.INCOMING:
            # Event Grid ignores the trigger's path: a loose subscription would feed the archive back to us.
            raise Superseded(
                Reason.NOT_INCOMING, f"{container!r} is not {naming.INCOMING!r}: check the subscription."
            )
        source = None
        try:
            key = naming.parse_path(name, self.settings.templates)
            source = self._read(name, report)
            picture = self._render(source, report)
            item, read = self._resolve(key, report)
            job = Job(item, source, upload_of(source, picture.content), picture.content, report)
            outcome = self.placement.place(job, read)
        except Permanent as failure:
            self._set_aside(source or self.storage.look_at(name), failure, report)
        else:
            self._conclude(outcome, source, item, report)

    def _read(self, name: str, report: Report) -> Source:
        source = self.storage.read(name, self.settings.limits.max_bytes)
        report.etag, report.bytes_in = source.etag, source.size
        return source

    def _render(self, source: Source, report: Report) -> Picture:
        check_bytes(source.size, self.settings.limits)
        picture = render(source.content or b"", self.settings.rendition, self.settings.limits, self.memory)
        report.width, report.height, report.bytes_out = picture.width, picture.height, len(picture.content)
        report.content_type, report.quality = picture.content_type, picture.quality
        return picture

    def _resolve(self, key: ItemKey, report: Report) -> tuple[Item, Reading]:
        """Return the item and its record; what the record tells of an item is not asked of BC."""
        named = key.company or self.settings.business_central.company
        if not named:
            raise Permanent(Reason.COMPANY_NOT_FOUND, "The path names no company, and BC_COMPANY is not set.")
        company = self.business_central.company(named, report.upload_id)
        report.company = company.name
        read = self.records.read(company.id, key.value) if key.kind is KeyKind.ID else None
        if read and read.record.number:
            item = Item(company, key.value, read.record.number, None)
        else:
            item = self.business_central.item(company, key, report.upload_id)
        report.item_number, report.item_id, report.replaced = item.number, item.id, item.has_picture
        return item, read or self.records.read(company.id, item.id)

    def _conclude(self, outcome: Outcome, source: Source, item: Item, report: Report) -> None:
        if outcome is Outcome.WAITING:
            _leave(report, Reason.SETTLING, _SETTLING)
            return
        if outcome is Outcome.SUPERSEDED:
            _end(
                report,
                outcome,
                Reason.NEWER_UPLOAD,
                "A newer upload is on the item, or the one of which this is a replay.",
            )
        else:
            _end(report, outcome)
        name = naming.archive_name(
            item.company.name, item.number, source.name, source.etag, source.uploaded_at
        )
        # Gone or replaced by now: what became of this upload stands all the same, and the newer one has its own event.
        self.mover.move(source, naming.ARCHIVE, name, _story(source, report))
        report.moved_to = f"{naming.ARCHIVE}/{name}"

    def _set_aside(self, source: Source, failure: Permanent, report: Report) -> None:
        """Leave the upload in incoming where waiting can help, else move it to quarantine with the reason."""
        if failure.reason is Reason.BAD_PATH and source.is_directory_marker:
            failure = Permanent(Reason.IGNORED, f"{source.name!r} is an empty blob that stands for a folder.")
        if failure.reason.may_pass and source.seen_at - source.written_at < self.settings.item_wait:
            _leave(report, failure.reason, failure.detail)
            return
        _end(report, Outcome.QUARANTINED, failure.reason, failure.detail)
        name = naming.quarantine_name(failure.reason, source.name, source.etag)
        if not self.mover.move(
            source, naming.QUARANTINE, name, _story(source, report), _note(source, failure)
        ):
            raise Superseded(Reason.SOURCE_CHANGED, f"{source.name!r} was replaced or removed meanwhile.")
        report.moved_to = f"{naming.QUARANTINE}/{name}"


def _end(report: Report, outcome: Outcome, reason: Reason | None = None, detail: str | None = None) -> None:
    report.outcome, report.reason, report.detail = outcome, reason, detail


def _leave(report: Report, reason: Reason, detail: str) -> None:
    """End with the upload where it is, in incoming: it is to be taken up again."""
    _end(report, Outcome.WAITING, reason, detail)


_SETTLING = (
    "The picture is on the item. An earlier request to Business Central got no answer and may still take effect, so "
    "the upload is looked at again before it is archived."
)


def _story(source: Source, report: Report) -> dict[str, str | None]:
    """Return what the metadata of an archived or quarantined original tells."""
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


def _note(source: Source, failure: Permanent) -> str:
    return (
        f"This file could not become the picture of an item in Business Central.\n\n"
        f"File:      {source.name}\n"
        f"Uploaded:  {source.uploaded_at:%Y-%m-%d %H:%M:%S} UTC\n"
        f"Reason:    {failure.reason}\n\n"
        f"{failure.detail}\n\n"
        f"The original lies beside this note. Nothing else needs to be done here: upload a corrected picture as usual.\n"
    )


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
