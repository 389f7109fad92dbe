"""Each answer of Business Central means what the error table says, and no text breaks out of a literal."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.business_central.odata import error_of, failure_of, text_literal
from shared.errors import Failure, Reason, Transient, Waiting

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "code", "message", "x"]), inner),
)


def test_a_literal_doubles_every_quote() -> None:
    assert text_literal("O'Neil's") == "'O''Neil''s'"
    assert text_literal("") == "''"
    assert text_literal("'") == "''''"
    assert text_literal("%27") == "'%27'"


@given(st.text(alphabet="'a\"%\\ ", max_size=40) | st.text())
def test_no_text_ends_its_literal(text: str) -> None:
    literal = text_literal(text)
    assert literal[0] == literal[-1] == "'"
    inside = literal[1:-1]
    assert "'" not in inside.replace("''", "")
    assert text == inside.replace("''", "'")


# --- the error table ---------------------------------------------------------------------------------------------

# status, code, reason at a read, reason at the PATCH
TRANSIENT = [
    (400, "BadRequest", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (400, "BadRequest_InvalidToken", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (400, "", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (401, "Unauthorized", Reason.BC_UNAUTHORIZED, Reason.BC_UNAUTHORIZED),
    (401, "Authentication_InvalidCredentials", Reason.BC_UNAUTHORIZED, Reason.BC_UNAUTHORIZED),
    (403, "", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (404, "", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (408, "", Reason.BC_UNAVAILABLE, Reason.BC_NO_ANSWER),
    (409, "Request_EntityChanged", Reason.BC_CONFLICT, Reason.BC_CONFLICT),
    (409, "Internal_EntityWithSameKeyExists", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (412, "", Reason.BC_CONFLICT, Reason.BC_CONFLICT),
    (413, "", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (415, "BadRequest_NotSupported", Reason.BC_REFUSED, Reason.BC_REFUSED),
    (429, "Application_TooManyRequests", Reason.BC_UNAVAILABLE, Reason.BC_UNAVAILABLE),
    (429, "", Reason.BC_UNAVAILABLE, Reason.BC_UNAVAILABLE),
    (500, "", Reason.BC_UNAVAILABLE, Reason.BC_NO_ANSWER),
    (500, "Application_CallbackNotAllowed", Reason.BC_UNAVAILABLE, Reason.BC_NO_ANSWER),
    (502, "", Reason.BC_UNAVAILABLE, Reason.BC_NO_ANSWER),
    (503, "", Reason.BC_UNAVAILABLE, Reason.BC_UNAVAILABLE),
    (503, "Application_TooManyRequests", Reason.BC_UNAVAILABLE, Reason.BC_UNAVAILABLE),
    (504, "", Reason.BC_UNAVAILABLE, Reason.BC_NO_ANSWER),
]
WAITING = [
    (400, "Application_DialogException", Reason.REJECTED),
    (400, "Application_FieldValidationException", Reason.REJECTED),
    (404, "Internal_CompanyNotFound", Reason.COMPANY_NOT_FOUND),
    (400, "Internal_CompanyNotFound", Reason.COMPANY_NOT_FOUND),
]
MISSING_ITEM = [
    (404, "Internal_RecordNotFound"),
    (400, "Internal_RecordNotFound"),
    (404, "BadRequest_ResourceNotFound"),
]


@pytest.mark.parametrize(("status", "code", "at_read", "at_write"), TRANSIENT)
def test_our_faults_and_passing_ones_are_transient(status: int, code: str, at_read: Reason, at_write: Reason) -> None:
    for write, reason in ((False, at_read), (True, at_write)):
        failure = failure_of(status, code, "the message", write=write)
        assert isinstance(failure, Transient)
        assert reason is failure.reason


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize(("status", "code", "reason"), WAITING)
def test_what_somebody_in_bc_can_change_waits(status: int, code: str, reason: Reason, write: bool) -> None:
    failure = failure_of(status, code, "the message", write=write)
    assert isinstance(failure, Waiting)
    assert reason is failure.reason


@pytest.mark.parametrize("code", ["Application_DialogException", "Application_FilterErrorException"])
def test_a_refused_list_condemns_no_upload(code: str) -> None:
    failure = failure_of(400, code, "The setup is incomplete.", write=False, of_list=True)
    assert (type(failure), failure.reason) == (Transient, Reason.BC_REFUSED)
    assert "The setup is incomplete." in failure.detail


@pytest.mark.parametrize(("status", "code"), MISSING_ITEM)
def test_only_a_write_can_miss_its_item(status: int, code: str) -> None:
    """A query for a missing item returns an empty list: for a query, these codes mean a wrong base URL."""
    assert failure_of(status, code, "the message", write=True).reason is Reason.ITEM_NOT_FOUND
    assert failure_of(status, code, "the message", write=False).reason is Reason.BC_REFUSED


@given(st.integers(300, 599), st.text(), st.text(), st.booleans())
def test_no_answer_of_bc_condemns_a_picture_for_good(status: int, code: str, message: str, write: bool) -> None:
    failure = failure_of(status, code, message, write=write)
    assert isinstance(failure, Failure)
    assert isinstance(failure, Transient | Waiting)
    assert str(status) in failure.detail


@pytest.mark.parametrize(("status", "code"), [(s, c) for s, c, *_ in (*TRANSIENT, *WAITING) if c])
def test_the_detail_repeats_what_bc_said(status: int, code: str) -> None:
    detail = failure_of(status, code, "The item is blocked.", write=True).detail
    assert f"{status} {code}: The item is blocked." in detail


def test_a_401_says_what_to_check() -> None:
    assert "Microsoft Entra Applications" in failure_of(401, "", "", write=False).detail


# --- error bodies ------------------------------------------------------------------------------------------------


def test_code_and_message_are_found() -> None:
    body = json.loads('{"error":{"code":"Internal_CompanyNotFound","message":"Cannot find company"}}')
    assert error_of(body) == ("Internal_CompanyNotFound", "Cannot find company")


@pytest.mark.parametrize(
    "body",
    [None, [], "error", 5, {}, {"error": None}, {"error": "text"}, {"error": {}}, {"error": {"code": None}}],
)
def test_where_there_are_none_they_are_empty(body: object) -> None:
    assert error_of(body) == ("", "")


def test_a_long_message_is_cut() -> None:
    assert len(error_of({"error": {"code": "c", "message": "m" * 10_000}})[1]) == 500


@given(JSON | st.builds(lambda body: {"error": body}, JSON))
def test_any_json_gives_two_strings(body: object) -> None:
    code, message = error_of(body)
    assert isinstance(code, str)
    assert isinstance(message, str)
    assert len(message) <= 500
