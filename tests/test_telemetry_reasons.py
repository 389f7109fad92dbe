"""Each outcome and each reason reaches Application Insights as one record, with the names that queries read.

The tests that produce them run once more here, in a process that sends telemetry as the worker does.
"""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from devstack.ingestion.rows import Row
from devstack.machine.setup import ROOT
from shared import telemetry_names as names
from shared.call_names import storage_calls
from shared.errors import Reason
from shared.report import Outcome
from tests.support.telemetry import Trace, as_guid, dimensions, measurements

# Where each reason is produced; a test may produce others on its way.
PRODUCED = {
    Reason.BAD_PATH: "tests/test_permanent_failures.py::test_a_picture_whose_name_ends_in_a_slash_is_a_bad_path",
    Reason.IGNORED: "tests/test_permanent_failures.py::test_a_directory_marker_is_ignored",
    Reason.TOO_LARGE: "tests/test_permanent_failures.py::test_too_many_bytes_are_refused_before_they_are_decoded",
    Reason.NOT_AN_IMAGE: "tests/test_superseded.py::test_a_bad_picture_gone_before_its_delete_is_quarantined",
    Reason.ITEM_AMBIGUOUS: "tests/test_permanent_failures.py::test_a_gtin_of_two_items_is_quarantined_with_both_numbers",  # noqa: E501
    Reason.ITEM_NOT_FOUND: "tests/test_waiting.py::test_a_picture_may_arrive_before_bc_is_ready[item]",
    Reason.COMPANY_NOT_FOUND: "tests/test_waiting.py::test_a_picture_may_arrive_before_bc_is_ready[company]",
    Reason.REJECTED: "tests/test_waiting.py::test_a_picture_may_arrive_before_bc_is_ready[business logic]",
    Reason.UNFINISHED: "tests/test_unfinished.py::test_an_unfinished_upload_waits_where_it_is[half a PNG]",
    Reason.ITEM_BUSY: "tests/test_claims.py::test_a_claimed_item_makes_other_uploads_wait_a_minute",
    Reason.SETTLING: "tests/test_settling.py::test_a_settling_original_is_already_in_the_archive",
    Reason.NEWER_UPLOAD: "tests/test_newest_wins.py::test_the_archive_marks_a_superseded_original",
    Reason.SOURCE_CHANGED: "tests/test_superseded.py::test_a_bad_picture_replaced_meanwhile_is_superseded",
    Reason.SOURCE_GONE: "tests/test_superseded.py::test_a_source_that_is_gone_is_superseded",
    Reason.NOT_INCOMING: "tests/test_superseded.py::test_an_event_for_another_container_touches_nothing",
    Reason.BC_UNAVAILABLE: "tests/test_transient_failures.py::test_a_very_long_retry_after_leads_to_one_more_try",
    Reason.BC_NO_ANSWER: "tests/test_transient_failures.py::test_a_patch_on_a_broken_connection_is_not_repeated_blindly",  # noqa: E501
    Reason.BC_CONFLICT: "tests/test_transient_failures.py::test_an_entity_that_keeps_changing_is_transient",
    Reason.BC_UNAUTHORIZED: "tests/test_deployment_faults.py::test_a_repeated_401_is_a_deployment_error",
    Reason.BC_REFUSED: "tests/test_deployment_faults.py::test_a_failed_delivery_logs_how_far_it_got",
    Reason.IDENTITY: "tests/test_deployment_faults.py::test_a_refused_token_leaves_the_picture_in_incoming",
    Reason.STORAGE: "tests/storage/test_faults.py::test_a_wrong_key_fails_the_delivery",
}
ON_LINUX = {
    Reason.CRASHES_WORKER: "tests/test_crashing_file.py::test_a_killed_render_names_its_reason[SIGSEGV]",
    Reason.RENDER_INTERRUPTED: "tests/test_crashing_file.py::test_a_killed_render_names_its_reason[SIGKILL]",
}
EXPECTED = {**PRODUCED, **(ON_LINUX if sys.platform == "linux" else {})}
ALSO = (
    "tests/test_keep_existing.py::test_a_picture_that_bc_already_has_is_unchanged",
    "tests/test_pipeline.py::test_a_signature_that_may_too_little_is_never_logged",
    "tests/test_placement.py::test_a_missing_records_container_fails_the_delivery",
    "tests/test_newest_wins.py::test_a_replay_updates_an_item_without_a_newer_upload",
    "tests/test_settling.py::test_what_settled_comes_back_without_its_source[removed-lands late]",
    "tests/test_settling.py::test_what_has_settled_is_told_though_nothing_was_written",
)
SECONDS = 300


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything that reached the endpoint."""
    file = tmp_path_factory.mktemp("telemetry") / "sent.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--telemetry", str(file)]
    ended = subprocess.run(
        [*command, *dict.fromkeys(EXPECTED.values()), *ALSO],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    everything: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return everything


def records(sent: dict[str, Any]) -> list[Row]:
    return [row for row in sent["rows"] if row["table"] == "traces"]


def of_uploads(sent: dict[str, Any]) -> list[Row]:
    return [row for row in records(sent) if row["message"] in (names.UPLOAD_FINISHED, names.UPLOAD_FAILED)]


def test_a_test_is_named_for_every_reason() -> None:
    assert {*PRODUCED, *ON_LINUX} == set(Reason)


@pytest.mark.parametrize("reason", EXPECTED)
def test_every_reason_arrives_with_its_detail(sent: dict[str, Any], reason: Reason) -> None:
    found = [row for row in of_uploads(sent) if dimensions(row).get("reason") == reason]
    assert found
    assert all(dimensions(row)["detail"] for row in found if reason is not Reason.NEWER_UPLOAD)


def test_every_outcome_arrives_and_a_failure_has_none(sent: dict[str, Any]) -> None:
    finished, failed = (
        {dimensions(row).get("outcome") for row in records(sent) if row["message"] == event}
        for event in (names.UPLOAD_FINISHED, names.UPLOAD_FAILED)
    )
    assert (finished, failed) == ({*Outcome}, {None})


def test_nothing_arrives_under_a_name_that_is_not_listed(sent: dict[str, Any]) -> None:
    for row in records(sent):
        listed = names.RECORDS[row["message"]]
        assert dimensions(row).keys() <= {*listed.dimensions}
        assert measurements(row).keys() <= {*listed.measurements}
    calls = [row for row in sent["rows"] if row["table"] == "dependencies"]
    assert {name for row in calls for name in dimensions(row)} == {*names.CALL_DIMENSIONS}
    assert {row["name"] for row in calls if row["type"] == "InProc"} == {*names.SPANS}


def test_every_listed_name_arrives(sent: dict[str, Any]) -> None:
    for event in (names.UPLOAD_FINISHED, names.UPLOAD_FAILED):
        rows = [row for row in records(sent) if row["message"] == event]
        never_of_failures = {"outcome", "moved_to", "time_to_item_s"} if event == names.UPLOAD_FAILED else set()
        assert {*names.RECORDS[event].dimensions} - {d for row in rows for d in dimensions(row)} <= never_of_failures
        assert {*names.RECORDS[event].measurements} - {m for r in rows for m in measurements(r)} <= never_of_failures


def test_each_upload_is_a_trace_whose_id_bc_sees(sent: dict[str, Any]) -> None:
    for record in of_uploads(sent):
        trace = Trace([row for row in sent["rows"] if row["operation_Id"] == record["operation_Id"]])
        upload = trace.one("dependencies", name=names.PROCESS_UPLOAD)
        assert record["operation_ParentId"] == upload["id"]
        assert dimensions(record)["upload_id"] == as_guid(record["operation_Id"])
        assert upload["success"] == str(record["message"] == names.UPLOAD_FINISHED)
        assert trace.loose_ends() == []


def test_a_missing_blob_is_no_failure_but_a_refusal_is(sent: dict[str, Any]) -> None:
    """Several of these uploads are gone, and most items have no record."""
    calls = [row for row in sent["rows"] if row["table"] == "dependencies" and row["type"] == "HTTP"]
    failed = {(dimensions(row).get("call"), row["resultCode"]) for row in calls if row["success"] == "False"}
    assert {"401", "403", "409"} <= {status for _, status in failed}
    assert ("read upload", "404") not in failed
    assert ("read record", "404") in failed, "in one of these tests, its container is missing"
    assert [row for row in calls if row["resultCode"] in ("401", "403", "409") and row["success"] == "True"] == []


def test_every_uploads_span_has_its_record(sent: dict[str, Any]) -> None:
    """Looking after what settles makes none until there is something to tell."""
    uploads = {
        row["id"] for row in sent["rows"] if row["table"] == "dependencies" and row["name"] == names.PROCESS_UPLOAD
    }
    assert len(uploads) > len(EXPECTED)
    killed = uploads - {row["operation_ParentId"] for row in of_uploads(sent)}
    assert len(killed) == 1, "ITEM_BUSY is about a worker that died"


def test_calls_to_storage_are_sent_only_if_they_fail_or_take_long(sent: dict[str, Any]) -> None:
    calls = [row for row in sent["rows"] if dimensions(row).get("call") in storage_calls()]
    assert calls
    assert [row for row in calls if row["success"] == "True" and row["duration"] < 1000] == []


def test_a_repeated_call_says_how_often(sent: dict[str, Any]) -> None:
    attempts = {dimensions(row).get("attempt") for row in sent["rows"] if row.get("resultCode") == "429"}
    assert attempts == {"2"}


def test_a_wait_for_bc_is_measured(sent: dict[str, Any]) -> None:
    waits = [
        measurements(row)["bc_throttled_s"]
        for row in of_uploads(sent)
        if dimensions(row).get("reason") == "bc_unavailable"
    ]
    assert waits == [20.0]


def test_a_failure_is_told_once(sent: dict[str, Any]) -> None:
    """No exception beside the record, and the message of a record is its event."""
    assert [row for row in sent["rows"] if row["table"] not in ("traces", "dependencies")] == []
    assert {row["message"] for row in records(sent)} <= {*names.RECORDS}


def test_no_secret_is_in_any_of_it(sent: dict[str, Any]) -> None:
    """One test opens the account by a signature, others send wrong keys and tokens."""
    text = "\n".join(sent["bodies"])
    assert "sig=REDACTED" in text
    assert re.findall(r"sig=(?!REDACTED)", text) == []
    assert [
        secret for secret in ("eyJ", "AccountKey", "Bearer ", "IngestionEndpoint", "d3Jvbmc=") if secret in text
    ] == []
