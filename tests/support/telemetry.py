"""Reads traces as a person does who looks at one upload, and sends this process's own telemetry on request."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from devstack import stack
from devstack.functions_host import worker_telemetry
from devstack.ingestion.client import Ingestion
from devstack.ingestion.rows import Row
from shared import telemetry_names as names
from tests.devstack.dev_commands import until

ARRIVES_WITHIN = 90.0  # seconds; usually one or two, but what could not be sent the exporter keeps for a minute


def dimensions(row: Row) -> dict[str, str]:
    """Return the row's dimensions that are ours, without their prefix."""
    ours = row["customDimensions"].items()
    return {name.removeprefix(names.PREFIX): value for name, value in ours if name.startswith(names.PREFIX)}


def as_guid(operation_id: str) -> str:
    """Return a trace's id as BC sees it."""
    return str(UUID(operation_id))


class Trace:
    """All rows of one trace that have arrived."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def of(self, table: str, **facts: str) -> list[Row]:
        """Return the rows of one table with these facts."""
        return [row for row in self.rows if row["table"] == table and facts.items() <= row.items()]

    def one(self, table: str, **facts: str) -> Row:
        """Return the only such row."""
        (row,) = self.of(table, **facts)
        return row

    def calls(self) -> list[str]:
        """Return the names of the calls to BC and storage, in the order in which they began."""
        dependencies = sorted(self.of("dependencies"), key=lambda row: str(row["timestamp"]))
        return [name for row in dependencies if (name := dimensions(row).get(names.CALL))]

    def loose_ends(self) -> list[str]:
        """Return the rows whose parent is not in the trace, other than its first."""
        ids = {row["id"] for row in self.rows if "id" in row}
        first = min(self.rows, key=lambda row: str(row["timestamp"]))
        loose = [row for row in self.rows if row is not first and row["operation_ParentId"] not in ids]
        return [str(row.get("name", row.get("message"))) for row in loose]


class Watcher:
    """Waits for what arrives at the endpoint."""

    def __init__(self, ingestion: Ingestion) -> None:
        self.ingestion = ingestion

    def records(self, event: str, **facts: str) -> list[Row]:
        """Return the records of an event with these dimensions that have arrived."""
        records = [row for row in self.ingestion.rows("traces") if row["message"] == event]
        return [row for row in records if facts.items() <= dimensions(row).items()]

    def record(self, event: str, count: int = 1, **facts: str) -> Row:
        """Wait for the ``count``-th such record, and return it."""
        until(lambda: len(self.records(event, **facts)) >= count, ARRIVES_WITHIN)
        return self.records(event, **facts)[count - 1]

    def trace(self, operation_id: str) -> Trace:
        """Wait until the trace is complete: its first span and its record have arrived, and the parent of every row."""
        until(lambda: self._is_connected(operation_id), ARRIVES_WITHIN)
        return Trace(self._rows(operation_id))

    def _rows(self, operation_id: str) -> list[Row]:
        return [row for row in self.ingestion.rows() if row["operation_Id"] == operation_id]

    def _is_connected(self, operation_id: str) -> bool:
        rows = self._rows(operation_id)
        has_first = any("id" in row and not row["operation_ParentId"] for row in rows)
        has_record = any(row["table"] == "traces" for row in rows)
        return has_first and has_record and Trace(rows).loose_ends() == []


@contextmanager
def telemetry_to(file: Path, running: stack.Stack) -> Iterator[None]:
    """Send this process's telemetry as the worker does; at the end, write what came in to ``file``."""
    assert running.ingestion
    os.environ.update(running.ingestion.settings())
    os.environ["REQUESTS_CA_BUNDLE"] = str(running.accounts.certificate.public)
    tempfile.tempdir = None  # the settings have another one; Python keeps the first that it found
    worker_telemetry.set_up()
    yield
    worker_telemetry.flush()
    file.write_text(json.dumps({"rows": running.ingestion.rows(), "bodies": running.ingestion.bodies()}))


def measurements(row: Row) -> Mapping[str, Any]:
    """Return the row's numbers."""
    numbers: Mapping[str, Any] = row["customMeasurements"]
    return numbers
