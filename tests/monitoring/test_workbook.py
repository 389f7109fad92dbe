"""The workbook is what its generator makes of the queries, and shows only columns that they answer."""

import json
import re
from typing import Any

import pytest

from devstack import workbook
from devstack.ingestion.tables import Telemetry, query_file
from tests.support.log_alerts import Rule, rules

ITEMS = json.loads(workbook.WORKBOOK.read_text(encoding="utf-8"))["items"]
PANELS = {item["name"]: item for item in ITEMS if item["type"] == 3}
PARAMETERS = {each["name"]: each for item in ITEMS if item["type"] == 9 for each in item["content"]["parameters"]}
EXPORTED = {
    (name, exported["fieldName"], exported["parameterName"])
    for name, panel in PANELS.items()
    for exported in panel["content"].get("exportedParameters", [])
}


def test_the_workbook_is_built_from_the_queries() -> None:
    assert workbook.WORKBOOK.read_text(encoding="utf-8") == workbook.build(), "python3 dev.py workbook"


def test_panels_fill_in_only_what_their_queries_leave_open() -> None:
    filled = {
        name: set(panel["content"]["query"].splitlines()) - set(query_file(name).splitlines())
        for name, panel in PANELS.items()
        if panel["content"]["query"] != query_file(name)
    }
    assert filled == {
        "find.kql": {'let wanted = "{Search:escapejson}";'},
        "trace.kql": {'let operation = "{Operation:escapejson}";'},
    }


def columns_shown(content: dict[str, Any]) -> set[str]:
    chart, tiles = content.get("chartSettings", {}), content.get("tileSettings", {})
    shown = {*chart.get("yAxis", []), *filter(None, [chart.get("xAxis"), chart.get("group")])}
    shown |= {part["columnMatch"] for part in tiles.values() if isinstance(part, dict)}
    return shown | {part["columnMatch"] for part in content.get("gridSettings", {}).get("formatters", [])}


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_columns_of_its_query(name: str) -> None:
    content = PANELS[name]["content"]
    assert columns_shown(content) <= set(Telemetry([]).columns(name))
    assert content["timeContextFromParameter"] in PARAMETERS


def test_hidden_panels_wait_for_a_parameter() -> None:
    hidden = {
        name: panel["conditionalVisibility"] for name, panel in PANELS.items() if "conditionalVisibility" in panel
    }
    assert {name: condition["parameterName"] for name, condition in hidden.items()} == {
        "find.kql": "Search",
        "trace.kql": "Operation",
        "bc-own.kql": "BusinessCentral",
    }
    assert {condition["parameterName"] for condition in hidden.values()} <= {*PARAMETERS, "Operation"}


@pytest.mark.parametrize("alert", [rule for rule in rules() if "workbook" in rule.facts["first"]], ids=lambda r: r.name)
def test_an_alert_leads_to_a_part_and_a_time_range_that_exist(alert: Rule) -> None:
    """A day's range shows nothing of an upload that no delivery has touched for longer."""
    first, headings = alert.facts["first"], [item["name"] for item in ITEMS if item["type"] == 1]
    assert "workbook (Application Insights, Workbooks, Item pictures)" in first
    parts, days = re.findall('under "([^"]+)"', first), [int(days) for days in re.findall(r"(\d+) days", first)]
    assert set(parts) <= set(headings)
    spans = PARAMETERS["TimeRange"]["typeSettings"]["selectableValues"]
    assert {each * 86_400_000 for each in days} <= {span["durationMs"] for span in spans}
    assert bool(parts) == bool(days)


def test_selecting_a_delivery_opens_its_trace() -> None:
    assert {("find.kql", "operation_Id", "Operation")} == EXPORTED
    assert "operation_Id" in Telemetry([]).columns("find.kql")
