"""Repeats what failed for a moment: a run over thousands of files must not end with one lost connection."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from azure.core.exceptions import AzureError, HttpResponseError

from shared.errors import Transient

ATTEMPTS = 4
FIRST_WAIT = 1.0  # seconds; doubled
_BUSY = (408, 429, 500, 502, 503, 504, None)
_T = TypeVar("_T")


def may_pass(error: BaseException | None) -> bool:
    """Whether an error of storage may be gone a moment later; a refusal stays."""
    return not isinstance(error, HttpResponseError) or error.status_code in _BUSY


def patiently(action: Callable[[], _T], stop: Event) -> _T:
    """Return what ``action`` does, repeated a few times; when ``stop`` is set, it fails at once.

    Raises:
        Transient, AzureError: it goes on failing, or storage refuses it.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return action()
        except (Transient, AzureError) as error:
            cause = error.__cause__ if isinstance(error, Transient) else error
            if not may_pass(cause) or stop.wait(FIRST_WAIT * 2**attempt):
                raise
    return action()
