"""Keeps telemetry in DuckDB as Application Insights' classic tables, and answers KQL over it.

Rows are those of the local ingestion endpoint, or made up alike. The columns and their types are those of the classic
tables in a component's Logs. ``customDimensions`` holds strings only, ``customMeasurements`` numbers only, and
``success`` is the word ``True`` or ``False``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import duckdb_kql

from devstack.machine.setup import ROOT

QUERIES = ROOT / "infra" / "monitoring" / "queries"
_COMMON = {
    "timestamp": "datetime",
    "itemId": "string",
    "itemType": "string",
    "itemCount": "int",
    "operation_Id": "string",
    "operation_ParentId": "string",
    "operation_Name": "string",
    "cloud_RoleName": "string",
    "cloud_RoleInstance": "string",
    "appName": "string",
    "sdkVersion": "string",
    "customDimensions": "dynamic",
    "customMeasurements": "dynamic",
}
_CALL = {"id": "string", "name": "string", "success": "string", "resultCode": "string", "duration": "real"}
TABLES: Mapping[str, Mapping[str, str]] = {
    "traces": _COMMON | {"message": "string", "severityLevel": "int"},
    "dependencies": _COMMON | _CALL | {"type": "string", "target": "string", "data": "string"},
    "requests": _COMMON | _CALL | {"url": "string", "source": "string"},
    "exceptions": _COMMON
    | {"type": "string", "outerMessage": "string", "problemId": "string", "severityLevel": "int", "details": "dynamic"},
    "customEvents": _COMMON | {"name": "string"},
    "customMetrics": _COMMON | {"name": "string", "value": "real", "valueCount": "int"},
}
_DUCKDB = {"datetime": "TIMESTAMP", "string": "VARCHAR", "int": "INTEGER", "real": "DOUBLE", "dynamic": "JSON"}

_AT_ONCE = 500  # rows: more take more memory, and no less time

Row = Mapping[str, Any]  # by column, and its ``table``; a column that is missing is null


class Telemetry:
    """Answers queries over rows, all of them or those of a time span."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._database = duckdb_kql.connect()
        self._database.execute("SET threads = 1")  # the tables are small
        self._database.execute("CREATE SEQUENCE arrivals")
        self._added = 0
        for table, columns in TABLES.items():
            types = ", ".join(f'"{name}" {_DUCKDB[kind]}' for name, kind in columns.items())
            self._database.execute(f"CREATE TABLE all_{table} ({types}, arrival BIGINT DEFAULT nextval('arrivals'))")
            span = "timestamp > getvariable('after') AND timestamp <= getvariable('until')"
            self._database.execute(f"CREATE VIEW {table} AS SELECT * EXCLUDE arrival FROM all_{table} WHERE {span}")  # noqa: S608 - ours
        self.add(rows)
        self.between(datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows to their tables."""
        by_table: dict[str, list[Row]] = {table: [] for table in TABLES}
        for row in rows:
            by_table[row["table"]].append({name: value for name, value in row.items() if name != "table"})
        for table, some in by_table.items():
            for start in range(0, len(some), _AT_ONCE):
                self._insert(table, TABLES[table], some[start : start + _AT_ONCE])

    def _insert(self, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        if unknown := {name for row in rows for name in row} - set(columns):
            raise ValueError(f"{table} has no column {unknown}")
        values = json.dumps([dict(row) for row in rows], default=str)
        structure = json.dumps([{name: _DUCKDB[kind] for name, kind in columns.items()}])
        parsed = "SELECT unnest(from_json(?::JSON, ?), max_depth := 2)"
        self._added += len(rows)
        self._database.execute(f"INSERT INTO all_{table} BY NAME {parsed}", [values, structure])

    def forget_all_but(self, newest: int) -> None:
        """Remove all rows but those that were added last, so many of them."""
        for table in TABLES:
            self._database.execute(f"DELETE FROM all_{table} WHERE arrival <= ?", [self._added - newest])  # noqa: S608 - ours

    def between(self, after: datetime, until: datetime) -> None:
        """Show queries only what is later than ``after`` and not later than ``until``, as a rule's window does."""
        self._database.execute("SET VARIABLE after = ?::TIMESTAMP", [after])
        self._database.execute("SET VARIABLE until = ?::TIMESTAMP", [until])

    def columns(self, query: str) -> list[str]:
        """Return the names of the columns of the answer."""
        return [column[0] for column in self._database.execute(_sql(query)).description]

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the rows that answer ``query``, a file's name or KQL."""
        names, rows = self.table(query)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def table(self, query: str) -> tuple[list[str], list[list[Any]]]:
        """Return the columns' names and the rows of the answer."""
        answer = self._database.execute(_sql(query))
        rows = [list(map(_known, row)) for row in answer.fetchall()]
        return [column[0] for column in answer.description], rows


@lru_cache(maxsize=128)  # each search makes a query of its own
def _sql(query: str) -> str:
    kql = query_file(query) if query.endswith(".kql") else query
    return duckdb_kql.to_sql(kql, {table: list(columns) for table, columns in TABLES.items()})


def _known(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def query_file(name: str) -> str:
    """Return the text of a query file."""
    return (QUERIES / name).read_text(encoding="utf-8")


def query_names() -> list[str]:
    """Return the names of all query files."""
    return sorted(path.name for path in QUERIES.glob("*.kql"))
