"""One picture onto one item, as the item's record decides: compare, claim, PATCH, confirm."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

from shared import item_record, naming
from shared.business_central import BusinessCentral, Item
from shared.errors import Failure, Reason, Transient
from shared.item_record import BEGIN_WITHIN, ItemRecord, Known, Reading, Step, Upload
from shared.moves import Mover
from shared.records import ItemRecords
from shared.storage import PictureStorage, Source
from shared.telemetry import Outcome, Report
from shared.transport import Gate

_HOLD_FOR = 5.0  # seconds that an upload waits for another one of its item
_HOLD_STEP = 0.5  # seconds between two looks
_STEPS_MAX = 30  # of one upload; more, and others change the record all the time


@dataclass(frozen=True)
class Job:
    """What is to be placed: ``picture`` is what came of ``source``, ``upload`` how the record names it."""

    item: Item
    source: Source
    upload: Upload
    picture: bytes
    report: Report


@dataclass(frozen=True)
class Placement:
    """Places pictures; one per process, safe to use from threads."""

    business_central: BusinessCentral
    storage: PictureStorage
    records: ItemRecords
    mover: Mover
    gate: Gate
    keep_existing: bool

    def place(self, job: Job, read: Reading) -> Outcome:
        """Bring the picture onto the item, if it is the newest; ``read`` is the item's record.

        The answer is ``waiting`` where the picture is on the item, but a write without an answer could still replace it.

        Raises:
            Transient: another upload is being written, or what ``BusinessCentral.upload_picture`` and storage raise.
        """
        read = _numbered(read, job.item)
        known, shown, held = Known(), None, 0.0
        for _ in range(_STEPS_MAX):
            written: Reading | None = None
            match read.next_step(job.upload, known):
                case Step.MOVE:
                    return Outcome(read.record.outcome or Outcome.UPDATED)
                case Step.SETTLE:
                    return Outcome.WAITING
                case Step.SUPERSEDED:
                    return Outcome.SUPERSEDED
                case Step.LOOK:
                    known = replace(known, is_current=self.storage.is_current(job.source))
                    continue
                case Step.COMPARE:
                    shown = self._shown(job)
                    known = replace(known, shown=_sha256(shown))
                    continue
                case Step.HOLD:
                    held = self._hold(held)
                case Step.ADVANCE:
                    written = self._change(job, read, read.advanced(job.upload, known))
                case Step.WRITE:
                    written = self._write(job, read, shown)
            read, known, shown = written or self._read(job), Known(), None
        raise Transient(
            Reason.ITEM_BUSY, f"The record of item {job.item.number} changes faster than it can be read."
        )

    def _hold(self, held: float) -> float:
        if held >= _HOLD_FOR:
            raise Transient(
                Reason.ITEM_BUSY, "Another upload for this item is being written; this one comes after it."
            )
        self.gate.pause(_HOLD_STEP)
        return held + _HOLD_STEP

    def _write(self, job: Job, read: Reading, shown: bytes | None) -> Reading | None:
        """Claim the item, PATCH, confirm; None where somebody else changed the record meanwhile.

        ``shown`` is what BC shows, if that was asked.
        """
        begin_by = self.gate.clock() + BEGIN_WITHIN
        claimed = self._change(job, read, read.claimed(job.upload, uuid4().hex))
        if claimed is None:
            return None
        with self._undoing(job, claimed):
            is_there = self._keep(job, read, shown)
        if is_there:
            return self._confirm(job, claimed, Outcome.UNCHANGED)
        if self.gate.clock() > begin_by:  # what BC had took long to save: the claim must be young again
            begin_by = self.gate.clock() + BEGIN_WITHIN
            claimed = self._change(job, claimed, claimed.record)
            if claimed is None:
                return None
        job.report.repeated |= read.has_tried(job.upload)
        with self._undoing(job, claimed):
            self.business_central.upload_picture(job.item, job.picture, job.report.upload_id, begin_by)
        return self._confirm(job, claimed, Outcome.UPDATED)

    def _confirm(self, job: Job, claimed: Reading, outcome: Outcome) -> Reading | None:
        return self._change(job, claimed, item_record.confirmed(claimed, job.upload, outcome))

    @contextmanager
    def _undoing(self, job: Job, claimed: Reading) -> Iterator[None]:
        """Give the claim back where the block fails; where nobody knows what BC does, leave a doubt in its place."""
        try:
            yield
        except Failure as failure:
            in_doubt = failure.reason is Reason.BC_NO_ANSWER
            after = item_record.doubted(claimed) if in_doubt else item_record.released(claimed.record)
            # Refused, this changes nothing: then somebody has taken the claim for a dead one, and doubts already.
            self._change(job, claimed, after)
            raise

    def _keep(self, job: Job, read: Reading, shown: bytes | None) -> bool:
        """Save what is not ours before our picture replaces it; True where it is this very picture.

        So it is before our first upload to the item, and where somebody changed the picture while a doubt lasted.
        """
        if not self.keep_existing:
            return False
        if not read.record.on and job.item.has_picture is not False:
            shown = self._shown(job)  # now that nobody else writes
        if shown is None:
            return False
        digest = _sha256(shown)
        if digest == job.upload.picture_sha256:
            return True
        if shown and not read.has_written(digest):
            job.report.kept = self._save(job, shown, digest)
        return False

    def _save(self, job: Job, content: bytes, digest: str) -> str:
        company, number = job.item.company.name, job.item.number
        name = naming.before_name(company, number, content)
        story = {
            "outcome": "before",
            "company": company,
            "item_number": number,
            "item_id": job.item.id,
            "sha256": digest,
            "replaced_by": job.upload.name,
            "upload_id": job.report.upload_id,
        }
        self.mover.keep(naming.ARCHIVE, name, content, story)
        return f"{naming.ARCHIVE}/{name}"

    def _shown(self, job: Job) -> bytes:
        return self.business_central.picture(job.item, job.report.upload_id)

    def _read(self, job: Job) -> Reading:
        return _numbered(self.records.read(job.item.company.id, job.item.id), job.item)

    def _change(self, job: Job, read: Reading, record: ItemRecord) -> Reading | None:
        return self.records.write(job.item.company.id, job.item.id, read, record)


def _numbered(read: Reading, item: Item) -> Reading:
    """Have the next change note the item's number: by id it is not asked for again, and it may have been renamed."""
    return replace(read, record=replace(read.record, number=item.number))


def upload_of(source: Source, picture: bytes) -> Upload:
    """Return what the record keeps of ``source``, of which ``picture`` was rendered."""
    return Upload(source.name, source.etag, source.uploaded_at, source.is_replay, _sha256(picture))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
