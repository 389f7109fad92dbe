"""A write may take effect without an answer: nothing stale stays on the item, and nothing is written twice."""

from typing import Any

import pytest

from shared.errors import Transient
from shared.report import Outcome
from shared.storage import names
from tests.support.item_pictures import (
    BLUE,
    BY_ID,
    PNG,
    RED,
    colour_in_bc,
    deliver,
    deliver_after_doubt,
    item_in_bc,
    kept_pictures,
    picture_of,
    upload,
    upload_with_lost_answer,
)
from tests.support.local_stack import LocalStack


def test_a_late_write_does_not_stay_on_the_item(local: LocalStack) -> None:
    """BC shows the newer upload at once, and again after the older request has taken effect."""
    upload_with_lost_answer(local, BLUE)
    local.pass_time(seconds=5)
    report = upload(local, RED)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "settling")
    assert colour_in_bc(local) == RED
    local.control("POST", "late")
    assert colour_in_bc(local) == BLUE, "BC has now run the older request"
    report = deliver_after_doubt(local)
    assert report.outcome is Outcome.UPDATED
    assert colour_in_bc(local) == RED
    assert local.names(names.INCOMING) == []


def test_a_late_write_does_not_stay_after_a_refused_second_write(local: LocalStack) -> None:
    upload_with_lost_answer(local, BLUE)
    local.pass_time(seconds=5)
    upload(local, RED)
    local.control("POST", "late")
    local.fault(403, method="PATCH")
    with pytest.raises(Transient):
        deliver_after_doubt(local)
    assert colour_in_bc(local) == BLUE
    report = deliver(local)
    assert (report.outcome, report.repeated) == (Outcome.UPDATED, True)
    assert colour_in_bc(local) == RED
    assert local.names(names.INCOMING) == []


def test_a_write_that_happened_is_not_repeated(local: LocalStack) -> None:
    upload_with_lost_answer(local, BLUE, applied=True)
    report = deliver(local)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "settling")
    assert len(local.requests("PATCH")) == 1
    assert deliver_after_doubt(local).outcome is Outcome.UPDATED
    assert len(local.requests("PATCH")) == 1
    assert item_in_bc(local)["media_stored"] == 1


def test_a_write_repeated_after_a_lost_answer_is_reported(local: LocalStack) -> None:
    upload_with_lost_answer(local, BLUE, applied=False)
    report = deliver(local)
    assert (report.outcome, report.reason, report.repeated) == (Outcome.WAITING, "settling", True)
    report = deliver_after_doubt(local)
    assert (report.outcome, report.repeated) == (Outcome.UPDATED, False)
    assert len(local.requests("PATCH")) == 2
    assert local.names(names.INCOMING) == []


def test_while_in_doubt_deliveries_ask_bc_for_nothing(local: LocalStack) -> None:
    upload_with_lost_answer(local, BLUE, BY_ID, applied=False)
    deliver(local, BY_ID)
    requests_before = len(local.requests())
    local.pass_time(minutes=10)
    assert deliver(local, BY_ID).reason == "settling"
    assert [r["path"].rpartition("/")[2] for r in local.requests()[requests_before:]] == ["companies"]


def test_two_lost_answers_are_both_remembered(local: LocalStack) -> None:
    """BC shows the older upload: we neither write it again nor keep it as somebody else's picture."""
    upload_with_lost_answer(local, BLUE, applied=True)
    local.pass_time(seconds=5)
    upload_with_lost_answer(local, RED, PNG, applied=False)
    assert deliver(local).reason == "settling"
    assert len(local.requests("PATCH")) == 2, "BC already shows it"
    report = deliver(local, PNG)
    assert (report.reason, report.repeated) == ("settling", True)
    assert colour_in_bc(local) == RED
    assert kept_pictures(local) == []


@pytest.mark.parametrize("applied", [True, False, "later"])
def test_after_a_lost_answer_the_upload_ends_as_usual(local: LocalStack, applied: Any) -> None:
    upload_with_lost_answer(local, BLUE, applied=applied)
    deliver(local)
    local.control("POST", "late")
    assert deliver_after_doubt(local).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE
    assert local.names(names.INCOMING) == []
    assert len(local.names(names.ARCHIVE)) == 1


def test_a_settling_picture_never_goes_to_quarantine(local: LocalStack) -> None:
    upload_with_lost_answer(local, BLUE)
    pipeline = local.pipeline(ITEM_WAIT="PT0S")
    assert pipeline.process(names.INCOMING, DESK, TakeUp(ends_waiting=True)).outcome is Outcome.WAITING


def test_a_refused_write_leaves_no_doubt(local: LocalStack) -> None:
    local.fault(403, method="PATCH")
    local.upload(content=picture_of(BLUE))
    with pytest.raises(Transient):
        deliver(local)
    assert deliver(local).outcome is Outcome.UPDATED, "at once, because the claim was released"
