"""Turns the envelopes that exporters send into rows of Application Insights' classic tables. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

Row = dict[str, Any]
_DURATION = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)")


def _milliseconds(duration: str) -> float:
    """Return the milliseconds of a .NET time span, ``d.hh:mm:ss.ffffff``."""
    parts = _DURATION.fullmatch(duration)
    if parts is None:
        raise ValueError(f"{duration!r} is not a time span")
    days, hours, minutes, seconds = parts.groups()
    return round((((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)) * 1000, 4)


def _of_call(data: Mapping[str, Any], code: str) -> Row:
    return {
        "id": data["id"],
        "name": data["name"],
        "success": str(data["success"]),  # the table has text there
        "resultCode": data[code],
        "duration": _milliseconds(data["duration"]),
    }


def _request(data: Mapping[str, Any]) -> Row:
    return {**_of_call(data, "responseCode"), "url": data.get("url", ""), "source": data.get("source", "")}


def _dependency(data: Mapping[str, Any]) -> Row:
    return {**_of_call(data, "resultCode"), **{name: data.get(name, "") for name in ("type", "target", "data")}}


def _trace(data: Mapping[str, Any]) -> Row:
    return {"message": data["message"], "severityLevel": data.get("severityLevel", 0)}


def _event(data: Mapping[str, Any]) -> Row:
    return {"name": data["name"]}


def _exception(data: Mapping[str, Any]) -> Row:
    first = data["exceptions"][0]
    facts = {"type": first["typeName"], "outerMessage": first["message"], "problemId": first["typeName"]}
    return {**facts, "severityLevel": data.get("severityLevel", 3), "details": data["exceptions"]}


def _metric(data: Mapping[str, Any]) -> Row:
    first = data["metrics"][0]
    return {"name": first["name"], "value": first["value"], "valueCount": first.get("count", 1)}


# The kinds of envelopes, with their table and what is peculiar to it.
_TABLES: dict[str, tuple[str, Callable[[Mapping[str, Any]], Row]]] = {
    "RequestData": ("requests", _request),
    "RemoteDependencyData": ("dependencies", _dependency),
    "MessageData": ("traces", _trace),
    "EventData": ("customEvents", _event),
    "ExceptionData": ("exceptions", _exception),
    "MetricData": ("customMetrics", _metric),
}
TABLES = tuple(table for table, _ in _TABLES.values())


def row_of(envelope: Mapping[str, Any], number: int) -> Row:
    """Return the row of the envelope that came as the ``number``-th; ``table`` says where it belongs."""
    table, peculiar = _TABLES[envelope["data"]["baseType"]]
    tags, data = envelope.get("tags", {}), envelope["data"]["baseData"]
    return {
        "table": table,
        "timestamp": envelope["time"],
        "itemId": str(uuid5(NAMESPACE_OID, str(number))),
        "itemType": f"{table[:-3]}y" if table.endswith("ies") else table[:-1],
        "itemCount": round(100 / envelope.get("sampleRate", 100)),
        "operation_Id": tags.get("ai.operation.id", ""),
        "operation_ParentId": tags.get("ai.operation.parentId", ""),
        "operation_Name": tags.get("ai.operation.name", ""),
        "cloud_RoleName": tags.get("ai.cloud.role", ""),
        "cloud_RoleInstance": tags.get("ai.cloud.roleInstance", ""),
        "sdkVersion": tags.get("ai.internal.sdkVersion", ""),
        "customDimensions": data.get("properties") or {},
        "customMeasurements": data.get("measurements") or {},
        **peculiar(data),
    }
