"""An upload waits in incoming while something in BC is missing, and only the sweep ends that."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.pipeline import TakeUp
from shared.report import Outcome
from shared.storage import names
from tests.support.failing_deliveries import is_quarantined
from tests.support.local_stack import DESK, LocalStack, ManualClock, photograph

UNKNOWN_ITEM = "CRONUS USA, Inc/9999-X.jpg"


def create_item(local: LocalStack) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="9999-X", displayName="Here at last")


def create_company(local: LocalStack) -> None:
    company = local.control("POST", "companies", name="Fabrikam")
    local.control("POST", "items", company_id=company["id"], number="1000", displayName="Lamp")


def unblock(local: LocalStack) -> None:
    local.control("POST", "reset")


@pytest.mark.parametrize(
    ("name", "reason", "prepare"),
    [
        (UNKNOWN_ITEM, "item_not_found", create_item),
        ("CRONUS USA, Inc/00000000-0000-0000-0000-000000000001.jpg", "item_not_found", None),
        ("Fabrikam/1000.jpg", "company_not_found", create_company),
        (DESK, "rejected", unblock),
    ],
    ids=["item", "item by id", "company", "business logic"],
)
def test_a_picture_may_arrive_before_bc_is_ready(
    local: LocalStack, name: str, reason: str, prepare: Callable[[LocalStack], None] | None
) -> None:
    if reason == "rejected":
        local.fault(
            400,
            method="PATCH",
            code="Application_DialogException",
            message="The item is blocked.",
            count=None,
        )
    clock = ManualClock()
    pipeline = local.pipeline(clock=clock)
    content = local.upload(name)
    report = pipeline.process(names.INCOMING, name)
    assert (report.outcome, report.reason) == (Outcome.WAITING, reason)
    assert local.read(names.INCOMING, name) == content
    assert local.names(names.QUARANTINE) == local.names(names.ARCHIVE) == []
    if prepare:
        prepare(local)
        clock.now += 60  # after a minute we look for unknown companies again
        assert pipeline.process(names.INCOMING, name).outcome is Outcome.UPDATED


@pytest.mark.parametrize(("name", "reason"), [(UNKNOWN_ITEM, "item_not_found"), (DESK, "rejected")])
def test_after_item_wait_the_sweep_may_quarantine(local: LocalStack, name: str, reason: str) -> None:
    local.fault(400, method="PATCH", code="Application_DialogException", message="The item is blocked.", count=None)
    is_quarantined(local, name, photograph(), reason, TakeUp(ends_waiting=True), ITEM_WAIT="PT0S")


@pytest.mark.parametrize("name", [UNKNOWN_ITEM, DESK, "Fabrikam/1000.jpg"])
def test_an_event_never_ends_waiting(local: LocalStack, name: str) -> None:
    local.fault(400, method="PATCH", code="Application_DialogException", message="The item is blocked.", count=None)
    local.upload(name)
    assert local.pipeline(ITEM_WAIT="PT0S").process(names.INCOMING, name).outcome is Outcome.WAITING


def test_a_missing_company_never_ends_waiting(local: LocalStack) -> None:
    local.upload("Fabrikam/1000.jpg")
    report = local.pipeline(ITEM_WAIT="PT0S").process(names.INCOMING, "Fabrikam/1000.jpg", TakeUp(ends_waiting=True))
    assert (report.outcome, report.reason) == (Outcome.WAITING, "company_not_found")


def test_a_company_that_bc_does_not_find_is_looked_up_again(local: LocalStack) -> None:
    pipeline = local.pipeline()
    local.upload()
    pipeline.process(names.INCOMING, DESK)
    local.upload(content=photograph("#aa2200"))
    local.fault(404, code="Internal_CompanyNotFound", path="items")
    report = pipeline.process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "company_not_found")
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len([request for request in local.requests() if request["path"].endswith("/companies")]) == 2


def test_simultaneous_uploads_share_one_look_up(local: LocalStack) -> None:
    uploads = [f"CRONUS USA, Inc/{number}.jpg" for number in ("1896-S", "1900-S", "1906-S", "1908-S")]
    for name in uploads:
        local.upload(name)
    local.control("POST", "latency", seconds=0.2, path="companies")
    pipeline = local.pipeline()
    with ThreadPoolExecutor(len(uploads)) as threads:
        reports = list(threads.map(lambda name: pipeline.process(names.INCOMING, name), uploads))
    assert [report.outcome for report in reports] == [Outcome.UPDATED] * len(uploads)
    assert len([request for request in local.requests() if request["path"].endswith("/companies")]) == 1


def test_pictures_of_unknown_companies_share_one_look_up(local: LocalStack) -> None:
    pipeline = local.pipeline()
    for name in ("Fabrikam/1.jpg", "Fabrikam/2.jpg", "Contoso/3.jpg"):
        local.upload(name)
        assert pipeline.process(names.INCOMING, name).outcome is Outcome.WAITING
    assert len(local.requests()) == 1


def test_a_missing_default_company_keeps_the_picture_waiting(local: LocalStack) -> None:
    local.upload("1896-S.jpg")
    report = local.pipeline(BC_COMPANY="").process(names.INCOMING, "1896-S.jpg")
    assert (report.outcome, report.reason) == (Outcome.WAITING, "company_not_found")
    assert "BC_COMPANY" in str(report.detail)
