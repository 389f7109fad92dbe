"""The three ways in which an upload fails, and the reasons. Pure.

Failure
├── Transient    the fault may lie in the network, BC, storage or our deployment: raise, the host redelivers
├── Permanent    this blob can never succeed as it is: quarantine it with the reason
└── Superseded   it was replaced or removed since the event: stop, the newer event covers it
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an upload did not end as ``updated``; the same word in logs, metadata, folders and documents."""

    # Permanent: the photographer acts.
    BAD_PATH = "bad_path"
    IGNORED = "ignored"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    ITEM_AMBIGUOUS = "item_ambiguous"
    # Permanent only after ITEM_WAIT: until then the upload waits in incoming.
    ITEM_NOT_FOUND = "item_not_found"
    COMPANY_NOT_FOUND = "company_not_found"
    REJECTED = "rejected"
    # Waiting, never for longer than a write without an answer can still take effect: nobody acts.
    SETTLING = "settling"
    # Superseded: nobody acts.
    NEWER_UPLOAD = "newer_upload"
    SOURCE_CHANGED = "source_changed"
    SOURCE_GONE = "source_gone"
    NOT_INCOMING = "not_incoming"
    # Transient: the operator acts, if it lasts.
    BC_UNAVAILABLE = "bc_unavailable"
    BC_NO_ANSWER = "bc_no_answer"
    BC_CONFLICT = "bc_conflict"
    BC_UNAUTHORIZED = "bc_unauthorized"
    BC_REFUSED = "bc_refused"
    ITEM_BUSY = "item_busy"
    IDENTITY = "identity"
    STORAGE = "storage"

    @property
    def may_pass(self) -> bool:
        """Whether waiting can help: the item, the company or a rule in BC may still change."""
        return self in (Reason.ITEM_NOT_FOUND, Reason.COMPANY_NOT_FOUND, Reason.REJECTED)


class Failure(Exception):
    """An upload that cannot go on; ``detail`` is one plain sentence or two for whoever acts on it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Transient(Failure):
    """Nothing is wrong with the blob as far as anybody knows: the same delivery may succeed later."""


class Permanent(Failure):
    """This blob cannot succeed as it is; with ``reason.may_pass``, not before something in BC changes."""


class Superseded(Failure):
    """The blob that the event spoke of is not there any more, or is not ours to handle."""
