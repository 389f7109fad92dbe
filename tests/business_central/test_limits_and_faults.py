"""The app copes with Business Central's limits, denials and slowness, and with lost and late answers."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.business_central.http import Timeouts
from shared.business_central.retries import Throttle
from shared.errors import Reason, Transient
from shared.report import Outcome
from shared.storage import names
from tests.support.local_stack import DESK, DESK_ID, LocalStack, ManualClock, photograph

NAMES = [f"CRONUS USA, Inc/{number}.jpg" for number in ("1896-S", "1900-S", "1906-S", "1908-S", "1920-S")]


class SharedClock(ManualClock):
    """Shares its time between the app and Business Central: when the app waits, time passes for both."""

    def __init__(self, local: LocalStack) -> None:
        super().__init__()
        self._local = local

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._local.control("POST", "clock", advance=seconds)


def fails(local: LocalStack, reason: Reason, **options: object) -> None:
    """Deliver once; the delivery must fail for ``reason`` and leave the upload in incoming."""
    with pytest.raises(Transient) as failure:
        local.pipeline(**options).process(names.INCOMING, DESK)
    assert failure.value.reason is reason
    assert local.incoming().exists()


def test_too_many_requests_at_once_only_slow_the_app_down(local: LocalStack) -> None:
    local.control("POST", "limits", running=1, queued=0, connections=1)
    local.control("POST", "latency", seconds=0.05)
    for name in NAMES:
        local.upload(name)
    pipeline = local.pipeline(throttle=Throttle())
    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(lambda name: pipeline.process(names.INCOMING, name), NAMES))
    assert [report.outcome for report in reports] == [Outcome.UPDATED] * len(NAMES)
    assert 429 in {request["status"] for request in local.requests()}


def test_too_many_requests_in_a_time_only_slow_the_app_down(local: LocalStack) -> None:
    local.control("POST", "limits", requests=4, window=10)
    clock = SharedClock(local)
    pipeline = local.pipeline(clock=clock)
    for name in NAMES[:3]:
        local.upload(name)
        assert pipeline.process(names.INCOMING, name).outcome is Outcome.UPDATED
    assert clock.slept
    assert 429 in {request["status"] for request in local.requests()}


def test_a_delivery_fails_if_bc_keeps_queueing_it_too_long(local: LocalStack) -> None:
    local.upload()
    local.control("POST", "limits", running=0, queue_seconds=0)
    clock = ManualClock()
    fails(local, Reason.BC_UNAVAILABLE, clock=clock)
    assert clock.slept
    assert {request["status"] for request in local.requests()} == {503}


@pytest.mark.parametrize(("who", "status"), [("operation_seconds", 408), ("gateway_seconds", 504)])
def test_a_write_that_bc_or_its_gateway_drops_is_in_doubt(local: LocalStack, who: str, status: int) -> None:
    local.upload()
    local.control("POST", "limits", **{who: 0.05})
    local.control("POST", "latency", seconds=0.2, method="PATCH")
    fails(local, Reason.BC_NO_ANSWER)
    assert [request["status"] for request in local.requests("PATCH")] == [status]


def test_a_late_write_without_an_answer_does_not_count_as_done(local: LocalStack) -> None:
    local.upload()
    local.fault(drop=True, method="PATCH", applied="later")
    fails(local, Reason.BC_NO_ANSWER)
    assert local.picture() is None
    local.control("POST", "late")
    assert local.picture() is not None
    assert local.incoming().exists()
    assert local.names(names.ARCHIVE) == []


def test_occasional_refusals_lose_no_picture(local: LocalStack) -> None:
    local.fault(503, count=None, probability=0.4, seed=7)
    pipeline = local.pipeline()
    for name in NAMES:
        local.upload(name)
        assert pipeline.process(names.INCOMING, name).outcome is Outcome.UPDATED
    assert 503 in {request["status"] for request in local.requests()}


def test_a_connection_closed_before_bc_reads_leaves_a_doubt(local: LocalStack) -> None:
    """To the app it looks the same as a connection that is closed afterwards."""
    local.upload()
    local.fault(drop="unread", method="PATCH", count=None)
    fails(local, Reason.BC_NO_ANSWER)
    assert len(local.requests("PATCH")) == 1


@pytest.mark.parametrize(
    ("slow", "method", "reason"),
    [("answer", "GET", Reason.BC_UNAVAILABLE), ("request", "PATCH", Reason.BC_NO_ANSWER)],
)
def test_slowness_has_an_end(local: LocalStack, slow: str, method: str, reason: Reason) -> None:
    local.upload()
    local.control("POST", "speed", **{slow: 40, "method": method})
    fails(local, reason, timeouts=Timeouts(read=0.3, write=0.3))
    local.control("DELETE", "latency")


def test_a_dripping_answer_has_an_end(local: LocalStack) -> None:
    """Each second brings a piece, so no single wait is too long, but all of them together are."""
    local.upload()
    local.control("POST", "speed", answer=40, method="GET")
    fails(local, Reason.BC_UNAVAILABLE, throttle=Throttle(), timeouts=Timeouts(read=1.5))
    local.control("DELETE", "latency")


@pytest.mark.parametrize("permission", ["Read", "Modify"])
def test_a_missing_permission_is_for_the_operator_to_fix(local: LocalStack, permission: str) -> None:
    local.upload()
    local.control("POST", "permissions", permission=permission)
    with pytest.raises(Transient, match="current permissions prevented the action") as failure:
        local.pipeline().process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.BC_REFUSED
    local.control("DELETE", "permissions")
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED


def test_an_expired_token_is_replaced_once(local: LocalStack) -> None:
    """BC's clock is a day ahead of everybody else's, so no token helps: the failure says what to check."""
    local.upload()
    local.control("POST", "clock", advance=25 * 3600)
    before = len(local.tokens())
    fails(local, Reason.BC_UNAUTHORIZED)
    assert len(local.tokens()) == before + 2
    assert [request["status"] for request in local.requests()] == [401, 401]


def test_a_wrong_environment_is_for_the_operator_to_fix(local: LocalStack) -> None:
    local.upload()
    url = local.stack.endpoints.business_central_url.replace("/sandbox/", "/nowhere/")
    fails(local, Reason.BC_REFUSED, BC_BASE_URL=url)


def test_an_upload_goes_to_the_environment_of_the_settings(local: LocalStack) -> None:
    url = local.stack.endpoints.business_central_url.replace("/sandbox/", "/production/")
    local.upload("2000-S.jpg")  # an item that the sandbox does not have
    report = local.pipeline(BC_BASE_URL=url).process(names.INCOMING, "2000-S.jpg")
    assert (report.outcome, report.item_number) == (Outcome.UPDATED, "2000-S")
    assert all("/production/" in request["path"] for request in local.requests())


def test_an_upload_replaces_a_set_of_pictures_by_one(local: LocalStack) -> None:
    several = [base64.b64encode(photograph(colour)).decode() for colour in ("#111111", "#222222", "#333333")]
    local.control("POST", f"items/{DESK_ID}/pictures", contents=several)
    local.upload()
    report = local.pipeline().process(names.INCOMING, DESK)
    assert report.replaced
    assert len(local.control("GET", f"items/{DESK_ID}")["pictures"]) == 1


def test_on_premises_addresses_work_in_both_versions(local: LocalStack) -> None:
    origin = local.stack.endpoints.catalogue_url
    for version, colour in (("v2.0", "#336699"), ("v1.0", "#aa2200")):
        local.upload(content=photograph(colour))
        pipeline = local.pipeline(BC_BASE_URL=f"{origin}BC/api/{version}", BC_API_VERSION=version)
        assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
