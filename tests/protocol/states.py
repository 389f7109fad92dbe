"""What the model of the item record's protocol speaks of: states, steps, and the app's own decisions about them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from shared import item_record
from shared.item_record import DOUBT_LASTS, ItemRecord, Observed, Step, StoredRecord, Upload

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNKNOWN = NONE = -1  # numbers only, for workers are kept in order
LONG_AGO = NOW - timedelta(days=1)
BEFORE, BY_HAND = "before", "by hand"  # pictures that are not ours


class At(StrEnum):
    """The effect that a worker has next: a method that the code calls, or the change that it is about to write."""

    READ_RECORD = "ItemRecords.read"
    IS_CURRENT = "PictureStorage.is_current"
    BC_PICTURE = "Placement._bc_picture"
    CLAIMED = "StoredRecord.claimed"
    ADOPTED = "StoredRecord.adopted"
    KEEP = "Placement._keep"
    UPLOAD = "BusinessCentral.upload_picture"
    ANSWER = "BusinessCentral._patch_picture"
    RECLAIMED = "Placement._change"
    CONFIRMED = "item_record.confirmed"
    DOUBTED = "item_record.doubted"
    RELEASED = "item_record.released"
    COPY = "Mover._copy"
    DELETE = "Mover._delete"


WRITES = {At.CLAIMED, At.ADOPTED, At.RECLAIMED, At.CONFIRMED, At.DOUBTED, At.RELEASED}
MOVES = {At.COPY, At.DELETE}
READINGS = {At.IS_CURRENT, At.BC_PICTURE}  # where a worker acts on a record that it has read
# A worker that ends before it had any effect is one that was never there, so it need not crash.
HARMLESS = READINGS | {At.CLAIMED, At.ADOPTED}
REFUSED_WHEN_STALE = WRITES | {At.BC_PICTURE}


class Picture(NamedTuple):
    """An upload: its name, the second of its ``Last-Modified``, what it shows, and which upload it is a replay of."""

    name: str
    second: int
    shows: str
    replay_of: int | None = None


@dataclass(frozen=True)
class Rules:
    """What the code decides; a variant of it shows that the model would notice."""

    next_step: Callable[..., Step] = StoredRecord.next_step
    claimed: Callable[..., ItemRecord] = StoredRecord.claimed
    adopted: Callable[..., ItemRecord] = StoredRecord.adopted
    doubted: Callable[..., ItemRecord] = item_record.doubted
    has_etags: bool = True


AS_THEY_ARE = Rules()


@dataclass(frozen=True)
class Config:
    """How large the space is: the uploads in the order of their arrival, and how often each thing may go wrong.

    ``silences``: requests to BC without an answer. ``losses``: writes of the record whose answer is lost, and which
    storage's client sends again. ``ticks``: into how many steps of time a doubt's life is divided.
    """

    pictures: tuple[Picture, ...]
    workers: int = 2
    crashes: int = 0
    silences: int = 0
    losses: int = 0
    removals: int = 0
    hands: int = 0
    keep_existing: bool = False
    ticks: int = 2


class Worker(NamedTuple):
    """One delivery and the effect that it has next.

    ``record`` is what it is about to write, or the claim that it has written ``age`` ticks ago. Only before it looks at
    a blob or at BC is it what was read, ``lag`` ticks ago; then it was ``age`` ticks old.
    """

    at: At
    upload: int
    record: int = 0
    age: int = 0
    lag: int = 0
    is_fresh: bool = True  # the record's ETag is still the one that it knows
    is_current: int = UNKNOWN
    before: int = NONE  # the record under its claim, until the picture that BC had is kept
    repeated: bool = False
    is_asking_again: bool = False


class Left(NamedTuple):
    """How often each thing may still go wrong."""

    crashes: int
    silences: int
    losses: int
    removals: int
    hands: int


class State(NamedTuple):
    """Everything at one moment. ``flights`` are requests in BC that nobody waits for: upload, ticks left.

    Whoever was handed an upload may come back with it at any time, so all that were made so far may be at work.
    """

    left: Left
    uploads: int = 0
    incoming: tuple[int, ...] = ()  # for each name the upload
    archive: frozenset[int] = frozenset()
    settled: int = NONE  # the newest of those that are on the item for good
    record: int = 0
    age: int = 0  # of its claim
    shown: str = BEFORE
    flights: tuple[tuple[int, int], ...] = ()
    claimed: int = NONE  # the last upload that claimed the item, and did not surely fail
    is_sure: bool = True  # no claim followed on a doubt so far
    is_kept: bool = False
    workers: tuple[Worker, ...] = ()


class Promise(StrEnum):
    """What holds in every state; each is named by what it would be like if it did not."""

    KEPT = "an upload is lost"
    BEFORE_KEPT = "the picture that BC had before is lost"
    FOR_GOOD = "a picture that was on the item for good is replaced by an older one"
    NEWEST = "at rest, the item does not show the newest upload"
    ONCE = "what BC shows already is written again"
    TOLD = "an upload is written again, and nobody is told"
    DONE = "an upload is never done"


class BrokenPromise(Exception):
    """A promise that does not hold in a state, or in what follows it."""

    def __init__(self, promise: Promise) -> None:
        super().__init__(promise)
        self.promise = promise


class Label(NamedTuple):
    """What happens; ``is_fault`` where nothing may rely on it, and nothing has to happen."""

    event: str
    upload: int | None = None
    is_fault: bool = False

    def __str__(self) -> str:
        return self.event if self.upload is None else f"{self.event} ({self.upload})"


Move = tuple[Label, State]


def _sha256(shows: str) -> str:
    return hashlib.sha256(shows.encode()).hexdigest()


class Decisions:
    """The code's decisions about numbered records, whose times are relative to now; each is asked for once."""

    def __init__(self, config: Config, rules: Rules) -> None:
        self._config, self._rules = config, rules
        self._tick = DOUBT_LASTS / config.ticks
        assert self._tick > item_record.CLAIM_LIFE, "a claim of one tick must be old"
        self.records: list[ItemRecord] = []
        self._numbers: dict[ItemRecord, int] = {}
        self.number(ItemRecord("1000"))
        self.uploads = [self._upload(i, picture) for i, picture in enumerate(config.pictures)]
        self.step, self.changed, self.later = cache(self._step), cache(self._changed), cache(self._later)
        self.has_tried, self.has_written = cache(self._has_tried), cache(self._has_written)

    def _upload(self, i: int, picture: Picture) -> Upload:
        at = NOW + timedelta(seconds=picture.second, milliseconds=i)
        return Upload(picture.name, f"etag-{i}", at, picture.replay_of is not None, _sha256(picture.shows))

    def number(self, record: ItemRecord) -> int:
        if record not in self._numbers:
            self._numbers[record] = len(self.records)
            self.records.append(record)
        return self._numbers[record]

    def reading(self, record: int, age: int) -> StoredRecord:
        return StoredRecord(self.records[record], "etag", NOW - age * self._tick, NOW)

    def _step(self, record: int, age: int, upload: int, is_current: int, shown: str) -> Step:
        observed = Observed(None if is_current == UNKNOWN else bool(is_current), _sha256(shown) if shown else None)
        return self._rules.next_step(self.reading(record, age), self.uploads[upload], observed)

    def _has_tried(self, record: int, upload: int) -> bool:
        return self.reading(record, 0).has_tried(self.uploads[upload])

    def _has_written(self, record: int, shown: str) -> bool:
        return self.reading(record, 0).has_written(_sha256(shown))

    def _changed(self, at: At, record: int, age: int, upload: int, detail: str = "") -> int:
        new = self._change(at, self.reading(record, age), self.uploads[upload], detail)
        if new.doubt and new.doubt.until <= NOW:  # how long it has been over is told only from when the claim was made
            new = replace(new, doubt=replace(new.doubt, until=LONG_AGO if new.claim else NOW))
        return self.number(new)

    def _change(self, at: At, read: StoredRecord, upload: Upload, detail: str) -> ItemRecord:
        match at:
            case At.CLAIMED:
                return self._rules.claimed(read, upload, "nonce")
            case At.ADOPTED:
                return self._rules.adopted(read, upload, Observed(None, _sha256(detail)))
            case At.CONFIRMED:
                return item_record.confirmed(read, upload, detail)
            case At.DOUBTED:
                return self._rules.doubted(read)
            case At.RELEASED:
                return item_record.released(read.record)
        return read.record

    def _later(self, record: int, ticks: int) -> int:
        """Return ``record`` as it looks when so many ticks have passed; a doubt that is over stays just over."""
        now = self.records[record]
        if not now.doubt or now.doubt.until <= NOW:
            return record
        until = max(now.doubt.until - ticks * self._tick, NOW)
        return self.number(replace(now, doubt=replace(now.doubt, until=until)))

    def has_claim(self, record: int) -> bool:
        return self.records[record].claim is not None

    def is_of_its_time(self, record: int) -> bool:
        return bool(self.records[record].claim or self.records[record].doubt)

    def is_pending(self, record: int, age: int) -> bool:
        return self.reading(record, age).active_doubt is not None
