"""What the storage SDK raises, as failures of an upload."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, HttpResponseError

from shared.errors import Reason, Transient

# What can be done where storage refuses and goes on refusing; the upload is taken up again by itself.
_ADVICE = {
    "BlobArchived": "The blob is in the archive access tier, where nothing reads it: move it to another tier.",
    "BlobBeingRehydrated": "The blob is on its way out of the archive access tier: it is taken when it is there.",
    "BlobImmutableDueToPolicy": "An immutability policy or a legal hold forbids it: storage keeps the blob until that ends.",
    "LeaseIdMissing": "Somebody holds a lease on the blob: it is taken when the lease ends or is broken.",
}


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what the SDK raises after its own retries into a transient failure that says what was being done."""
    try:
        yield
    except AzureError as error:
        code = code_of(error) or type(error).__name__
        first_line = str(error).partition("\n")[0][:300]
        told = " ".join(filter(None, (f"{code}: {first_line}", _ADVICE.get(code))))
        raise Transient(Reason.STORAGE, f"Storage failed while {doing}: {told}") from error


def is_changed_or_gone(error: HttpResponseError) -> bool:
    """Tell a source that was replaced or removed from a missing container, a lease or a lack of rights."""
    return code_of(error) in ("BlobNotFound", "ConditionNotMet")


def code_of(error: BaseException | None) -> str | None:
    """Return storage's own code of an error; the SDK has it as an enum or, if it does not know it, as text."""
    code = getattr(error, "error_code", None)
    return getattr(code, "value", code)
