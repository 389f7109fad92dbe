"""OData as Business Central speaks it: literals, and what each of its error answers means. Pure."""

from collections.abc import Mapping
from http import HTTPStatus

from shared.errors import Failure, Reason, Transient, Waiting

_MESSAGE_MAX = 500  # characters of BC's own words that go into a log or an explanation


def text_literal(text: str) -> str:
    """Return ``text`` as an OData string literal; quotes are doubled (OData 4.01 URL Conventions, 5.1.1)."""
    return "'" + text.replace("'", "''") + "'"


def error_of(body: object) -> tuple[str, str]:
    """Return code and message of ``{"error": {"code": …, "message": …}}``, empty where there are none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    code, message = (found if isinstance(found, str) else "" for found in (error.get("code"), error.get("message")))
    return code, message[:_MESSAGE_MAX]


def failure_of(status: int, code: str, message: str, *, write: bool, of_item: bool = False) -> Failure:  # noqa: PLR0911 - a table
    """Return what an answer of BC that is no success means for the upload.

    ``write`` says that the request was the PATCH of the picture, for which a gateway's error leaves open
    whether the picture was written; ``of_item``, that a read named one item.
    """
    said = f"Business Central answered {status} {code or '(no code)'}: {message or '(no message)'}"
    # Business logic in BC said no, and somebody there can change its mind. Only as a 400: a 429 is
    # "Application_TooManyRequests".
    if status == HTTPStatus.BAD_REQUEST and code.startswith("Application_"):
        return Waiting(Reason.REJECTED, said)
    if code == "Internal_CompanyNotFound":
        return Waiting(Reason.COMPANY_NOT_FOUND, said)
    # A query for an item that is missing finds an empty list: read, these codes speak of a wrong base URL.
    if (write or of_item) and code in ("Internal_RecordNotFound", "BadRequest_ResourceNotFound"):
        return Waiting(Reason.ITEM_NOT_FOUND, said)
    if code == "Request_EntityChanged" or status == HTTPStatus.PRECONDITION_FAILED:
        return Transient(Reason.BC_CONFLICT, said)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return Transient(Reason.BC_UNAVAILABLE, said)
    if status == HTTPStatus.UNAUTHORIZED:
        return Transient(Reason.BC_UNAUTHORIZED, f"{said} {_UNAUTHORIZED_ADVICE}")
    # A success that is not the one that was expected says as little of the picture as a gateway's error.
    unexpected = status < HTTPStatus.MULTIPLE_CHOICES
    if unexpected or status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(Reason.BC_NO_ANSWER if write else Reason.BC_UNAVAILABLE, said)
    # Redirects, 400 BadRequest_…, 403, 404 of a wrong base URL, other 409, 413, 415.
    return Transient(Reason.BC_REFUSED, said)


_UNAUTHORIZED_ADVICE = (
    "A fresh token did not help: check in Business Central, on the page Microsoft Entra Applications, that the identity's "
    "client id is registered and enabled, and that it has the permission API.ReadWrite.All."
)
