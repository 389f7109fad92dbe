"""Turns what goes wrong into one line: what is wrong, and what to do."""

from enum import IntEnum

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError

from shared.errors import Failure, Reason
from shared.storage.errors import code_of
from shared.storage.names import printable

_SHOWN = 400  # characters of a foreign message
# Storage's codes for a refusal: by the account's firewall, and for lack of a role.
CLOSED = "AuthorizationFailure"
FORBIDDEN = ("AuthorizationPermissionMismatch", "InsufficientAccountPermissions")
REFUSED = (401, 403)


class ExitCode(IntEnum):
    """How a command ended; docs/operating.md lists these for scripts."""

    DONE = 0
    INCOMPLETE = 1  # something did not work, or is wrong; the output lists it
    MISUSE = 2  # the command line, or the file that says where things are
    UNREACHABLE = 3  # Azure or Business Central did not answer, or not to us
    BUG = 70
    INTERRUPTED = 130


class Problem(Exception):
    """Ends the command with one line and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.MISUSE) -> None:
        super().__init__(message)
        self.code = code


def problem_of(error: Exception) -> Problem:  # noqa: PLR0911 - a table
    """Return what ``error`` means for whoever runs the command."""
    match error:
        case Problem():
            return error
        case Failure() if error.reason is Reason.COMPANY_NOT_FOUND:
            return Problem(f"{about_company(error)} --company takes a name, a display name or an id.")
        case Failure():
            is_storages = error.reason is Reason.STORAGE
            advice = _storage_advice(error.__cause__) if is_storages else _ADVICE.get(error.reason, "")
            return Problem(f"{_one_line(error.detail)} {advice}".strip(), ExitCode.UNREACHABLE)
        case HttpResponseError() if has_no_token(error):
            return Problem(f"Nobody is signed in: {first_line(error)}. {_SIGN_IN}", ExitCode.UNREACHABLE)
        case HttpResponseError() if error.status_code in REFUSED:
            refusal = f"Storage refused this ({error.status_code} {code_of(error) or error.reason or ''})."
            return Problem(f"{refusal} {_storage_advice(error)}".strip(), ExitCode.UNREACHABLE)
        case ServiceRequestError():
            return Problem(f"Azure cannot be reached: {first_line(error)}. Check the network.", ExitCode.UNREACHABLE)
        case AzureError():
            return Problem(f"Azure failed: {first_line(error)}. Try again.", ExitCode.UNREACHABLE)
        case OSError():
            named = f"{error.filename}: " if error.filename else ""
            return Problem(f"{named}{error.strerror or first_line(error)}.", ExitCode.INCOMPLETE)
        case _:
            found = f"{type(error).__name__}: {first_line(error)}"
            return Problem(f"This is a bug: {found}. Run the command again with --debug, and report it.", ExitCode.BUG)


def about_company(failure: Failure) -> str:
    """Return what is wrong with a company's name, without the advice that is meant for uploaders."""
    return failure.detail.partition(" Create it, or upload")[0]


def has_no_token(error: BaseException) -> bool:
    """Whether a request got no token, so that storage itself has not answered: it always gives a code."""
    return isinstance(error, ClientAuthenticationError) and code_of(error) is None


def _storage_advice(error: BaseException | None) -> str:
    """Return what to do about an error of the storage SDK."""
    if not isinstance(error, HttpResponseError):
        return "Try again."
    if has_no_token(error):
        return _SIGN_IN
    if error.status_code not in REFUSED:
        return "Try again."
    return _NETWORK if code_of(error) == CLOSED else _ROLE if code_of(error) in FORBIDDEN else _SIGN_IN


def first_line(error: Exception) -> str:
    """Return a foreign message's first line, shortened, without its full stop; the error's type if there is none."""
    return _one_line(str(error).strip().partition("\n")[0]).rstrip(".") or type(error).__name__


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:_SHOWN]


_SIGN_IN = "Sign in with 'az login' (or azd, or PowerShell), and run the command again."
_ROLE = "You need the role Storage Blob Data Contributor on the pictures account."
_NETWORK = "The account is closed to where you are: docs/security.md#network."
_ADVICE = {
    Reason.IDENTITY: _SIGN_IN,
    Reason.BC_UNAUTHORIZED: "You need a user of your own in Business Central.",
}
