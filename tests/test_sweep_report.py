"""A sweep's record says why the sweep could not do all, which companies matter, and calls only what it knows stuck."""

import json
from collections import Counter

import pytest

from shared import report as reports
from shared.errors import Reason, Transient
from shared.report import SweepReport
from shared.sweep_look_up import LookUp
from shared.sweep_tally import Tally
from tests.support.local_stack import DESK, LocalStack, Log

MISSING = "CRONUS USA, Inc/9999-X.jpg"


def tallied(found: LookUp) -> SweepReport:
    report = SweepReport("s")
    Tally(report).look_ups(found)
    return report


def swept(local: LocalStack) -> SweepReport:
    local.pass_time(hours=2)
    return local.app().sweep.run()


def test_a_company_with_many_uploads_does_not_hide_among_slips(caplog: pytest.LogCaptureFixture) -> None:
    companies = Counter({f"Cronus {number:02}": 1 for number in range(24)}) + Counter({"Zurich": 5, "Yverdon": 2})
    report = tallied(LookUp(unknown_companies=companies))
    assert report.unknown_companies[:3] == ["Zurich", "Yverdon", "Cronus 00"]
    assert (len(report.unknown_companies), report.more_unknown_companies) == (20, 6)
    reports.sweep_finished(report)
    (record,) = caplog.records
    assert json.loads(record.__dict__["item_picture.company"]) == report.unknown_companies
    assert record.__dict__["item_picture.detail"] == "BC does not know 6 more companies."


def test_a_long_list_of_companies_is_shortened_and_not_cut(caplog: pytest.LogCaptureFixture) -> None:
    """The exporter cuts a dimension, and half a list in JSON names nobody."""
    report = tallied(LookUp(unknown_companies=Counter({f"{number:02}" + '"\\' * 400: 1 for number in range(20)})))
    reports.sweep_finished(report)
    (record,) = caplog.records
    listed = record.__dict__["item_picture.company"]
    named = json.loads(listed)
    assert len(listed) <= 8192 < len(json.dumps(report.unknown_companies))
    assert named == report.unknown_companies[: len(named)] != []
    assert record.__dict__["item_picture.detail"] == f"BC does not know {20 - len(named)} more companies."


def test_a_few_unknown_companies_need_no_detail(caplog: pytest.LogCaptureFixture) -> None:
    reports.sweep_finished(tallied(LookUp(unknown_companies=Counter({"Zurich": 1}))))
    (record,) = caplog.records
    assert "item_picture.detail" not in record.__dict__


@pytest.mark.parametrize("refusal", [Reason.BC_UNAUTHORIZED, Reason.BC_REFUSED, Reason.IDENTITY])
def test_a_refusal_comes_before_an_outage(refusal: Reason) -> None:
    failures = [Transient(Reason.BC_UNAVAILABLE, "503"), Transient(refusal, "403"), Transient(Reason.BC_NO_ANSWER, "-")]
    assert tallied(LookUp(failures=failures)).reason is refusal
    assert tallied(LookUp(failures=failures[:1])).reason is Reason.BC_UNAVAILABLE
    assert tallied(LookUp()).reason is None


@pytest.mark.parametrize(("status", "path", "reason"), [(503, "", "bc_unavailable"), (403, "items", "bc_refused")])
def test_what_nobody_could_look_up_is_not_called_stuck(
    local: LocalStack, log: Log, status: int, path: str, reason: str
) -> None:
    """It may wait for its item, as it did before."""
    local.upload(MISSING)
    assert swept(local).oldest_waiting_s >= 7200
    local.fault(status, count=None, **({"path": path} if path else {}))
    report = swept(local)
    assert report.failed + report.not_begun == 1
    assert (report.reason, report.oldest_age_s) == (reason, 0)
    assert log()[-1]["reason"] == reason


@pytest.mark.parametrize(("status", "hours", "is_stuck"), [(403, 25, True), (403, 23, False), (500, 25, False)])
def test_what_bc_refuses_to_look_up_for_a_day_is_stuck(
    local: LocalStack, status: int, hours: int, is_stuck: bool
) -> None:
    """From then on it has a turn once an hour, too seldom for the alert about refusals."""
    local.upload(MISSING)
    local.fault(status, path="items", count=None)
    local.pass_storage_time(hours=hours - 2)
    report = swept(local)
    assert report.failed == 1
    assert (report.oldest_age_s >= hours * 3600) is is_stuck
    assert (report.oldest_age_s > 0) is is_stuck


def test_what_has_its_item_and_still_fails_is_stuck(local: LocalStack) -> None:
    local.upload(DESK)
    local.fault(403, method="PATCH", count=None)
    assert swept(local).oldest_age_s >= 7200
