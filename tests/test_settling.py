"""What was on an item comes back when a late request replaces it, even if the uploader has taken its source away."""

from dataclasses import replace

import pytest

from shared.errors import Reason
from shared.report import Outcome, Report
from shared.settling import Settling
from shared.storage import names
from shared.sweep_plan import TURN_WITHIN, SweepState
from tests.support.item_pictures import (
    BLUE,
    GREEN,
    PNG,
    RED,
    colour_in_bc,
    deliver,
    kept_pictures,
    picture_of,
    put_by_hand,
    storage_requests,
    upload,
    upload_with_lost_answer,
)
from tests.support.local_stack import DESK, DESK_ID, LocalStack, Log, ManualClock


def settle(local: LocalStack) -> list[Report]:
    return Settling(local.pipeline()).settle(lambda: True).reports


def outcomes(local: LocalStack) -> dict[str, str]:
    """Return the outcome of each original in the archive, by its source's name."""
    archived = [local.metadata(names.ARCHIVE, name) for name in local.names(names.ARCHIVE) if ".before." not in name]
    return {metadata["source_name"]: metadata["outcome"] for metadata in archived}


def marks(local: LocalStack) -> list[str]:
    return [name for name in local.names(names.RECORDS) if "/settling/" in name]


def a_newer_picture_settles(local: LocalStack) -> None:
    """Leave RED (PNG's name) without an answer, and BLUE on the item, settling."""
    upload_with_lost_answer(local, RED, PNG, applied=False)
    local.pass_time(seconds=1)
    assert upload(local, BLUE).reason == "settling"


def test_an_older_upload_waits_while_a_doubt_lasts(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    assert (deliver(local, PNG).outcome, local.incoming(PNG).exists()) == (Outcome.WAITING, True)
    local.pass_time(minutes=21)
    assert deliver(local, PNG).outcome is Outcome.SUPERSEDED


def test_a_settling_original_is_already_in_the_archive(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    assert outcomes(local) == {DESK: "waiting"}
    local.pass_time(minutes=21)
    assert deliver(local).outcome is Outcome.UPDATED
    assert outcomes(local) == {DESK: "updated"}
    assert settle(local) == []
    assert marks(local) == []


@pytest.mark.parametrize("applied", ["later", False], ids=["lands late", "never lands"])
@pytest.mark.parametrize("is_overwritten", [False, True], ids=["removed", "overwritten"])
def test_what_settled_comes_back_without_its_source(local: LocalStack, applied: object, is_overwritten: bool) -> None:
    local.upload(PNG, picture_of(RED))
    local.fault(drop=True, method="PATCH", applied=applied, **({"delay": 15 * 60} if applied else {}))
    with pytest.raises(Exception, match="bc_no_answer"):
        deliver(local, PNG)
    local.pass_time(seconds=1)
    assert upload(local, BLUE).reason == "settling"
    if is_overwritten:
        local.upload(content=b"not a picture")
        assert deliver(local).outcome is Outcome.QUARANTINED
    else:
        local.incoming().delete_blob()
    local.pass_time(minutes=16)
    assert colour_in_bc(local) == (RED if applied else BLUE)
    assert settle(local) == [], "the doubt lasts"
    local.pass_time(minutes=5)
    assert deliver(local, PNG).outcome is Outcome.SUPERSEDED
    assert [(report.blob, report.outcome) for report in settle(local)] == ([(DESK, Outcome.UPDATED)] if applied else [])
    assert colour_in_bc(local) == BLUE
    assert outcomes(local) == {DESK: "updated", PNG: "superseded"}
    assert marks(local) == []


def test_a_picture_by_hand_is_saved_before_it_is_replaced(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    local.incoming().delete_blob()
    by_hand = put_by_hand(local, GREEN)
    local.pass_time(minutes=21)
    (report,) = settle(local)
    assert report.repeated
    assert report.kept is not None
    assert kept_pictures(local) == by_hand
    assert colour_in_bc(local) == BLUE


def test_a_newer_upload_ends_the_settling_of_an_older_one(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    local.pass_time(minutes=21)
    assert upload(local, GREEN).outcome is Outcome.UPDATED
    assert settle(local) == []
    assert outcomes(local)[DESK] in ("superseded", "updated")
    assert (colour_in_bc(local), marks(local)) == (GREEN, [])


def test_nothing_in_doubt_costs_one_request(local: LocalStack) -> None:
    upload(local, BLUE)
    settling, before = Settling(local.pipeline()), len(local.requests())
    with storage_requests() as storage:
        assert settling.settle(lambda: True).reports == []
    assert (len(storage.methods), local.requests()[before:]) == (1, [])


def test_a_failure_is_tried_again_at_the_next_call(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    local.incoming().delete_blob()
    put_by_hand(local, GREEN)
    local.pass_time(minutes=21)
    local.fault(403, method="PATCH")
    (failed,) = settle(local)
    assert (failed.outcome, failed.reason) == (None, "bc_refused")
    (report,) = settle(local)
    assert (report.outcome, colour_in_bc(local)) == (Outcome.UPDATED, BLUE)


RUNS = 24  # two hours


def a_refused_picture_settles(local: LocalStack) -> None:
    """Let something else take BLUE's place once the doubt is over, and BC refuse BLUE from then on."""
    a_newer_picture_settles(local)
    local.incoming().delete_blob()
    local.incoming(PNG).delete_blob()
    put_by_hand(local, GREEN)
    local.fault(403, method="PATCH", count=None)


def settle_every_run(local: LocalStack) -> list[Report]:
    settling = Settling(local.pipeline())
    return [report for run in range(RUNS) for report in settling.settle(lambda: True, SweepState(run=run)).reports]


def test_what_bc_refuses_is_tried_every_run_on_its_first_day(local: LocalStack) -> None:
    a_refused_picture_settles(local)
    local.pass_time(hours=23)
    assert len(settle_every_run(local)) == RUNS


def test_what_bc_refuses_is_tried_once_an_hour_after_a_day(local: LocalStack) -> None:
    a_refused_picture_settles(local)
    local.pass_storage_time(hours=25)
    failed = settle_every_run(local)
    assert len(failed) == RUNS // TURN_WITHIN
    assert {report.reason for report in failed} == {"bc_refused"}
    (mark,) = marks(local)
    assert all(f"remove records/{mark}" in str(report.detail) for report in failed)
    local.control("DELETE", "faults")
    assert [report.outcome for report in settle_every_run(local)] == [Outcome.UPDATED]
    assert (colour_in_bc(local), marks(local)) == (BLUE, [])


def test_marks_of_a_company_that_is_gone_leave_time_to_others(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    (mark,) = marks(local)
    content = local.read(names.RECORDS, mark) or b""
    company = local.stack.endpoints.company_id
    gone = "00000000-0000-0000-0000-00000000dead"
    record = local.read(names.RECORDS, f"{mark.partition('/settling/')[0]}/{company}/{DESK_ID}.json") or b""
    for number in range(40):
        other = local.storage.get_blob_client(names.RECORDS, f"sandbox/settling/{gone}/{DESK_ID}/{number:012}")
        other.upload_blob(content.replace(company.encode(), gone.encode()))
    local.storage.get_blob_client(names.RECORDS, f"sandbox/{gone}/{DESK_ID}.json").upload_blob(record)
    local.incoming().delete_blob()
    put_by_hand(local, GREEN)
    local.pass_time(minutes=21)
    reports = settle(local)
    assert [report.outcome for report in reports].count(Outcome.UPDATED) == 1
    assert 0 < [report.reason for report in reports].count(Reason.COMPANY_NOT_FOUND) <= 20
    assert colour_in_bc(local) == BLUE


def test_settling_waits_for_no_other_writer(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    local.incoming().delete_blob()
    local.pass_time(minutes=21)
    clock = ManualClock()
    pipeline = local.pipeline(clock=clock)
    stored = pipeline.records.read(local.stack.endpoints.company_id, DESK_ID)
    other = replace(stored.record.on, name="CRONUS USA, Inc/1896-S.webp", picture_sha256="0" * 64)
    pipeline.records.write(local.stack.endpoints.company_id, DESK_ID, stored, stored.claimed(other, "another worker"))
    assert Settling(pipeline).settle(lambda: True).reports == []
    assert clock.slept == []
    assert marks(local) != []


def test_a_folder_of_marks_is_no_mark(local: LocalStack) -> None:
    """Accounts with a hierarchical namespace list folders too; Azurite has no such accounts."""
    folder = local.storage.get_blob_client(names.RECORDS, "sandbox/settling/a")
    folder.upload_blob(b"", metadata={"hdi_isfolder": "true"})
    assert settle(local) == []


def test_nothing_begins_once_time_is_up(local: LocalStack) -> None:
    a_newer_picture_settles(local)
    local.incoming().delete_blob()
    local.pass_time(minutes=21)
    assert Settling(local.pipeline()).settle(lambda: False).reports == []
    assert marks(local) != []


def test_what_has_settled_is_told_though_nothing_was_written(local: LocalStack, log: Log) -> None:
    """Its source is gone, so no delivery comes that could tell; its last line might say that it failed."""
    a_newer_picture_settles(local)
    local.incoming().delete_blob()
    before = len(log())
    settle(local)
    assert len(log()) == before, "while the doubt lasts, nothing is new"
    local.pass_time(minutes=21)
    assert settle(local) == []
    (line,) = log()[before:]
    assert (line["event"], line["blob"], line["outcome"]) == ("upload_finished", DESK, "updated")
    assert line["moved_to"] in {f"{names.ARCHIVE}/{name}" for name in local.names(names.ARCHIVE)}
