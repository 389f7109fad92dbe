"""The page about monitoring names what the app writes, and nothing else."""

import re

from devstack.machine.setup import ROOT
from shared import telemetry_names as names

PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


def first_columns(heading: str) -> set[str]:
    """Return the names in the first column of the table with this heading."""
    table = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))))


def test_every_event_is_explained() -> None:
    assert first_columns("event") == {*names.RECORDS}


def test_every_dimension_is_explained() -> None:
    written = {name for record in names.RECORDS.values() for name in record.dimensions}
    written |= {*names.CALL_DIMENSIONS}
    assert first_columns("in `customDimensions`") == {f"{names.PREFIX}{name}" for name in written}


def test_every_measurement_is_explained() -> None:
    written = {name for record in names.RECORDS.values() for name in record.measurements}
    assert first_columns("in `customMeasurements`") == written


def test_every_span_is_explained() -> None:
    assert {*names.SPANS} <= first_columns("row")
