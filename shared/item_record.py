"""The item's record, the next step that it asks of an upload, and the changes that an upload makes to it. Pure.

No step is safe because of a lock: a request to BC whose answer was lost may take effect minutes later, whatever lock its
sender held. So the record is changed only under the ETag under which it was read, and it remembers a doubt for as long
as such a request can still take effect. Time is storage's.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

# An upload that claimed the item begins its PATCH within BEGIN_WITHIN and gives up waiting two minutes later. A claim
# older than this is a dead worker's, or one that would find its record changed.
CLAIM_LIFE = timedelta(minutes=3)
BEGIN_WITHIN = 30.0  # seconds
# BC queues a request for at most 8 minutes and runs it for at most 8. What begins within some 80 s of its claim, all
# waiting for a connection included, has happened or never will 20 minutes after the claim.
DOUBT_LASTS = timedelta(minutes=20)
_VERSION = 1
_OUTCOMES = (None, "updated", "unchanged")


@dataclass(frozen=True)
class Upload:
    """One upload, as the record keeps it: which it is, how new it is, and the hash of the picture that comes of it."""

    name: str
    etag: str
    uploaded_at: datetime
    is_replay: bool
    picture_sha256: str

    def is_same_as(self, other: "Upload") -> bool:
        """Whether both are one and the same upload, delivered again."""
        return (self.name, self.etag) == (other.name, other.etag)


@dataclass(frozen=True)
class Claim:
    """An upload that is being written; ``nonce`` tells its writer from all others."""

    nonce: str
    upload: Upload


@dataclass(frozen=True)
class Doubt:
    """Until then writes without an answer may still take effect; these are the uploads that were written so."""

    until: datetime
    uploads: tuple[Upload, ...]


@dataclass(frozen=True)
class ItemRecord:
    """One item: its number, the upload that is ``on`` it and the ``outcome`` with which it came there."""

    number: str
    on: Upload | None = None
    outcome: str | None = None
    claim: Claim | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True)
class Observed:
    """What was found out since the record was read; None where nobody has looked yet.

    ``is_current``: the source is still the blob in incoming. ``picture_sha256``: of what BC shows.
    """

    is_current: bool | None = None
    picture_sha256: str | None = None


class Step(StrEnum):
    """What an upload does next."""

    DONE = "done"  # it is on the item, for good
    SUPERSEDED = "superseded"  # a newer one is
    SETTLE = "settle"  # it is on the item, but a doubtful write may still replace it
    WAIT = "wait"  # another upload is being written
    CHECK_SOURCE = "check_source"  # which of two is newer is told by which is still in incoming
    COMPARE = "compare"  # BC may show its picture already
    ADOPT = "adopt"  # BC does
    WRITE = "write"


@dataclass(frozen=True)
class StoredRecord:
    """The record as it was read, or written, under its ``etag`` (None: there is none yet); times are storage's."""

    record: ItemRecord
    etag: str | None
    written_at: datetime
    seen_at: datetime

    @property
    def effective_doubt(self) -> Doubt | None:
        """The doubt, over or not; a dead worker's claim is one too."""
        if self.record.claim:
            uploads = {self.record.claim.upload, *_doubtful(self.record.doubt)}
            return Doubt(self.written_at + DOUBT_LASTS, tuple(sorted(uploads, key=_by_name)))
        return self.record.doubt

    @property
    def active_doubt(self) -> Doubt | None:
        """The doubt, if it is not over."""
        doubt = self.effective_doubt
        return doubt if doubt and self.seen_at < doubt.until else None

    def next_step(self, upload: Upload, observed: Observed) -> Step:
        """Return what ``upload`` does next."""
        if on := self.record.on:
            step = self._after_write(upload) if on.is_same_as(upload) else _order(on, upload, observed)
            if step:
                return step
        if self.record.claim and self.seen_at - self.written_at < CLAIM_LIFE:
            return Step.WAIT
        if not self._may_be_shown(upload):
            return Step.WRITE
        if observed.picture_sha256 is None:
            return Step.COMPARE
        return Step.ADOPT if observed.picture_sha256 in self._accepted(upload) else Step.WRITE

    def claimed(self, upload: Upload, nonce: str) -> ItemRecord:
        """Return the record with ``upload`` about to be written.

        A doubt stays also when it is over: nobody has looked yet what came of it, and this write may be refused.
        """
        return replace(self.record, claim=Claim(nonce, upload), doubt=self.effective_doubt)

    def adopted(self, upload: Upload, observed: Observed) -> ItemRecord:
        """Return the record with ``upload`` on the item, whose picture BC was found to show."""
        on = replace(upload, picture_sha256=observed.picture_sha256 or upload.picture_sha256)
        return replace(self.record, on=on, outcome=self._outcome(upload), claim=None, doubt=self.active_doubt)

    def has_tried(self, upload: Upload) -> bool:
        """Whether ``upload`` was written before: nobody knows what came of it, or something else has replaced it."""
        return any(one.is_same_as(upload) for one in self._written)

    def has_written(self, picture_sha256: str) -> bool:
        """Whether a picture may have come from us, as far as the record knows."""
        return any(one.picture_sha256 == picture_sha256 for one in self._written)

    def _after_write(self, upload: Upload) -> Step | None:
        """Return what is left once ``upload`` is on the item; None where a doubt is over, and BC has to be asked.

        The claim of a newer upload is no reason to stay: what comes of it is newer, and its source is in incoming.
        """
        claim = self.record.claim
        if not self.record.doubt and not (claim and claim.upload.is_same_as(upload)):
            return Step.DONE
        return Step.SETTLE if self.active_doubt else None

    def _outcome(self, upload: Upload) -> str | None:
        if self.record.on and self.record.on.is_same_as(upload):
            return self.record.outcome
        return "updated" if self.has_tried(upload) else "unchanged"

    def _accepted(self, upload: Upload) -> set[str]:
        """Return the hashes of what would do for ``upload``; what is on the item may be of an earlier version of us."""
        on = self.record.on
        return {upload.picture_sha256, on.picture_sha256} if on and on.is_same_as(upload) else {upload.picture_sha256}

    def _may_be_shown(self, upload: Upload) -> bool:
        return any(one.picture_sha256 in self._accepted(upload) for one in self._written)

    @property
    def _written(self) -> tuple[Upload, ...]:
        """What was written, or may have been, as far as the record goes back."""
        return (*_doubtful(self.effective_doubt), *((self.record.on,) if self.record.on else ()))


# The changes that a writer makes to the record that it has claimed.


def confirmed(claimed: StoredRecord, upload: Upload, outcome: str) -> ItemRecord:
    """Return the record with ``upload`` on the item; of an earlier doubt is left what was not over before the claim."""
    doubt = claimed.record.doubt
    is_left = doubt and claimed.written_at < doubt.until
    return replace(claimed.record, on=upload, outcome=outcome, claim=None, doubt=doubt if is_left else None)


def doubted(claimed: StoredRecord) -> ItemRecord:
    """Return the record after a write without a definite answer: nobody knows whether and when it takes effect."""
    return replace(claimed.record, claim=None, doubt=claimed.effective_doubt)


def released(claimed: ItemRecord) -> ItemRecord:
    """Return the record after a write that surely had no effect."""
    return replace(claimed, claim=None)


def _doubtful(doubt: Doubt | None) -> tuple[Upload, ...]:
    return doubt.uploads if doubt else ()


def _by_name(upload: Upload) -> tuple[str, str]:
    return upload.name, upload.etag


def _order(on: Upload, upload: Upload, observed: Observed) -> Step | None:
    """Return what the order of two uploads decides; None where ``upload`` is the newer one.

    ``Last-Modified`` has whole seconds. Within one, a replay gives way, then names decide; of one name, the blob that
    is in incoming now.
    """
    ours, theirs = ((one.uploaded_at.replace(microsecond=0), not one.is_replay, one.name) for one in (upload, on))
    if ours != theirs:
        return Step.SUPERSEDED if ours < theirs else None
    if upload.is_replay:
        return Step.SUPERSEDED
    if observed.is_current is None:
        return Step.CHECK_SOURCE
    return None if observed.is_current else Step.SUPERSEDED


def to_json(record: ItemRecord) -> bytes:
    """Return ``record`` as it is stored."""
    return json.dumps({"version": _VERSION, **asdict(record)}, default=datetime.isoformat, indent=1).encode()


def from_json(text: bytes) -> ItemRecord:
    """Return the record that is stored as ``text``.

    Raises:
        ValueError: it is none, or was written by a later version.
    """
    try:
        found = json.loads(text)
        if found["version"] != _VERSION:
            raise ValueError(f"it has the version {found['version']!r}")
        if found["outcome"] not in _OUTCOMES:
            raise ValueError(f"it has the outcome {found['outcome']!r}")
        claim, doubt = found["claim"], found["doubt"]
        return ItemRecord(
            number=str(found["number"]),
            on=_upload(found["on"]) if found["on"] else None,
            outcome=found["outcome"],
            claim=Claim(str(claim["nonce"]), _upload(claim["upload"])) if claim else None,
            doubt=Doubt(_time(doubt["until"]), tuple(map(_upload, doubt["uploads"]))) if doubt else None,
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _upload(found: Mapping[str, Any]) -> Upload:
    return Upload(**{**found, "uploaded_at": _time(found["uploaded_at"])})


def _time(found: str) -> datetime:
    moment = datetime.fromisoformat(found)
    if moment.tzinfo is None:
        raise ValueError(f"{found!r} has no time zone")
    return moment
