"""Puts one picture onto one item, as the item's record decides: compare, claim, PATCH, confirm."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

from shared import item_record
from shared.business_central.client import BusinessCentral
from shared.business_central.items import Item
from shared.business_central.retries import TURN_WITHIN, Throttle
from shared.errors import Failure, Reason, Throttled, Waiting
from shared.item_record import BEGIN_WITHIN, ItemRecord, Observed, Step, StoredRecord, Upload
from shared.report import Outcome, Report
from shared.storage.archive import Archive
from shared.storage.records import ItemRecords
from shared.storage.settling_marks import SettlingMark, SettlingMarks
from shared.storage.uploads import PictureStorage, Source

_WAIT_MAX = 60.0  # seconds to wait for another upload of the same item
_STEP_MIN, _STEP_MAX = 0.5, 4.0  # seconds between two looks: the first, and the longest
_STEPS_MAX = 60  # steps of one upload; if it takes more, others keep changing the record


@dataclass(frozen=True)
class PlacementJob:
    """One picture to place: ``picture`` is rendered from ``source``, ``upload`` is its entry in the record."""

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
    archive: Archive
    throttle: Throttle
    keep_existing: bool
    marks: SettlingMarks

    def place(self, job: PlacementJob, stored: StoredRecord) -> Outcome:
        """Put the picture onto the item if it is the newest; ``stored`` is the item's record.

        Returns ``waiting`` if it, or a newer one, is on the item but an unanswered write could still replace that. The
        original is in the archive by then.

        Raises:
            Waiting: ``item_busy``, another upload is being written; or as ``BusinessCentral.upload_picture`` raises.
            Transient: as ``BusinessCentral.upload_picture`` and storage raise.
        """
        give_up_at = self.throttle.clock() + TURN_WITHIN
        observed, content, waited = Observed(), None, 0.0
        for _ in range(_STEPS_MAX):
            changed: StoredRecord | None = None
            match stored.next_step(job.upload, observed):
                case Step.DONE | Step.SUPERSEDED as step:
                    # Under this number another delivery may have archived it; the item may have another one by now.
                    job.report.item_number = stored.record.number or job.item.number
                    was = Outcome(stored.record.outcome or Outcome.UPDATED)
                    return Outcome.SUPERSEDED if step is Step.SUPERSEDED else was
                case Step.SETTLE:
                    self._keep_settling(job)
                    return Outcome.WAITING
                case Step.CHECK_SOURCE:
                    observed = replace(observed, is_current=self.storage.is_current(job.source))
                    continue
                case Step.COMPARE:
                    content = self._bc_picture(job)
                    observed = replace(observed, picture_sha256=_sha256(content))
                    continue
                case Step.WAIT:
                    waited = self._wait(waited)
                case Step.ADOPT:
                    changed = self._change(job, stored, stored.adopted(job.upload, observed))
                case Step.WRITE:
                    changed = self._write_in_turn(job, stored, content, give_up_at)
            stored, observed, content = changed or self._read(job), Observed(), None
        raise Waiting(
            Reason.ITEM_BUSY,
            f"Other uploads keep changing the record of item {job.item.number}. The next delivery tries again.",
        )

    def _wait(self, waited: float) -> float:
        if waited >= _WAIT_MAX:
            raise Waiting(
                Reason.ITEM_BUSY, "Another upload for this item is being written. The next delivery tries again."
            )
        step = min(max(waited, _STEP_MIN), _STEP_MAX, _WAIT_MAX - waited)
        self.throttle.sleep(step)
        return waited + step

    def _keep_settling(self, job: PlacementJob) -> None:
        """Copy the original to the archive, so that nobody can take the picture from the item by changing the source.

        The mark comes first: with it, the sweep looks after the item however far this gets.
        """
        company, number = job.item.company, job.item.number
        self.marks.put(SettlingMark(company.id, company.name, job.item.id, number, job.upload))
        self.archive.keep_settling(job.source, company.name, number, job.report)

    def _write_in_turn(
        self, job: PlacementJob, stored: StoredRecord, content: bytes | None, give_up_at: float
    ) -> StoredRecord | None:
        """Write once BC is likely to accept the request; if it refuses all the same, wait again without a claim."""
        if not self.throttle.wait_turn(give_up_at - self.throttle.clock()):
            raise Throttled(Reason.BC_UNAVAILABLE, _REFUSING)
        try:
            return self._write(job, stored, content)
        except Throttled:
            if self.throttle.clock() >= give_up_at:
                raise
            return None

    def _write(self, job: PlacementJob, stored: StoredRecord, content: bytes | None) -> StoredRecord | None:
        """Claim the item, PATCH, confirm; returns None if another worker changed the record meanwhile.

        ``content`` is what BC shows, None if we have not asked.
        """
        begin_by = self.throttle.clock() + BEGIN_WITHIN
        claimed = self._change(job, stored, stored.claimed(job.upload, uuid4().hex))
        if claimed is None:
            return None
        with self._claim_returned_on_failure(job, claimed):
            already_there = self._keep(job, stored, content)
        if already_there:
            return self._confirm(job, claimed, Outcome.UNCHANGED)
        if self.throttle.clock() > begin_by:  # saving took long, and a PATCH must follow a young claim
            begin_by = self.throttle.clock() + BEGIN_WITHIN
            claimed = self._change(job, claimed, claimed.record)
            if claimed is None:
                return None
        job.report.repeated |= stored.has_tried(job.upload)
        with self._claim_returned_on_failure(job, claimed):
            self.business_central.upload_picture(job.item, job.picture, job.report.upload_id, begin_by)
        return self._confirm(job, claimed, Outcome.UPDATED)

    def _confirm(self, job: PlacementJob, claimed: StoredRecord, outcome: Outcome) -> StoredRecord | None:
        return self._change(job, claimed, item_record.confirmed(claimed, job.upload, outcome))

    @contextmanager
    def _claim_returned_on_failure(self, job: PlacementJob, claimed: StoredRecord) -> Iterator[None]:
        """Give the claim back if the block fails; if BC may still act on it, leave a doubt in its place."""
        try:
            yield
        except Failure as failure:
            in_doubt = failure.reason is Reason.BC_NO_ANSWER
            after = item_record.doubted(claimed) if in_doubt else item_record.released(claimed.record)
            # If refused, another worker has taken over and recorded the doubt.
            self._change(job, claimed, after)
            raise

    def _keep(self, job: PlacementJob, stored: StoredRecord, content: bytes | None) -> bool:
        """Save a picture that is not ours before we replace it; returns True if it is the very picture to write.

        That can happen at our first upload to an item, and where somebody changed the picture while a doubt lasted.
        """
        if not self.keep_existing:
            return False
        if not stored.record.on and job.item.has_picture is not False:
            content = self._bc_picture(job)  # asked again: nobody else writes now
        if content is None:
            return False
        digest = _sha256(content)
        if digest == job.upload.picture_sha256:
            return True
        if content and not stored.has_written(digest):
            self.archive.keep_existing(content, job.upload.name, job.report)
        return False

    def _bc_picture(self, job: PlacementJob) -> bytes:
        return self.business_central.picture(job.item, job.report.upload_id)

    def _read(self, job: PlacementJob) -> StoredRecord:
        return self.records.read(job.item.company.id, job.item.id)

    def _change(self, job: PlacementJob, stored: StoredRecord, record: ItemRecord) -> StoredRecord | None:
        """Change the record, and its number, which an upload by id takes from there without asking BC.

        A renamed item has its former number there until an upload is written that has asked: one by number, or one
        that the sweep has looked up.
        """
        record = replace(record, number=job.item.number)
        return self.records.write(job.item.company.id, job.item.id, stored, record)


def record_entry(source: Source, picture: bytes) -> Upload:
    """Return how the record names ``source``, from which ``picture`` was rendered."""
    return Upload(source.name, source.etag, source.uploaded_at, source.is_replay, _sha256(picture))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_REFUSING = "Business Central has been refusing requests for minutes. The next delivery tries again."
