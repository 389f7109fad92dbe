"""Turns what goes wrong into one line: what is wrong, and what to do."""

from enum import IntEnum

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError

from shared.errors import Failure, Reason
from shared.storage.names import printable

_SHOWN = 400  # characters of a foreign message


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
        case Failure():
            is_other = error.reason is Reason.STORAGE and "Authorization" not in error.detail
            advice = "Try again." if is_other else _ADVICE.get(error.reason, "")
            return Problem(f"{_one_line(error.detail)} {advice}".strip(), ExitCode.UNREACHABLE)
        case ClientAuthenticationError():
            return Problem(f"Nobody is signed in: {_first_line(error)} {_SIGN_IN}", ExitCode.UNREACHABLE)
        case HttpResponseError() if error.status_code in _REFUSED:
            refusal = f"Storage refused this ({error.status_code} {_code_of(error)})."
            return Problem(f"{refusal} {_ADVICE[Reason.STORAGE]}", ExitCode.UNREACHABLE)
        case ServiceRequestError():
            return Problem(f"Azure cannot be reached: {_first_line(error)} Check the network.", ExitCode.UNREACHABLE)
        case AzureError():
            return Problem(f"Azure failed: {_first_line(error)} Try again.", ExitCode.UNREACHABLE)
        case OSError():
            named = f"{error.filename}: " if error.filename else ""
            return Problem(f"{named}{error.strerror or _first_line(error)}.", ExitCode.INCOMPLETE)
        case _:
            found = f"{type(error).__name__}: {_first_line(error)}"
            return Problem(f"This is a bug: {found} Run the command again with --debug, and report it.", ExitCode.BUG)


def _first_line(error: Exception) -> str:
    text = _one_line(str(error).strip().partition("\n")[0])
    return text if text.endswith(".") else f"{text}."


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:_SHOWN]


def _code_of(error: HttpResponseError) -> str:
    return str(getattr(error, "error_code", None) or error.reason or "")


_REFUSED = (401, 403)
_SIGN_IN = "Sign in with 'az login' (or azd, or PowerShell), and run the command again."
_ADVICE = {
    Reason.IDENTITY: _SIGN_IN,
    Reason.BC_UNAUTHORIZED: "You need a user of your own in Business Central.",
    Reason.STORAGE: "You need the role Storage Blob Data Contributor on the pictures account.",
}
