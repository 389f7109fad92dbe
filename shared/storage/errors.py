"""Turns what the storage SDK raises into failures of an upload."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, HttpResponseError

from shared.errors import Reason, Transient
from shared.redaction import without_queries

# Refusals that last until somebody acts; meanwhile the upload stays in incoming.
_ADVICE = {
    "BlobArchived": "The blob is in the archive access tier and cannot be read: move it to another tier.",
    "BlobBeingRehydrated": "The blob is being rehydrated from the archive access tier, which takes hours.",
    "BlobImmutableDueToPolicy": "An immutability policy or a legal hold protects it: lift that, or wait until it ends.",
    "LeaseIdMissing": "Somebody holds a lease on the blob: break the lease, or wait until it ends.",
}


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what the SDK raises after its own retries into a transient failure that says what we were doing.

    The cause is kept if storage has answered. Without an answer, its message may have the whole address, whose query
    may be a shared access signature; and the host logs causes.
    """
    try:
        yield
    except AzureError as error:
        code = code_of(error) or type(error).__name__
        first_line = without_queries(str(error).partition("\n")[0])[:300]
        detail = " ".join(filter(None, (f"{code}: {first_line}", _ADVICE.get(code))))
        cause = error if isinstance(error, HttpResponseError) else None
        raise Transient(Reason.STORAGE, f"Storage failed while {doing}: {detail}") from cause


def is_changed_or_gone(error: HttpResponseError) -> bool:
    """Return whether the source was replaced or removed, rather than leased, forbidden, or its container missing."""
    return code_of(error) in ("BlobNotFound", "ConditionNotMet")


def code_of(error: BaseException | None) -> str | None:
    """Return storage's own error code; the SDK gives an enum, or text for a code that it does not know."""
    code = getattr(error, "error_code", None)
    return getattr(code, "value", code)
