"""Names what the auditor can find. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Promise(StrEnum):
    """The promises that a finding breaks."""

    LOST = "an upload is nowhere"
    TWO_PLACES = "an upload is in two places"
    CHANGED = "the bytes of an upload have changed"
    LEFT = "an upload is left in incoming"
    WRONG_QUARANTINE = "a good upload is in quarantine, or a bad one with the wrong reason"
    NOT_REFUSED = "a bad upload is in the archive"
    NO_NOTE = "a quarantined upload has no note"
    UNKNOWN = "a blob belongs to no upload"
    STALE = "an item does not show its newest upload"
    NOT_KEPT = "the picture that an item had before is not in the archive"
    NEEDLESS_WRITE = "a picture was written twice without a cause"
    BLIND = "a write without an answer was repeated at once"


@dataclass(frozen=True)
class Finding:
    """One broken promise, and what was found."""

    promise: Promise
    detail: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.detail}"


@dataclass(frozen=True)
class RepeatedWrite:
    """A picture that Business Central stored for an item once more; ``cause`` is None if nothing explains it.

    ``history`` tells line by line what happened to that item then.
    """

    item: str
    picture: int
    cause: str | None
    history: Sequence[str] = ()

    def __str__(self) -> str:
        return f"picture {self.picture} of item {self.item}: {self.cause or 'no cause'}"
