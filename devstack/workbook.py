"""Builds the workbook of Application Insights from the query files, so that both show the same."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.machine.setup import ROOT

MONITORING = ROOT / "infra" / "monitoring"
WORKBOOK = MONITORING / "workbook.json"
# Whoever deploys the workbook puts the component's resource id there.
COMPONENT = "__APPLICATION_INSIGHTS_ID__"

Item = dict[str, Any]
_DAY_MS = 86_400_000
_SPANS_MS = (3_600_000, 6 * 3_600_000, _DAY_MS, 2 * _DAY_MS, 7 * _DAY_MS, 30 * _DAY_MS)
_COMPONENTS = {"queryType": 0, "resourceType": "microsoft.insights/components"}
_SELECTS: Item = {
    "exportedParameters": [{"fieldName": "operation_Id", "parameterName": "Operation", "parameterType": 1}]
}
# What a query leaves to its reader, and the parameter that takes its place: escaped as in JSON, which is as in KQL.
_PLACES = {
    'let wanted = "";': 'let wanted = "{Search:escapejson}";',
    'let operation = "";': 'let operation = "{Operation:escapejson}";',
}
_LINK, _TEXT, _BIG_NUMBER = 7, 1, 12  # formatters, as workbooks number them


def build() -> str:
    """Return the workbook as JSON."""
    items = [
        _text("# Pictures on items\nWhat each alert and each reason means, and what to do: `docs/operations.md`."),
        _parameters(),
        _query("overview.kql", "Files, each with what became of it last", "tiles", tileSettings=_tiles()),
        _query("outcomes.kql", "Outcomes an hour", "barchart", **_chart("uploads", group="outcome")),
        _query("reasons.kql", "Reasons, and what to do", **_opening("TraceDetails")),
        _text("## Search\nA part of a file's path, of an item's number or of a company's name; or the id of an item."),
        _query("find.kql", "Deliveries found; select one", **_opening("TraceDetails"), **_SELECTS, only_with="Search"),
        _query("trace.kql", "The trace of the selected delivery", only_with="Operation"),
        _text(
            "## Waiting and stuck\nA sweep that finds no item for a file records nothing about that file. If the tile "
            "of the last sweep shows more files than wait or fail, choose a time range as long as files may wait "
            "(`ITEM_WAIT`)."
        ),
        _query("waiting.kql", "Files in incoming, the longest first", **_opening("TraceDetails")),
        _query(
            "sweeps.kql",
            "Sweeps: age of the oldest uploads, in seconds",
            "linechart",
            **_chart("oldest_age_s", "oldest_waiting_s"),
        ),
        _query("sweep-troubles.kql", "Sweeps that could not do all", **_opening("TraceDetails")),
        _query("unknown-companies.kql", "Companies that BC does not know"),
        _query("quarantined.kql", "Quarantined"),
        _text("## Business Central"),
        _query("bc-calls.kql", "Calls by status"),
        _query("throttled.kql", "Waiting for BC's limits, in % of the calls' time", "linechart", **_chart("percent")),
        _query("bc-slow.kql", "Slowest calls", **_opening("DependencyDetails")),
        _query(
            "bc-own.kql",
            "Our wait = network + BC's queue + BC's server, in ms per call",
            only_with="BusinessCentral",
            crossComponentResources=[COMPONENT, "{BusinessCentral}"],
        ),
        _text("## Where the time goes"),
        _query("steps.kql", "Steps of an upload"),
        _query("render-time.kql", "Rendering, in ms", "linechart", **_chart("p50_ms", "p95_ms")),
    ]
    workbook = {
        "version": "Notebook/1.0",
        "items": items,
        "fallbackResourceIds": [COMPONENT],
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    }
    return json.dumps(workbook, indent=2, ensure_ascii=False) + "\n"


def write(path: Path = WORKBOOK) -> None:
    """Write the workbook's file."""
    path.write_text(build(), encoding="utf-8", newline="\n")


def _text(markdown: str) -> Item:
    return {"type": 1, "content": {"json": markdown}, "name": markdown.partition("\n")[0].strip("# ")}


def _parameters() -> Item:
    parameters = [
        _parameter("TimeRange", "Time range", 4, value={"durationMs": _DAY_MS})
        | {"isRequired": True, "typeSettings": {"selectableValues": [{"durationMs": span} for span in _SPANS_MS]}},
        _parameter("Search", "Search", 1, value=""),
        _parameter("BusinessCentral", "Business Central's own Application Insights", 5)
        | {"typeSettings": {"resourceTypeFilter": {"microsoft.insights/components": True}}},
    ]
    content = {"version": "KqlParameterItem/1.0", "parameters": parameters, "style": "pills", **_COMPONENTS}
    return {"type": 9, "content": content, "name": "parameters"}


def _parameter(name: str, label: str, kind: int, **facts: object) -> Item:
    return {"id": name, "version": "KqlParameterItem/1.0", "name": name, "label": label, "type": kind, **facts}


def _query(file: str, title: str, visualization: str = "table", only_with: str = "", **content: object) -> Item:
    """Return a panel of the query in ``file``; ``only_with`` names a parameter without which it is hidden."""
    text = (MONITORING / "queries" / file).read_text(encoding="utf-8")
    for place, parameter in _PLACES.items():
        text = text.replace(place, parameter)
    panel: Item = {
        "version": "KqlItem/1.0",
        "query": text,
        "size": 3 if visualization == "tiles" else 0,
        "title": title,
        "noDataMessage": "Nothing in this time.",
        "timeContextFromParameter": "TimeRange",
        **_COMPONENTS,
        "visualization": visualization,
        **content,
    }
    item: Item = {"type": 3, "content": panel, "name": file}
    if only_with:
        item["conditionalVisibility"] = {"parameterName": only_with, "comparison": "isNotEqualTo", "value": ""}
    return item


def _tiles() -> Mapping[str, object]:
    decimal = {"unit": 17, "options": {"style": "decimal", "maximumFractionDigits": 1}}
    return {
        "titleContent": {"columnMatch": "tile", "formatter": _TEXT},
        "leftContent": {"columnMatch": "value", "formatter": _BIG_NUMBER, "numberFormat": decimal},
        "showBorder": True,
    }


def _chart(*columns: str, **facts: str) -> Item:
    return {"chartSettings": {"xAxis": "timestamp", "yAxis": list(columns), **facts}}


def _opening(target: str) -> Item:
    """Return the settings of a grid whose column ``trace`` opens the trace of its row."""
    options = {"linkTarget": target, "linkLabel": "open", "linkIsContextBlade": True}
    return {"gridSettings": {"formatters": [{"columnMatch": "trace", "formatter": _LINK, "formatOptions": options}]}}
