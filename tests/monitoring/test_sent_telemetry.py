"""Queries and alerts read what the app really sends: its own exporter's rows, taken in by the local endpoint."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from devstack import stack
from devstack.ingestion.tables import Telemetry, query_file
from shared import telemetry_names as names
from tests.support.local_stack import DESK, LocalStack
from tests.support.log_alerts import rules
from tests.support.telemetry import Watcher

MISSING, BROKEN, NOBODY = "CRONUS USA, Inc/9999-X.jpg", "CRONUS USA, Inc/1900-S.jpg", "Nobody, Inc/1.jpg"


@pytest.fixture(scope="module")
def sent() -> Iterator[Telemetry]:
    """Telemetry of four uploads: one gets onto its item, one waits, one is no picture, one has an unknown company."""
    lines: list[str] = []
    with stack.running(lines.append, telemetry=True, sweep_schedule="*/3 * * * * *") as running:
        assert running.ingestion
        local, watcher = LocalStack(running), Watcher(running.ingestion)
        local.upload()
        local.upload(MISSING)
        local.upload(BROKEN, b"%PDF-1.7 no picture")
        local.upload(NOBODY)
        ends = ((DESK, "updated"), (MISSING, "waiting"), (NOBODY, "waiting"), (BROKEN, "quarantined"))
        for name, outcome in ends:
            record = watcher.record(names.UPLOAD_FINISHED, blob=name, outcome=outcome)
            watcher.trace(record["operation_Id"])
        watcher.record(names.SWEEP_FINISHED, company='["Nobody, Inc"]')
        yield Telemetry(running.ingestion.rows())


def test_the_tiles_show_the_four_uploads(sent: Telemetry) -> None:
    tiles = {row["tile"]: row["value"] for row in sent.ask("overview.kql")}
    shown = [tiles[name] for name in ("arrived", "on items", "waiting", "quarantined", "failing")]
    assert shown == [4, 1, 2, 1, 0]
    assert 0 <= tiles["time to item, p95 (s)"] < 60


def test_reasons_and_waiting_files_are_listed(sent: Telemetry) -> None:
    assert {row["reason"] for row in sent.ask("reasons.kql")} >= {"item_not_found", "company_not_found", "not_an_image"}
    assert {row["blob"] for row in sent.ask("waiting.kql")} == {MISSING, NOBODY}
    assert [row["blob"] for row in sent.ask("quarantined.kql")] == [BROKEN]
    assert [row["company"] for row in sent.ask("unknown-companies.kql")] == ["Nobody, Inc"]


def test_search_finds_the_delivery_and_its_trace(sent: Telemetry) -> None:
    found = sent.ask(query_file("find.kql").replace('wanted = ""', 'wanted = "1896-s"'))
    (row,) = [row for row in found if row["outcome"] == "updated"]
    assert (row["blob"], row["company"], row["item_number"]) == (DESK, "CRONUS USA, Inc.", "1896-S")
    assert row["trace"]
    trace = sent.ask(query_file("trace.kql").replace('operation = ""', f'operation = "{row["operation_Id"]}"'))
    assert {"item_picture_uploaded", "process upload", "find items", "write picture"} <= {row["what"] for row in trace}


def test_calls_to_bc_and_steps_are_measured(sent: Telemetry) -> None:
    calls = {(row["call"], row["resultCode"]): row for row in sent.ask("bc-calls.kql")}
    assert calls["write picture", "204"]["calls"] == 1
    assert {call for call, _ in calls} >= {"read companies", "find items", "write picture"}
    assert {row["name"] for row in sent.ask("steps.kql")} == set(names.SPANS)
    assert sum(row["call_s"] for row in sent.ask("throttled.kql")) > 0
    assert sent.ask("render-time.kql")[-1]["p95_ms"] > 0


def test_sweeps_and_outcomes_are_counted(sent: Telemetry) -> None:
    assert max(row["oldest_waiting_s"] for row in sent.ask("sweeps.kql")) > 0
    counted = {row["outcome"] for row in sent.ask("outcomes.kql")}
    assert counted >= {"updated", "waiting", "quarantined"}


def test_the_alert_about_quarantine_fires(sent: Telemetry) -> None:
    firing = {rule.name: rule.fires(sent, datetime.now(UTC)) for rule in rules() if "query" in rule.facts}
    assert {name: groups for name, groups in firing.items() if groups} == {"Pictures quarantined": [("not_an_image",)]}
