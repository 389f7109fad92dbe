"""Neither a number that BC cannot look for nor a company that it cannot list holds up what stands beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from shared.business_central.item_batches import REQUESTS_MAX
from shared.rendering import Render
from shared.report import SweepReport
from shared.storage import names
from tests.support.local_stack import LocalStack, photograph
from tests.test_sweep import sweep
from tests.test_sweep_hardships import add_company
from tests.test_sweep_look_ups import COMPANY, item_requests

WIDE = "".join(chr(ord(c) + 0xFEE0) for c in "1896-S")  # the same in full-width letters


def upload_waiting(local: LocalStack, number: int, company: str = COMPANY) -> None:
    for each in range(number):
        local.upload(f"{company}/WAITS-{each}.jpg", b"x")


def searches(local: LocalStack) -> list[str]:
    """Return the filters of the look-ups for several numbers."""
    filters = [request["query"].get("$filter", "") for request in local.requests("GET")]
    return [text for text in filters if " or " in text]


def sweep_while(local: LocalStack, **fault: object) -> SweepReport:
    """Sweep, and let the fault begin once BC has answered the first question."""
    app = local.app()
    local.pass_time(minutes=5)

    @contextmanager
    def renderers() -> Iterator[Render]:
        local.control("POST", "faults", **fault)
        yield app.pipeline.render

    return replace(app.sweep, renderers=renderers).run()


# --- one odd number ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"status": status} for status in (500, 503, 400, 403, 408)] + [{"drop": True}])
def test_a_number_that_bc_fails_at_holds_up_no_other(local: LocalStack, fault: dict[str, object]) -> None:
    upload_waiting(local, 17)
    local.upload(f"{COMPANY}/ODD.jpg")
    local.upload()
    local.fault(**fault, query="eq 'ODD'", count=None)
    report = sweep(local)
    assert (report.outcomes, report.waiting, report.failed) == ({"updated": 1}, {"item_not_found": 17}, 1)
    assert report.stopped is None
    assert len(item_requests(local)) < 30
    assert local.names(names.QUARANTINE) == []


def test_many_odd_numbers_cost_bounded_requests_and_hold_up_nobody(local: LocalStack) -> None:
    for number in range(80):
        local.upload(f"{COMPANY}/ODD-{number}.jpg", b"x")
    local.upload()
    local.fault(500, query="eq 'ODD", count=None)
    app = local.app()
    for run in range(1, 13):
        report = sweep(local, app)
        assert len(searches(local)) <= run * REQUESTS_MAX
        if report.outcomes:
            break
    assert report.outcomes == {"updated": 1}


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}])
def test_an_outage_during_the_look_ups_is_noticed_at_once(local: LocalStack, fault: dict[str, object]) -> None:
    for number in range(8):
        add_company(local, f"Company {number}", "1000")
        upload_waiting(local, 4, f"Company {number}")
    local.app().sweep.run()
    report = sweep_while(local, **fault, count=None)
    assert report.stopped
    assert "503" in report.stopped or "500" in report.stopped
    assert len(local.requests()) < 25


# --- companies that are broken -----------------------------------------------------------------------------------


def test_broken_companies_take_no_uploads_time(local: LocalStack) -> None:
    ids = {}
    for name in [*(f"Broken {number}" for number in range(25)), "Whole"]:
        ids[name] = local.control("POST", "companies", name=name)["id"]
        local.upload(f"{name}/2000.jpg", photograph(size=(8, 8)))
    app = local.app()
    assert sweep(local, app).waiting == {"item_not_found": 26}
    local.control("POST", "items", company_id=ids.pop("Whole"), number="2000")
    for broken in ids.values():
        local.fault(503, path=broken, count=None)
    # Within an hour: each sweep finds out which of some are broken, and these take turns with the others.
    assert {"updated": 1} in [sweep(local, app).outcomes for _ in range(12)]


def test_a_company_that_refuses_all_says_what_to_do(local: LocalStack) -> None:
    upload_waiting(local, 2)
    message = "Extension Foo: the setup is incomplete."
    local.fault(400, path="/items", code="Application_DialogException", message=message, count=None)
    report = sweep(local)
    assert (report.waiting, report.unknown_companies, report.failed) == ({}, [], 2)
    (failure,) = report.failures
    assert failure.startswith(f"{COMPANY}")
    assert message in failure
    assert "no upload is the cause" in failure
    assert len(local.requests()) < 10


# --- numbers that only BC's own comparison matches ---------------------------------------------------------------


@pytest.mark.parametrize(("item", "path"), [("1896-S", WIDE), (f"{WIDE}2", "1896-S2")], ids=["upload", "item"])
def test_a_number_in_another_width_finds_its_item(local: LocalStack, item: str, path: str) -> None:
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number=item)
    upload_waiting(local, 20)
    local.upload(f"{COMPANY}/{path}.jpg")
    report = sweep(local)
    assert (report.outcomes, report.failed) == ({"updated": 1}, 0)
    assert sum(report.waiting.values()) == 20
    assert len(item_requests(local)) < 10


def test_an_event_too_finds_a_number_in_another_width(local: LocalStack) -> None:
    local.upload(f"{COMPANY}/{WIDE}.jpg")
    assert local.pipeline().process(names.INCOMING, f"{COMPANY}/{WIDE}.jpg").item_number == "1896-S"
