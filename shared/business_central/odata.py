"""Writes OData literals, and reads Business Central's entities and errors. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.errors import Failure, Reason, Throttled, Transient, Waiting
from shared.paths import guid_of

_MESSAGE_MAX = 500  # characters of BC's own words that go into a log or an explanation


def text_literal(text: str) -> str:
    """Return ``text`` as an OData string literal; quotes are doubled (OData 4.01 URL Conventions, 5.1.1)."""
    return "'" + text.replace("'", "''") + "'"


def entities(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the entities in one page of an entity set.

    Raises:
        Transient: ``bc_refused``, the document is not such a page.
    """
    values = document.get("value")
    if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
        raise foreign_answer("it has no list of entities")
    return values


def entity_id(entity: Mapping[str, Any]) -> str:
    """Return the entity's id, a GUID.

    Raises:
        Transient: ``bc_refused``, it has none.
    """
    guid = guid_of(str(entity.get("id")))
    if guid is None:
        raise foreign_answer(f"{entity.get('id')!r} is not an id")
    return guid


def has_picture(entity: Mapping[str, Any]) -> bool:
    """Whether an item shows a picture, by its expanded picture entity; one without has an entity 0 pixels wide.

    API v1.0 expands it to a collection of one, v2.0 to the entity itself.
    """
    expanded = entity.get("picture")
    picture = expanded[0] if isinstance(expanded, list) and expanded else expanded
    return isinstance(picture, Mapping) and bool(picture.get("width"))


def foreign_answer(problem: str) -> Transient:
    """Return the failure for a success that BC would never answer: the base URL leads to something else."""
    return Transient(
        Reason.BC_REFUSED, f"The answer does not come from Business Central: {problem}. Check BC_BASE_URL."
    )


def error_of(body: object) -> tuple[str, str]:
    """Return code and message of ``{"error": {"code": …, "message": …}}``, each empty if missing."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    code, message = (value if isinstance(value, str) else "" for value in (error.get("code"), error.get("message")))
    return code, message[:_MESSAGE_MAX]


def is_bad_query(status: int, body: object) -> bool:
    """Whether BC refuses a query for what it asks; a missing permission (``Internal_…``) is another matter."""
    code, _ = error_of(body)
    is_bad = status == HTTPStatus.BAD_REQUEST and not code.startswith("Internal_")
    return is_bad or status == HTTPStatus.REQUEST_URI_TOO_LONG


def failure_of(  # noqa: PLR0911 - a table
    status: int, code: str, message: str, *, write: bool, of_item: bool = False, of_list: bool = False
) -> Failure:
    """Return what an unsuccessful answer of BC means for the upload.

    ``write``: the request was the PATCH of the picture, and after a gateway's error the picture may or may not be
    written. ``of_item``: the request was a read that addressed one item. ``of_list``: it asked for all that there are,
    so no upload can be the cause.
    """
    detail = f"Business Central answered {status} {code or '(no code)'}: {message or '(no message)'}"
    # Business logic in BC said no, and somebody there can change that. Only a 400 counts: a 429 has the code
    # "Application_TooManyRequests".
    if status == HTTPStatus.BAD_REQUEST and code.startswith("Application_"):
        return Transient(Reason.BC_REFUSED, f"{detail} {_LIST_ADVICE}") if of_list else Waiting(Reason.REJECTED, detail)
    if code == "Internal_CompanyNotFound":
        return Waiting(Reason.COMPANY_NOT_FOUND, detail)
    # A query for a missing item returns an empty list: for a query, these codes mean a wrong base URL.
    if (write or of_item) and code in ("Internal_RecordNotFound", "BadRequest_ResourceNotFound"):
        return Waiting(Reason.ITEM_NOT_FOUND, detail)
    if code == "Request_EntityChanged" or status == HTTPStatus.PRECONDITION_FAILED:
        return Transient(Reason.BC_CONFLICT, detail)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(Reason.BC_UNAVAILABLE, detail)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Transient(Reason.BC_UNAVAILABLE, detail)
    if status == HTTPStatus.UNAUTHORIZED:
        return Transient(Reason.BC_UNAUTHORIZED, f"{detail} {_UNAUTHORIZED_ADVICE}")
    # An unexpected success says as little about the picture as a gateway's error.
    unexpected = status < HTTPStatus.MULTIPLE_CHOICES
    if unexpected or status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(Reason.BC_NO_ANSWER if write else Reason.BC_UNAVAILABLE, detail)
    # Redirects, 400 BadRequest_…, 403, 404 of a wrong base URL, other 409, 413, 415.
    return Transient(Reason.BC_REFUSED, detail)


_LIST_ADVICE = (
    "It refuses the whole list, and no upload is the cause. Correct in Business Central what the message names, or "
    "what interferes there, such as an extension."
)
_UNAUTHORIZED_ADVICE = (
    "A fresh token did not help. Check that the identity's client id is registered and enabled in Business Central "
    "(page Microsoft Entra Applications), and that the identity has the permission API.ReadWrite.All."
)
