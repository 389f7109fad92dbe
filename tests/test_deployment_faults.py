"""A fault of ours or of the deployment leaves the upload in incoming and tells the operator why."""

import pytest

from devstack.identity import USER_ASSIGNED
from shared.errors import Reason
from shared.report import Outcome
from shared.storage import names
from tests.support.failing_deliveries import fails
from tests.support.local_stack import DESK, DESK_ID, LocalStack, Log


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BadRequest_InvalidToken"),
        (403, "Internal_ServerError"),
        (404, "BadRequest_NotFound"),
        (409, "Internal_EntityWithSameKeyExists"),
        (413, "RequestEntityTooLarge"),
        (415, "UnsupportedMediaType"),
    ],
)
def test_a_refusal_by_bc_leaves_the_picture_in_incoming(local: LocalStack, status: int, code: str) -> None:
    local.upload()
    local.fault(status, code=code, method="PATCH", count=None)
    assert str(status) in fails(local, Reason.BC_REFUSED).detail
    assert len(local.requests("PATCH")) == 1


def test_a_401_leads_to_one_fresh_token(local: LocalStack) -> None:
    local.upload()
    local.fault(401, method="PATCH")
    before = len(local.tokens())
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len(local.tokens()) == before + 2  # the first one, and a fresh one that bypasses the cache


def test_a_repeated_401_is_a_deployment_error(local: LocalStack) -> None:
    local.upload()
    local.fault(401, count=None)
    assert "Microsoft Entra Applications" in fails(local, Reason.BC_UNAUTHORIZED).detail
    assert len(local.requests()) == 2


def test_a_user_assigned_identity_gets_its_own_token(local: LocalStack) -> None:
    local.upload()
    assert local.pipeline(AZURE_CLIENT_ID=USER_ASSIGNED).process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert local.tokens()[-1]["client_id"] == USER_ASSIGNED


def test_a_broken_identity_endpoint_fails_the_delivery(local: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    local.upload()
    monkeypatch.setenv("IDENTITY_ENDPOINT", local.stack.endpoints.catalogue_url)  # HTML
    fails(local, Reason.IDENTITY)


def test_a_refused_token_leaves_the_picture_in_incoming(local: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    local.upload()
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    assert "X-IDENTITY-HEADER" in fails(local, Reason.IDENTITY).detail
    assert local.requests() == []


def test_an_unknown_user_assigned_identity_fails_the_delivery(local: LocalStack) -> None:
    local.upload()
    fails(local, Reason.IDENTITY, AZURE_CLIENT_ID="0f0f0f0f-0000-4000-8000-000000000000")


def test_a_failed_delivery_logs_how_far_it_got(local: LocalStack, log: Log) -> None:
    local.upload()
    local.fault(403, method="PATCH")
    fails(local, Reason.BC_REFUSED)
    (line,) = log()
    assert (line["event"], line["reason"], line["item_id"]) == ("upload_failed", "bc_refused", DESK_ID)
    assert line["outcome"] is None
    assert line["bytes_out"] > 0
