"""Defines what the protocol's model consists of: uploads, workers and their next effects, states, promises, labels."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

UNKNOWN = NONE = -1  # numbers, not None: workers are sorted
BEFORE, BY_HAND = "before", "by hand"  # pictures that are not ours
ANSWERED, REFUSED, UNANSWERED = "answered 204", "refused", "no answer"  # how a PATCH can end for its worker


class At(StrEnum):
    """The next effect of a worker: the app's method that it calls, or the app's change to the record that it writes."""

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
    KEEP_SETTLING = "Placement._keep_settling"
    COPY = "Mover._copy"
    DELETE = "Mover._delete"


WRITES = {At.CLAIMED, At.ADOPTED, At.RECLAIMED, At.CONFIRMED, At.DOUBTED, At.RELEASED}
MOVES = {At.KEEP_SETTLING, At.COPY, At.DELETE}
OBSERVATIONS = {At.IS_CURRENT, At.BC_PICTURE}
# A worker that crashes before its first effect might as well never have started, so it need not crash.
BEFORE_ANY_EFFECT = OBSERVATIONS | {At.CLAIMED, At.ADOPTED}
REFUSED_WHEN_STALE = WRITES | {At.BC_PICTURE}


class ModelUpload(NamedTuple):
    """An upload: its name, the second of its ``Last-Modified``, its picture, and the upload that it replays, if any."""

    name: str
    second: int
    picture: str
    replay_of: int | None = None


@dataclass(frozen=True)
class Config:
    """Bounds the space: the uploads in the order of their arrival, and how often each fault may happen.

    ``unanswered``: requests to BC without an answer. ``resent_writes``: writes of the record whose answer is lost, so
    that storage's client sends them again. ``manual_changes``: pictures that somebody puts into BC by hand.
    ``ticks``: steps of time into which the life of a doubt is divided.
    """

    uploads: tuple[ModelUpload, ...]
    workers: int = 2
    crashes: int = 0
    unanswered: int = 0
    resent_writes: int = 0
    removals: int = 0
    manual_changes: int = 0
    keep_existing: bool = False
    ticks: int = 2


class Worker(NamedTuple):
    """One delivery and its next effect.

    ``record`` is what the worker is about to write, or the claim that it wrote ``age`` ticks ago. Only before an
    observation is it the record that it read, ``lag`` ticks ago; the record's claim was ``age`` ticks old then.
    """

    at: At
    upload: int
    record: int = 0
    age: int = 0
    lag: int = 0
    is_fresh: bool = True  # the worker knows the record's present ETag
    is_current: int = UNKNOWN
    before: int = NONE  # the record that it claimed, until the picture that BC had is saved
    repeated: bool = False
    is_asking_again: bool = False


class FaultBudget(NamedTuple):
    """How often each fault may still happen."""

    crashes: int
    unanswered: int
    resent_writes: int
    removals: int
    manual_changes: int


class State(NamedTuple):
    """Everything at one moment. ``in_flight``: requests in BC that nobody waits for, as upload and ticks left.

    Any upload that has arrived may be delivered again at any time.
    """

    budget: FaultBudget
    arrived: int = 0  # how many of the uploads
    incoming: tuple[int, ...] = ()  # for each name, its upload
    archive: frozenset[int] = frozenset()
    newest_done: int = NONE  # the newest upload that is on the item for good
    newest_settling: int = NONE  # the newest upload that a delivery left as settling
    marked: frozenset[int] = frozenset()  # uploads that the sweep looks after until they have settled
    record: int = 0
    age: int = 0  # of the record's claim
    bc_picture: str = BEFORE
    in_flight: tuple[tuple[int, int], ...] = ()
    last_claimant: int = NONE  # the last upload that claimed the item and did not surely fail
    is_certain: bool = True  # no claim has followed another claim or a doubt so far
    is_before_saved: bool = False
    workers: tuple[Worker, ...] = ()

    def with_worker(self, w: Worker) -> Self:
        return self._replace(workers=tuple(sorted((*self.workers, w))))

    def without_source(self, upload: int) -> Self:
        return self._replace(incoming=tuple(NONE if source == upload else source for source in self.incoming))


class Promise(StrEnum):
    """The promises that hold in every state; each value describes the breach."""

    NOTHING_LOST = "an upload is lost"
    BEFORE_SAVED = "the picture that BC had before is lost"
    OURS_NOT_KEPT = "an upload's own picture is saved as one that BC had before"
    DONE_IS_FINAL = "an older picture replaces one that was on the item for good"
    NEWEST_WINS = "at rest, BC does not show the newest upload"
    WRITTEN_ONCE = "a picture that BC already shows is written again"
    REPEATS_REPORTED = "an upload is written again and its report does not say so"
    COMES_TO_REST = "an upload is never done"


class BrokenPromise(Exception):
    """A promise does not hold in a state, or after what follows it."""

    def __init__(self, promise: Promise) -> None:
        super().__init__(promise)
        self.promise = promise


class Label(NamedTuple):
    """What happens, and to which upload; ``is_fault`` if it may happen but nothing may rely on it."""

    event: str
    upload: int | None = None
    is_fault: bool = False

    def __str__(self) -> str:
        return self.event if self.upload is None else f"upload {self.upload}: {self.event}"


Move = tuple[Label, State]
