"""Puts one picture onto one item, as the item's record decides: compare, claim, PATCH, confirm."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
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
_LOOK_LASTS = 5.0  # seconds after which somebody may have changed by hand what we saw in BC


@dataclass(frozen=True)
class PlacementJob:
    """One picture to place: ``picture`` is rendered from ``source``, ``upload`` is its entry in the record."""

    item: Item
    source: Source
    upload: Upload
    picture: bytes
    report: Report


@dataclass(frozen=True)
class _Shown:
    """Holds the picture that BC showed, empty if there was none, and when that was (throttle's clock)."""

    content: bytes
    at: float


@dataclass(frozen=True)
class _Claim:
    """Holds the record with our claim; what needs the claim begins by ``begin_by`` (throttle's clock)."""

    stored: StoredRecord
    begin_by: float


class _Overtaken(Exception):
    """Another worker has changed the record since we read or wrote it."""


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
        observed, waited = Observed(), 0.0
        shown: _Shown | None = None
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
                    shown = _Shown(self._bc_picture(job), self.throttle.clock())
                    observed = replace(observed, picture_sha256=_sha256(shown.content))
                    continue
                case Step.WAIT:
                    waited = self._wait(waited)
                case Step.ADOPT:
                    changed = self._change(job, stored, stored.adopted(job.upload, observed))
                case Step.WRITE:
                    changed = self._write_in_turn(job, stored, shown, give_up_at)
            stored, observed, shown = changed or self._read(job), Observed(), None
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
        self, job: PlacementJob, stored: StoredRecord, shown: _Shown | None, give_up_at: float
    ) -> StoredRecord | None:
        """Write once BC is likely to accept the request; if it refuses all the same, wait again without a claim.

        Returns None if the record has changed meanwhile, or has to be read again.
        """
        if not self.throttle.wait_turn(give_up_at - self.throttle.clock()):
            raise Throttled(Reason.BC_UNAVAILABLE, _REFUSING)
        try:
            return self._write(job, stored, shown)
        except _Overtaken:
            return None
        except Throttled:
            if self.throttle.clock() >= give_up_at:
                raise
            return None

    def _write(self, job: PlacementJob, stored: StoredRecord, shown: _Shown | None) -> StoredRecord | None:
        """Claim the item, PATCH, confirm; ``shown`` is what BC showed, None if we have not asked.

        Returns None if another worker changed the record after the PATCH.

        Raises:
            _Overtaken: another worker changed it before.
        """
        claim = self._claimed(job, stored, stored.claimed(job.upload, uuid4().hex))
        with self._held(job, claim) as claim:
            content = self._picture_to_replace(job, stored, shown, claim.begin_by)
        if content is not None and _sha256(content) == job.upload.picture_sha256:
            return self._confirm(job, claim, Outcome.UNCHANGED)
        # If asking took long, only a claim that can be renewed tells that nobody has taken over and written meanwhile.
        with self._held(job, claim) as claim:
            self._keep(job, stored, content)
        with self._held(job, claim) as claim:
            job.report.repeated |= stored.has_tried(job.upload)
            self.business_central.upload_picture(job.item, job.picture, job.report.upload_id, claim.begin_by)
        return self._confirm(job, claim, Outcome.UPDATED)

    def _claimed(self, job: PlacementJob, stored: StoredRecord, record: ItemRecord) -> _Claim:
        begin_by = self.throttle.clock() + BEGIN_WITHIN
        claimed = self._change(job, stored, record)
        if claimed is None:
            raise _Overtaken
        return _Claim(claimed, begin_by)

    @contextmanager
    def _held(self, job: PlacementJob, claim: _Claim) -> Iterator[_Claim]:
        """Hold a young claim for the block, the same or a renewed one, and give it back if the block fails.

        If BC may still act on it, a doubt takes its place.

        Raises:
            _Overtaken: the claim was no longer young, and another worker has changed the record.
        """
        if self.throttle.clock() > claim.begin_by:
            claim = self._claimed(job, claim.stored, claim.stored.record)
        try:
            yield claim
        except Failure as failure:
            in_doubt = failure.reason is Reason.BC_NO_ANSWER
            after = item_record.doubted(claim.stored) if in_doubt else item_record.released(claim.stored.record)
            # If refused, another worker has taken over and recorded the doubt.
            self._change(job, claim.stored, after)
            raise

    def _confirm(self, job: PlacementJob, claim: _Claim, outcome: Outcome) -> StoredRecord | None:
        return self._change(job, claim.stored, item_record.confirmed(claim.stored, job.upload, outcome))

    def _picture_to_replace(
        self, job: PlacementJob, stored: StoredRecord, shown: _Shown | None, begin_by: float
    ) -> bytes | None:
        """Return the bytes of the picture that BC shows, none if it shows none; None if it is ours as far as we know.

        It may be somebody else's at our first upload to an item, and where somebody changed the picture while a doubt
        lasted. If we looked a while ago, we look again: somebody may have put a picture there since.
        """
        if not self.keep_existing:
            return None
        if not stored.record.on:  # asked again even after a comparison: nobody else writes now
            was_empty = job.item.has_picture is False and not (shown and shown.content)
            shown = _Shown(b"", job.item.read_at if was_empty else -inf)
        if shown is None:
            return None
        if self.throttle.clock() - shown.at > _LOOK_LASTS:
            return self._bc_picture(job, begin_by)
        return shown.content

    def _keep(self, job: PlacementJob, stored: StoredRecord, content: bytes | None) -> None:
        """Save a picture that is not ours before we replace it; ``stored`` is the record before our claim."""
        if content and not stored.has_written(_sha256(content)):
            self.archive.keep_existing(content, job.upload.name, job.report)

    def _bc_picture(self, job: PlacementJob, begin_by: float = inf) -> bytes:
        return self.business_central.picture(job.item, job.report.upload_id, begin_by)

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
