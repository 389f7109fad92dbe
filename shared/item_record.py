"""Decides what an upload does next from its item's record, and how the record changes. Pure.

A lock would not help: a request to BC whose answer was lost may take effect minutes later, whoever holds the lock by
then. So the record is written only under the ETag it was read under, and it remembers a doubt for as long as such a
request can still take effect. All times are storage's.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

# An upload begins its PATCH within BEGIN_WITHIN of its claim and gives up about two minutes later. The worker behind an
# older claim is dead, or will find the record changed.
CLAIM_LIFE = timedelta(minutes=3)
BEGIN_WITHIN = 30.0  # seconds
# A PATCH begins within 30 s of its claim, after up to 25 s for its turn and a connection, and is given up within 120 s.
# BC queues it for at most 8 minutes and runs it for at most 8: after 18 min 55 s it has taken effect or never will.
DOUBT_LASTS = timedelta(minutes=20)


@dataclass(frozen=True)
class Upload:
    """Identifies an upload in the record: which blob, how new, and the hash of the picture rendered from it."""

    name: str
    etag: str
    uploaded_at: datetime
    is_replay: bool
    picture_sha256: str

    def is_same_as(self, other: "Upload") -> bool:
        """Whether both are the same upload, delivered again."""
        return (self.name, self.etag) == (other.name, other.etag)


@dataclass(frozen=True)
class Claim:
    """Marks the upload that is being written; ``nonce`` identifies its writer."""

    nonce: str
    upload: Upload


@dataclass(frozen=True)
class Doubt:
    """Lists the uploads whose unanswered write may still take effect, and until when."""

    until: datetime
    uploads: tuple[Upload, ...]


@dataclass(frozen=True)
class ItemRecord:
    """Holds what we know of one item: its number, the upload that is ``on`` it, and that upload's ``outcome``."""

    number: str
    on: Upload | None = None
    outcome: str | None = None
    claim: Claim | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True)
class Observed:
    """Collects what we learned since reading the record; None means that we have not looked yet.

    ``is_current``: the source is still the blob in incoming. ``picture_sha256``: the hash of what BC shows.
    """

    is_current: bool | None = None
    picture_sha256: str | None = None


class Step(StrEnum):
    """Names what an upload does next."""

    DONE = "done"  # it is on the item for good
    SUPERSEDED = "superseded"  # a newer one is on the item
    SETTLE = "settle"  # it is on the item, or a newer one is, but an unanswered write may still replace that
    WAIT = "wait"  # another upload is being written
    CHECK_SOURCE = "check_source"  # the newer of two is the one that is still in incoming
    COMPARE = "compare"  # BC may already show its picture
    ADOPT = "adopt"  # BC shows its picture: record that, without a PATCH
    WRITE = "write"  # claim the item, PATCH, confirm


@dataclass(frozen=True)
class StoredRecord:
    """A record as storage holds it under ``etag`` (None: not stored yet); all times are storage's."""

    record: ItemRecord
    etag: str | None
    written_at: datetime
    seen_at: datetime

    @property
    def effective_doubt(self) -> Doubt | None:
        """The doubt, over or not; a claim counts as one, since its worker may be dead."""
        if self.record.claim:
            uploads = {self.record.claim.upload, *_doubtful(self.record.doubt)}
            return Doubt(self.written_at + DOUBT_LASTS, tuple(sorted(uploads, key=_by_name)))
        return self.record.doubt

    @property
    def active_doubt(self) -> Doubt | None:
        """The doubt, unless it is over."""
        doubt = self.effective_doubt
        return doubt if doubt and self.seen_at < doubt.until else None

    def next_step(self, upload: Upload, observed: Observed) -> Step:
        """Return what ``upload`` does next."""
        if on := self.record.on:
            step = self._after_write(upload) if on.is_same_as(upload) else self._against(on, upload, observed)
            if step:
                return step
        if self.record.claim and self.seen_at - self.written_at < CLAIM_LIFE:
            return Step.WAIT
        if not self._bc_may_show(upload):
            return Step.WRITE
        if observed.picture_sha256 is None:
            return Step.COMPARE
        return Step.ADOPT if observed.picture_sha256 in self._accepted(upload) else Step.WRITE

    def claimed(self, upload: Upload, nonce: str) -> ItemRecord:
        """Return the record with ``upload`` about to be written.

        A doubt that is over stays until somebody has looked at its effect: this write may yet be refused.
        """
        return replace(self.record, claim=Claim(nonce, upload), doubt=self.effective_doubt)

    def adopted(self, upload: Upload, observed: Observed) -> ItemRecord:
        """Return the record with ``upload`` on the item, because BC already shows its picture."""
        on = replace(upload, picture_sha256=observed.picture_sha256 or upload.picture_sha256)
        return replace(self.record, on=on, outcome=self._outcome(upload), claim=None, doubt=self.active_doubt)

    def has_tried(self, upload: Upload) -> bool:
        """Whether ``upload`` was written before, with no known effect or replaced since."""
        return any(written.is_same_as(upload) for written in self._written)

    def has_written(self, picture_sha256: str) -> bool:
        """Whether the picture may be ours, as far as the record goes back."""
        return any(written.picture_sha256 == picture_sha256 for written in self._written)

    def _after_write(self, upload: Upload) -> Step | None:
        """Return what remains once ``upload`` is on the item; None if a doubt is over and we must ask BC.

        The claim of a newer upload does not hold this one back: its own source is still in incoming.
        """
        claim = self.record.claim
        if not self.record.doubt and not (claim and claim.upload.is_same_as(upload)):
            return Step.DONE
        return Step.SETTLE if self.active_doubt else None

    def _against(self, on: Upload, upload: Upload, observed: Observed) -> Step | None:
        """Return what the order decides; an upload is superseded only once the newer one is there for good."""
        step, doubt = _order(on, upload, observed), self.record.doubt
        return Step.SETTLE if step is Step.SUPERSEDED and doubt and self.seen_at < doubt.until else step

    def _outcome(self, upload: Upload) -> str | None:
        if self.record.on and self.record.on.is_same_as(upload):
            return self.record.outcome
        return "updated" if self.has_tried(upload) else "unchanged"

    def _accepted(self, upload: Upload) -> set[str]:
        """Return the hashes that count as this upload's picture; an earlier version of the app may have rendered it."""
        on = self.record.on
        return {upload.picture_sha256, on.picture_sha256} if on and on.is_same_as(upload) else {upload.picture_sha256}

    def _bc_may_show(self, upload: Upload) -> bool:
        return any(written.picture_sha256 in self._accepted(upload) for written in self._written)

    @property
    def _written(self) -> tuple[Upload, ...]:
        """The uploads that were written, or may have been, as far as the record goes back."""
        return (*_doubtful(self.effective_doubt), *((self.record.on,) if self.record.on else ()))


# How a writer changes the record after its claim.


def confirmed(claimed: StoredRecord, upload: Upload, outcome: str) -> ItemRecord:
    """Return the record with ``upload`` on the item; an earlier doubt survives unless it expired before this claim."""
    doubt = claimed.record.doubt
    survives = doubt and claimed.written_at < doubt.until
    return replace(claimed.record, on=upload, outcome=outcome, claim=None, doubt=doubt if survives else None)


def doubted(claimed: StoredRecord) -> ItemRecord:
    """Return the record after an unanswered write, which may or may not take effect."""
    return replace(claimed.record, claim=None, doubt=claimed.effective_doubt)


def released(claimed: ItemRecord) -> ItemRecord:
    """Return the record after a write that certainly had no effect."""
    return replace(claimed, claim=None)


def _doubtful(doubt: Doubt | None) -> tuple[Upload, ...]:
    return doubt.uploads if doubt else ()


def _by_name(upload: Upload) -> tuple[str, str]:
    return upload.name, upload.etag


def _order(on: Upload, upload: Upload, observed: Observed) -> Step | None:
    """Return what the order of two uploads decides; None if ``upload`` is the newer one.

    ``Last-Modified`` counts whole seconds. Within a second a replay loses, then the lesser name; of two
    uploads with the same name, the one in incoming wins.
    """
    ours, theirs = ((u.uploaded_at.replace(microsecond=0), not u.is_replay, u.name) for u in (upload, on))
    if ours != theirs:
        return Step.SUPERSEDED if ours < theirs else None
    if upload.is_replay:
        return Step.SUPERSEDED
    if observed.is_current is None:
        return Step.CHECK_SOURCE
    return None if observed.is_current else Step.SUPERSEDED
