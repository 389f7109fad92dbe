"""Defines the four ways in which an upload fails, and the reasons. Pure.

Failure
├── Transient    the fault may lie in the network, BC, storage or our deployment: raise, and the host delivers again
├── Permanent    this blob can never succeed as it is: quarantine it with the reason
├── Waiting      something must change first, in BC or in the blob: leave it in incoming, at most for a while
└── Superseded   the blob was replaced or removed, or is not ours: stop
"""

from enum import Enum, StrEnum, auto
from typing import ClassVar, Self


class Kind(Enum):
    """What becomes of an upload."""

    PERMANENT = auto()  # quarantined at once
    WAITING = auto()  # stays in incoming until something changes
    SUPERSEDED = auto()  # ended, without touching the blob's newer version
    TRANSIENT = auto()  # delivered again


class Reason(StrEnum):
    """Why an upload is not ``updated`` or ``unchanged``; logs, metadata, folders and documents use the same word."""

    kind: Kind

    def __new__(cls, word: str, kind: Kind) -> Self:
        """Make a member that equals its word and knows its kind."""
        member = str.__new__(cls, word)
        member._value_, member.kind = word, kind
        return member

    BAD_PATH = "bad_path", Kind.PERMANENT
    IGNORED = "ignored", Kind.PERMANENT
    TOO_LARGE = "too_large", Kind.PERMANENT
    NOT_AN_IMAGE = "not_an_image", Kind.PERMANENT
    ITEM_AMBIGUOUS = "item_ambiguous", Kind.PERMANENT
    CRASHES_WORKER = "crashes_worker", Kind.PERMANENT

    ITEM_NOT_FOUND = "item_not_found", Kind.WAITING
    COMPANY_NOT_FOUND = "company_not_found", Kind.WAITING
    REJECTED = "rejected", Kind.WAITING
    UNFINISHED = "unfinished", Kind.WAITING
    ITEM_BUSY = "item_busy", Kind.WAITING  # never leads to quarantine either
    # Never raised: an outcome that lasts no longer than an unanswered write can still take effect.
    SETTLING = "settling", Kind.WAITING

    NEWER_UPLOAD = "newer_upload", Kind.SUPERSEDED  # never raised either: the original goes to the archive
    SOURCE_CHANGED = "source_changed", Kind.SUPERSEDED
    SOURCE_GONE = "source_gone", Kind.SUPERSEDED
    NOT_INCOMING = "not_incoming", Kind.SUPERSEDED

    BC_UNAVAILABLE = "bc_unavailable", Kind.TRANSIENT
    BC_NO_ANSWER = "bc_no_answer", Kind.TRANSIENT
    BC_CONFLICT = "bc_conflict", Kind.TRANSIENT
    BC_UNAUTHORIZED = "bc_unauthorized", Kind.TRANSIENT
    BC_REFUSED = "bc_refused", Kind.TRANSIENT
    IDENTITY = "identity", Kind.TRANSIENT
    STORAGE = "storage", Kind.TRANSIENT
    RENDER_INTERRUPTED = "render_interrupted", Kind.TRANSIENT


# BC, or the service that gives tokens, refuses our identity: nobody but the operator can end that.
REFUSALS = (Reason.BC_UNAUTHORIZED, Reason.BC_REFUSED, Reason.IDENTITY)


class Failure(Exception):
    """An upload that cannot go on; ``detail`` tells whoever acts on it, in a sentence or two, what to do.

    Raises:
        ValueError: ``reason`` is of another kind than this failure.
    """

    kind: ClassVar[Kind]

    def __init__(self, reason: Reason, detail: str) -> None:
        if reason.kind is not self.kind:
            raise ValueError(f"{type(self).__name__} cannot have the reason {reason}: its kind is {reason.kind.name}")
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Transient(Failure):
    """Nothing seems wrong with the blob: the same delivery may succeed later."""

    kind = Kind.TRANSIENT


class Throttled(Transient):
    """BC counted too many requests, did nothing, and goes on refusing: the upload may wait for its turn again."""


class Permanent(Failure):
    """This blob can never succeed as it is."""

    kind = Kind.PERMANENT


class EndsEarly(Permanent):
    """This blob ends before its picture does; while it is young, somebody may still be writing it."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.NOT_AN_IMAGE, detail)


class Waiting(Failure):
    """This blob can succeed once something changes: its item, its company or a rule in BC, or its own content."""

    kind = Kind.WAITING


class Superseded(Failure):
    """The blob that the event named was replaced or removed, or is not ours to handle."""

    kind = Kind.SUPERSEDED
