"""Queries and alerts read what the app really sends: its own exporter's rows, taken in by the local endpoint."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import stack
from devstack.ingestion.client import Ingestion
from devstack.ingestion.rows import Row
from devstack.ingestion.tables import Telemetry, query_file
from shared import telemetry_names as names
from tests.devstack.dev_commands import until
from tests.support.local_stack import DESK, LocalStack
from tests.support.log_alerts import COMES_IN_WITHIN, rules
from tests.support.telemetry import ARRIVES_WITHIN, Watcher

MISSING, BROKEN, NOBODY = "CRONUS USA, Inc/9999-X.jpg", "CRONUS USA, Inc/1900-S.jpg", "Nobody, Inc/1.jpg"


@pytest.fixture(scope="module")
def sent() -> Iterator[Telemetry]:
    """Telemetry of four uploads: one gets onto its item, one waits, one is no picture, one has an unknown company.

    BC is slow to take the picture, so the sweep takes up the first one beside its event, and both deliveries find it on
    its item in the end.
    """
    lines: list[str] = []
    with stack.running(lines.append, telemetry=True, sweep_schedule="*/3 * * * * *") as running:
        assert running.ingestion
        local, watcher = LocalStack(running), Watcher(running.ingestion)
        local.control("POST", "latency", method="PATCH", seconds=600)
        local.upload()
        until(lambda: len(rendered(running.ingestion)) == 2, ARRIVES_WITHIN)
        local.control("DELETE", "latency")
        watcher.record(names.UPLOAD_FINISHED, 2, blob=DESK, outcome="updated")
        local.upload(MISSING)
        local.upload(BROKEN, b"%PDF-1.7 no picture")
        local.upload(NOBODY)
        ends = ((DESK, "updated"), (MISSING, "waiting"), (NOBODY, "waiting"), (BROKEN, "quarantined"))
        for name, outcome in ends:
            watcher.record(names.UPLOAD_FINISHED, blob=name, outcome=outcome)
            for record in watcher.records(names.UPLOAD_FINISHED, blob=name, outcome=outcome):
                watcher.trace(record["operation_Id"])
        watcher.record(names.SWEEP_FINISHED, company='["Nobody, Inc"]')
        yield Telemetry(running.ingestion.rows())


def rendered(ingestion: Ingestion) -> list[Row]:
    return [row for row in ingestion.rows("dependencies") if row["name"] == names.RENDER_PICTURE]


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
    both = [row for row in found if row["outcome"] == "updated"]
    assert len(both) == 2
    for row in both:
        assert (row["blob"], row["company"], row["item_number"]) == (DESK, "CRONUS USA, Inc.", "1896-S")
        assert row["trace"]
    steps = [{step["what"] for step in trace_of(sent, row)} for row in both]
    (by_the_one_that_wrote,) = [what for what in steps if "write picture" in what]
    assert {"process upload", "find items", "upload_finished"} <= by_the_one_that_wrote
    assert sum("item_picture_uploaded" in what for what in steps) == 1, "the other one is the sweep's"


def trace_of(sent: Telemetry, found: dict[str, Any]) -> list[dict[str, Any]]:
    return sent.ask(query_file("trace.kql").replace('operation = ""', f'operation = "{found["operation_Id"]}"'))


def test_an_upload_that_two_deliveries_took_up_counts_once(sent: Telemetry) -> None:
    outcomes = {row["outcome"]: row["uploads"] for row in sent.ask("outcomes.kql")}
    assert (outcomes["updated"], outcomes["quarantined"]) == (1, 1)


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
    at = datetime.now(UTC) + COMES_IN_WITHIN
    firing = {rule.name: rule.fires(sent, at) for rule in rules() if "query" in rule.facts}
    assert {name: groups for name, groups in firing.items() if groups} == {"Pictures quarantined": [("not_an_image",)]}
