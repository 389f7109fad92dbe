"""Queries read only what the app writes, and all of it; alerts and the workbook read only what queries answer."""

import json
import re
from dataclasses import dataclass

import pytest

from devstack.ingestion.tables import Telemetry, query_file, query_names
from devstack.machine.setup import ROOT
from shared import telemetry_names as names
from shared.call_names import BC_READS, WRITE_PICTURE
from shared.errors import Reason
from shared.report import Outcome
from tests.support.documents import Document
from tests.support.log_alerts import Rule, rules

# What BC's own telemetry writes into its events about web services that were called.
BC_EVENT = "RT0008"
BC_DIMENSIONS = {"eventId", "httpMethod", "requestQueueTime", "serverExecutionTime"}
CALLS = {f"{names.PREFIX}{name}" for name in names.CALL_DIMENSIONS}


@dataclass(frozen=True)
class Reading:
    """What one query reads."""

    text: str

    @property
    def events(self) -> set[str]:
        """The events, by the message of their records."""
        return self._words(r"message")

    @property
    def dimensions(self) -> set[str]:
        """The dimensions, whether they exist or not."""
        return set(re.findall(r'customDimensions(?:\.|\[")([\w.]+)', self.text))

    @property
    def measurements(self) -> set[str]:
        """The measurements, whether they exist or not."""
        return set(re.findall(r'customMeasurements(?:\.|\[")([\w.]+)', self.text))

    @property
    def reasons(self) -> set[str]:
        """The reasons that decide what is counted."""
        return self._words("reason")

    @property
    def outcomes(self) -> set[str]:
        """The outcomes that decide what is counted."""
        return self._words(r"(?:outcome|outcome\"\]\))")

    @property
    def calls(self) -> set[str]:
        """The calls that decide what is counted."""
        return self._words(r"(?:call|call\"\]\))")

    @property
    def spans(self) -> set[str]:
        """The spans that decide what is counted."""
        return self._words("name")

    def _words(self, compared: str) -> set[str]:
        """Return the texts with which something is compared."""
        comparisons = re.findall(rf'\b{compared} (?:==|!=|in|!in) (?:("[^"]*")|\(([^)]*)\))', self.text)
        return {word for pair in comparisons for word in re.findall('"([^"]*)"', "".join(pair))}

    def unwritten(self) -> set[str]:
        """Return what the query reads though none of its records, or no call, carries it."""
        records = [names.RECORDS[event] for event in self.events & set(names.RECORDS)]
        written = {f"{names.PREFIX}{name}" for record in records for name in record.dimensions}
        written |= CALLS if re.search(r"\bdependencies\n", self.text) else set()
        written |= BC_DIMENSIONS if BC_EVENT in self.text else set()
        numbers = {name for record in records for name in record.measurements}
        return self.events - set(names.RECORDS) | self.dimensions - written | self.measurements - numbers


QUERIES = {name: Reading(query_file(name)) for name in query_names()}
ALERTS = [rule for rule in rules() if "query" in rule.facts]
WORKBOOK = json.loads((ROOT / "infra" / "monitoring" / "workbook.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_reads_only_what_the_app_writes(query: str) -> None:
    assert QUERIES[query].unwritten() == set()


@pytest.mark.parametrize(
    ("query", "unwritten"),
    [
        ('traces\n| where message == "upload_finishd"', "upload_finishd"),
        (
            'traces\n| where message == "upload_finished" and customDimensions["item_picture.colour"] == "red"',
            "item_picture.colour",
        ),
        ('traces\n| where message in ("sweep_finished") | project customMeasurements.bytes_in', "bytes_in"),
        (
            'traces\n| where message == "delivery_exhausted" | project customDimensions["item_picture.reason"]',
            "item_picture.reason",
        ),
        ('traces\n| project customDimensions["item_picture.call"]', "item_picture.call"),
        ("traces\n| project customDimensions.eventId", "eventId"),
    ],
)
def test_what_nobody_writes_is_noticed(query: str, unwritten: str) -> None:
    assert Reading(query).unwritten() == {unwritten}


def test_everything_the_app_writes_is_read() -> None:
    read = {name for query in QUERIES.values() for name in query.dimensions | query.measurements | query.events}
    records = names.RECORDS.values()
    written = {f"{names.PREFIX}{name}" for record in records for name in record.dimensions} | CALLS
    written |= {name for record in records for name in record.measurements} | set(names.RECORDS)
    assert written - read == set()


def test_reasons_and_outcomes_in_queries_are_the_apps() -> None:
    of_the_queries = {"failing"}  # a delivery without an outcome
    assert {word for query in QUERIES.values() for word in query.reasons} <= set(Reason)
    assert {word for query in QUERIES.values() for word in query.outcomes} <= {*Outcome, *of_the_queries}


def test_calls_to_bc_are_those_that_the_app_makes() -> None:
    calls = {query: reading.calls for query, reading in QUERIES.items() if reading.calls}
    assert set(calls) == {"bc-calls.kql", "bc-own.kql", "bc-slow.kql", "throttled.kql"}
    assert all(words == {WRITE_PICTURE, *BC_READS.values()} for words in calls.values())


def test_the_steps_are_the_apps_spans() -> None:
    assert QUERIES["steps.kql"].spans == set(names.SPANS)


def test_every_reason_has_advice() -> None:
    advice = re.findall(r'^    "([^"]+)", "[^"]+\.",?$', QUERIES["reasons.kql"].text, re.MULTILINE)
    assert sorted(advice) == sorted([*Reason, "(none)"])


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_leaves_the_time_span_to_its_reader(query: str) -> None:
    assert not re.search(r"\b(ago|now)\(|where timestamp", QUERIES[query].text)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.name)
def test_an_alert_reads_columns_of_its_query(rule: Rule) -> None:
    columns = Telemetry([]).columns(rule.facts["query"])
    assert {*rule.facts.get("by", []), *filter(None, [rule.facts.get("column")])} <= set(columns)
    assert rule.periods == 1 or "timestamp" in columns


def test_every_query_is_shown_or_raises_an_alert() -> None:
    shown = {item["name"] for item in WORKBOOK["items"] if item["type"] == 3}
    assert shown | {rule.facts["query"] for rule in ALERTS} == set(QUERIES)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_an_alert_leads_to_its_section(rule: Rule) -> None:
    page, _, anchor = rule.facts["help"].partition("#")
    assert (page, anchor) == ("docs/operations.md", rule.name.lower().replace(" ", "-"))
    assert anchor in Document(ROOT / page).anchors
