"""Waiting ends only by the sweep, after ITEM_WAIT and a day of answers; never on the first look after an outage."""

import pytest

from shared.report import SweepReport
from shared.storage import names
from tests.support.local_stack import DESK, LocalStack, Log, ManualClock
from tests.test_waiting import UNKNOWN_ITEM, create_item


class Sweeps:
    """A process that sweeps every 25 minutes, often enough; so an old upload has a turn every five hours."""

    def __init__(self, local: LocalStack, **settings: str) -> None:
        self.local, self.clock = local, ManualClock()
        self.app = local.app(clock=self.clock, **settings)

    def once(self, minutes: float = 25) -> SweepReport:
        self.local.pass_storage_time(minutes=minutes)
        self.clock.now += minutes * 60
        return self.app.sweep.run()

    def hours(self, hours: float) -> list[SweepReport]:
        return [self.once() for _ in range(round(hours * 60 / 25))]


def quarantined(reports: list[SweepReport]) -> int:
    return sum(report.outcomes.get("quarantined", 0) for report in reports)


def test_after_item_wait_and_a_day_of_answers_waiting_ends(local: LocalStack) -> None:
    content = local.upload(UNKNOWN_ITEM)
    sweeps = Sweeps(local, ITEM_WAIT="PT10H")
    assert quarantined(sweeps.hours(23.5)) == 0
    assert quarantined(sweeps.hours(6)) == 1
    original, note = local.names(names.QUARANTINE)
    assert original.startswith("item_not_found/")
    assert local.read(names.QUARANTINE, original) == content
    assert note == f"{original}.txt"
    assert local.names(names.INCOMING) == []


def test_before_item_wait_waiting_does_not_end(local: LocalStack) -> None:
    local.upload(UNKNOWN_ITEM)
    sweeps = Sweeps(local, ITEM_WAIT="PT40H")
    assert quarantined(sweeps.hours(39.5)) == 0
    assert quarantined(sweeps.hours(6)) == 1


def test_a_rejected_picture_ends_waiting_too(local: LocalStack) -> None:
    local.fault(400, method="PATCH", code="Application_DialogException", message="The item is blocked.", count=None)
    local.upload()
    reports = Sweeps(local, ITEM_WAIT="PT10H").hours(31)
    assert quarantined(reports) == 1
    assert local.names(names.QUARANTINE)[0].startswith("rejected/")


def test_an_outage_of_bc_starts_the_day_anew(local: LocalStack) -> None:
    local.upload(UNKNOWN_ITEM)
    sweeps = Sweeps(local, ITEM_WAIT="PT10H")
    sweeps.hours(23)
    local.fault(503, count=None)
    assert sweeps.once().stopped
    local.control("POST", "reset")
    assert quarantined(sweeps.hours(23)) == 0
    assert quarantined(sweeps.hours(7)) == 1


def test_after_an_outage_of_ours_an_item_gets_its_picture(local: LocalStack) -> None:
    local.upload(UNKNOWN_ITEM)
    Sweeps(local, ITEM_WAIT="P20D").hours(25)
    local.pass_storage_time(days=8)
    sweeps = Sweeps(local, ITEM_WAIT="PT10H")
    assert quarantined([sweeps.once() for _ in range(12)]) == 0
    create_item(local)
    assert sum(report.outcomes.get("updated", 0) for report in [sweeps.once() for _ in range(12)]) == 1


def test_a_deployment_with_another_company_ends_nothing(local: LocalStack) -> None:
    local.upload("1896-S.jpg")
    local.fault(403, path="picture", count=None)  # the right company refuses it, so it stays
    Sweeps(local, ITEM_WAIT="PT10H").hours(26)
    local.control("POST", "reset")
    deployed = Sweeps(local, ITEM_WAIT="PT10H", BC_COMPANY="NORDWIND")
    assert quarantined([deployed.once() for _ in range(13)]) == 0


def test_a_forgotten_company_starts_its_day_anew(local: LocalStack) -> None:
    local.upload(UNKNOWN_ITEM)
    sweeps = Sweeps(local, ITEM_WAIT="PT10H")
    sweeps.hours(23)
    local.fault(404, code="Internal_CompanyNotFound", path="items")
    assert sweeps.once().waiting == {"company_not_found": 1}
    assert quarantined(sweeps.hours(20)) == 0


def test_an_unknown_company_never_ends_waiting(local: LocalStack, log: Log) -> None:
    local.upload("Fabrikam/1000.jpg")
    reports = Sweeps(local, ITEM_WAIT="PT1H").hours(31)
    assert quarantined(reports) == 0
    assert local.names(names.INCOMING) == ["Fabrikam/1000.jpg"]
    assert log()[0]["unknown_companies"] == ["Fabrikam"]


def test_a_rejected_picture_is_sent_once_an_hour_when_old(local: LocalStack) -> None:
    local.fault(400, method="PATCH", code="Application_DialogException", message="The item is blocked.", count=None)
    local.upload()
    local.pass_storage_time(hours=25)
    sweeps = Sweeps(local)
    for _ in range(24):
        sweeps.once(minutes=5)
    assert len(local.requests("PATCH")) in (2, 3, 4)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff"])
def test_an_unfinished_upload_is_judged_by_the_sweep(local: LocalStack, content: bytes) -> None:
    local.upload(DESK, content)
    sweeps = Sweeps(local)
    assert sweeps.once(minutes=5).waiting == {"unfinished": 1}
    assert sweeps.once(minutes=6).outcomes == {"quarantined": 1}
