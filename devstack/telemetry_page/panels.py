"""Fills the panels of the workbook with what its queries answer over the rows that have come in."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from devstack.ingestion.received import Received
from devstack.ingestion.rows import Row

MOST_ROWS = 200  # of one panel; the page says how many there are
_TEXT, _QUERY, _PARAMETERS = 1, 3, 9  # kinds of items, as workbooks number them
_LINK, _SPAN = 7, 4  # a formatter, and a kind of parameter
_PLACE = re.compile(r"\{(\w+):escapejson\}")  # of a parameter's value in a query

Item = Mapping[str, Any]
Shown = dict[str, object]


class Panels:
    """Answers the workbook's queries. It reads the file each time, so that changes show at once."""

    def __init__(self, received: Received, workbook: Path) -> None:
        self._received, self._workbook = received, workbook
        self._lock, self._count = Lock(), 0
        self._telemetry: Any = None

    def fill(self, span: timedelta, parameters: Mapping[str, str]) -> list[Shown]:
        """Return the workbook's texts and panels, over the last ``span``; ``parameters`` are its parameters by name.

        A panel whose query fails has the error, and the others their answers.
        """
        items = self._items()
        with self._lock:
            self._take_up_new_rows()
            now = datetime.now(UTC)
            self._telemetry.between(now - span, now + timedelta(minutes=1))  # clocks of one machine, read twice
            return [self._show(item, parameters) for item in items if _is_shown(item, parameters)]

    def spans(self) -> list[int]:
        """Return the time spans that the workbook offers, in milliseconds."""
        parameters = [
            each for item in self._items() if item["type"] == _PARAMETERS for each in item["content"]["parameters"]
        ]
        spans = [each["typeSettings"]["selectableValues"] for each in parameters if each["type"] == _SPAN]
        return [value["durationMs"] for values in spans for value in values]

    def _items(self) -> list[Item]:
        items: list[Item] = json.loads(self._workbook.read_text(encoding="utf-8"))["items"]
        return items

    def _take_up_new_rows(self) -> None:
        from devstack.ingestion.tables import Telemetry  # noqa: PLC0415 - half a second that a start need not pay

        self._telemetry = self._telemetry or Telemetry()
        rows, self._count = self._received.since(self._count)
        self._telemetry.add(rows)
        self._telemetry.forget_all_but(len(self._received))

    def _show(self, item: Item, parameters: Mapping[str, str]) -> Shown:
        content = item["content"]
        if item["type"] == _TEXT:
            return {"kind": "text", "text": content["json"]}
        query = _with(parameters, content["query"])
        shown: Shown = {
            "kind": content["visualization"],
            "title": content["title"],
            "nothing": content.get("noDataMessage", ""),
            "chart": content.get("chartSettings"),
            "tile": {part: facts["columnMatch"] for part, facts in _tile_parts(content)},
            "links": _links(content),
            "selects": next(iter(content.get("exportedParameters", [])), None),
            "waits_for": item.get("conditionalVisibility", {}).get("parameterName"),
        }
        try:
            columns, rows = self._telemetry.table(query)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one panel, the others must show
            return {**shown, "error": f"{type(error).__name__}: {error}"}
        values = [list(map(_as_json, row)) for row in rows[:MOST_ROWS]]
        return {**shown, "columns": columns, "rows": values, "total": len(rows)}


def trace(rows: Iterable[Row], item_id: str) -> list[Shown]:
    """Return all rows of the trace to which the row with this id belongs, in order of time; none if it is gone."""
    rows = list(rows)
    operation = next((row["operation_Id"] for row in rows if row["itemId"] == item_id), "")
    ours = sorted((row for row in rows if operation and row["operation_Id"] == operation), key=_began)
    parents = {row["id"]: row["operation_ParentId"] for row in ours if "id" in row}
    return [
        {
            "timestamp": row["timestamp"],
            "table": row["table"],
            "name": row.get("name") or row.get("message") or row.get("outerMessage", ""),
            "duration": row.get("duration"),
            "result": row.get("resultCode", ""),
            "failed": row.get("success") == "False" or row["table"] == "exceptions",
            "depth": _depth(row["operation_ParentId"], parents),
            "facts": {**row["customDimensions"], **row["customMeasurements"]},
        }
        for row in ours
    ]


def _began(row: Row) -> tuple[str, bool]:
    return str(row["timestamp"]), "id" not in row


def _depth(parent: str, parents: Mapping[str, str]) -> int:
    depth = 0
    while parent in parents and depth < len(parents):
        parent, depth = parents[parent], depth + 1
    return depth


def _is_shown(item: Item, parameters: Mapping[str, str]) -> bool:
    """Tell whether an item is a text or a panel to be shown: some wait until a parameter has a value."""
    condition = item.get("conditionalVisibility")
    if item["type"] not in (_TEXT, _QUERY):
        return False
    return condition is None or parameters.get(condition["parameterName"], "") != condition["value"]


def _with(parameters: Mapping[str, str], query: str) -> str:
    """Put the parameters' values into a query, where they stand in double quotes: there KQL escapes as JSON does."""
    values = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in parameters.items()}
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), query)


def _tile_parts(content: Item) -> list[tuple[str, Item]]:
    return [(name, part) for name, part in content.get("tileSettings", {}).items() if isinstance(part, dict)]


def _links(content: Item) -> list[str]:
    formatters = content.get("gridSettings", {}).get("formatters", [])
    return [each["columnMatch"] for each in formatters if each["formatter"] == _LINK]


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}  # no text looks like this
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, int | float | str) else str(value)
