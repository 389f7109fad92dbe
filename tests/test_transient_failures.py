"""BC may be busy, unreachable or silent: we wait within bounds, write nothing twice blindly and lose no upload."""

import pytest

from shared.business_central.http import Timeouts
from shared.errors import Reason, Transient
from shared.report import Outcome
from shared.storage import names
from tests.support.failing_deliveries import fails
from tests.support.local_stack import DESK, LocalStack, ManualClock


@pytest.mark.parametrize("status", [429, 503])
def test_we_wait_out_a_short_refusal(local: LocalStack, status: int) -> None:
    local.upload()
    local.fault(status, count=2)
    local.fault(status, count=2, method="PATCH")
    clock = ManualClock()
    assert local.pipeline(clock=clock).process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert 3 <= clock.now < 17
    assert len(local.requests("PATCH")) == 3


def test_an_upload_outlasts_bcs_longest_refusal(local: LocalStack) -> None:
    """After 429 without Retry-After, BC may refuse everything for five minutes; no delivery is used up by that."""
    local.upload()
    local.fault(429, count=8, method="GET")
    local.fault(429, count=12, method="PATCH")
    clock = ManualClock()
    assert local.pipeline(clock=clock).process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert clock.now > 180


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_refusal_without_end_becomes_transient(local: LocalStack, method: str) -> None:
    local.upload()
    local.fault(429, count=None, method=method)
    clock = ManualClock()
    with pytest.raises(Transient) as failure:
        local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.BC_UNAVAILABLE
    assert 300 <= clock.now <= 330
    assert len(local.requests()) < 45  # at each turn it looks once more whether the item has a picture
    assert local.incoming().exists()


@pytest.mark.parametrize(
    ("status", "retry_after"),
    [
        (503, None),
        *(
            (status, header)
            for header in ("7", "86400", "soon", "-5", "Wed, 21 Oct 2037 07:28:00 GMT")
            for status in (429, 503)
        ),
    ],
)
def test_a_long_refusal_becomes_transient_after_bounded_waiting(
    local: LocalStack, status: int, retry_after: str | None
) -> None:
    local.upload()
    local.fault(status, count=None, headers={"Retry-After": retry_after} if retry_after else {})
    clock = ManualClock()
    with pytest.raises(Transient) as failure:
        local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.BC_UNAVAILABLE
    assert 10 < clock.now <= 21
    assert 2 <= len(local.requests()) <= 6
    assert local.incoming().exists()


def test_a_very_long_retry_after_leads_to_one_more_try(local: LocalStack) -> None:
    local.upload()
    local.fault(429, count=None, headers={"Retry-After": "86400"})
    clock = ManualClock()
    with pytest.raises(Transient):
        local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert clock.slept == [20.0]
    assert len(local.requests()) == 2


def test_retry_after_is_honoured(local: LocalStack) -> None:
    local.upload()
    local.fault(429, headers={"Retry-After": "7"})
    clock = ManualClock()
    local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert clock.slept == [7.0]


def test_an_unreachable_bc_leaves_the_picture_in_incoming(local: LocalStack) -> None:
    local.upload()
    fails(local, Reason.BC_UNAVAILABLE, BC_BASE_URL="http://127.0.0.1:9/api/v2.0")


@pytest.mark.parametrize("status", [502, 504])
def test_a_read_is_repeated_after_a_gateway_error(local: LocalStack, status: int) -> None:
    local.upload()
    local.fault(status, method="GET", count=2)
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED


@pytest.mark.parametrize("status", [408, 500, 502, 504])
@pytest.mark.parametrize("applied", [False, True])
def test_an_unanswered_patch_is_not_repeated_blindly(local: LocalStack, status: int, applied: bool) -> None:
    local.upload()
    local.fault(status, method="PATCH", count=None, applied=applied)
    fails(local, Reason.BC_NO_ANSWER)
    assert len(local.requests("PATCH")) == 1
    assert (local.picture() is not None) == applied


@pytest.mark.parametrize("applied", [False, True])
def test_a_patch_on_a_broken_connection_is_not_repeated_blindly(local: LocalStack, applied: bool) -> None:
    local.upload()
    local.fault(drop=True, method="PATCH", count=None, applied=applied)
    fails(local, Reason.BC_NO_ANSWER)
    assert len(local.requests("PATCH")) == 1


def test_a_patch_that_times_out_is_not_repeated(local: LocalStack) -> None:
    local.upload()
    local.control("POST", "latency", seconds=30, method="PATCH")
    with pytest.raises(Transient) as failure:
        local.pipeline(timeouts=Timeouts(write=0.2)).process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.BC_NO_ANSWER
    assert local.incoming().exists()
    local.control("DELETE", "latency")


def test_an_unanswered_read_is_repeated_once(local: LocalStack) -> None:
    local.upload()
    local.fault(drop=True, method="GET")
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED


def test_a_changed_entity_is_read_again_and_written_once_more(local: LocalStack) -> None:
    local.upload()
    local.fault(409, method="PATCH", code="Request_EntityChanged")
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert [request["method"] for request in local.requests()] == ["GET", "GET", "PATCH", "GET", "PATCH"]


def test_an_entity_that_keeps_changing_is_transient(local: LocalStack) -> None:
    local.upload()
    local.fault(409, method="PATCH", code="Request_EntityChanged", count=None)
    fails(local, Reason.BC_CONFLICT)
    assert len(local.requests("PATCH")) == 2


def test_an_item_deleted_before_the_patch_is_waited_for(local: LocalStack) -> None:
    local.upload()
    local.fault(404, method="PATCH", code="BadRequest_ResourceNotFound")
    report = local.pipeline().process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "item_not_found")
