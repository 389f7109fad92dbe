"""The workbook is what its generator makes of the queries, and shows only columns that they answer."""

import json
from typing import Any

import pytest

from devstack import workbook
from devstack.ingestion.tables import Telemetry, query_file

ITEMS = json.loads(workbook.WORKBOOK.read_text(encoding="utf-8"))["items"]
PANELS = {item["name"]: item for item in ITEMS if item["type"] == 3}
PARAMETERS = {parameter["name"] for item in ITEMS if item["type"] == 9 for parameter in item["content"]["parameters"]}


def test_the_workbook_is_built_from_the_queries() -> None:
    assert workbook.WORKBOOK.read_text(encoding="utf-8") == workbook.build(), "python3 dev.py workbook"


def test_only_the_search_differs_from_its_query() -> None:
    changed = {name for name, panel in PANELS.items() if panel["content"]["query"] != query_file(name)}
    assert changed == {"find.kql"}
    assert 'let wanted = "{Search}";' in PANELS["find.kql"]["content"]["query"]


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
        "bc-own.kql": "BusinessCentral",
    }
    assert {condition["parameterName"] for condition in hidden.values()} <= PARAMETERS
