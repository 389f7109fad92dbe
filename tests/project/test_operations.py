"""Whoever is on call finds a section for every alert, outcome, reason and event, and it names only what exists."""

import json
import re
from dataclasses import fields

import pytest

from devstack.machine.setup import ROOT
from shared import config, telemetry_names
from shared.errors import Reason
from shared.report import Outcome, Report, SweepReport
from tests.support.documents import Document

OPERATIONS = Document(ROOT / "docs" / "operations.md")
SECTIONS = OPERATIONS.sections
MONITORING = ROOT / "infra" / "monitoring"
ALERTS = {alert["name"]: alert for alert in json.loads((MONITORING / "alerts.json").read_text("utf-8"))["alerts"]}
QUERIES = {path.name for path in (MONITORING / "queries").glob("*.kql")}
EVENTS = set(telemetry_names.RECORDS)
CHAPTERS = {"Alerts": set(ALERTS), "Outcomes": set(Outcome), "Reasons": set(Reason), "Events": EVENTS}
FUNCTIONS = set(re.findall(r"^def (\w+)\(", (ROOT / "function_app.py").read_text(encoding="utf-8"), re.MULTILINE))
QUOTED = set(re.findall(r"`([^`\n]+)`", OPERATIONS.path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_a_section_for_each_name(chapter: str) -> None:
    headings = re.findall(r"^### `?([^`\n]+)`?$", SECTIONS[chapter], re.MULTILINE)
    assert sorted(headings) == sorted(CHAPTERS[chapter])


@pytest.mark.parametrize("name", sorted(set().union(*CHAPTERS.values())))
def test_a_section_tells_meaning_action_and_query(name: str) -> None:
    assert re.fullmatch(r"\w.+\n\n\*\*To do:\*\* \S.+\n\n\*\*Query:\*\* .+", SECTIONS[name], re.DOTALL)


def test_headings_are_unique_as_alerts_link_to_them() -> None:
    assert len(OPERATIONS.anchors) == len(set(OPERATIONS.headings)) == len(OPERATIONS.headings)


def test_settings_fields_and_functions_that_it_names_exist() -> None:
    known = {*config.SETTINGS, *FUNCTIONS, *Reason, *Outcome, *EVENTS}
    known |= {field.name for kind in (Report, SweepReport) for field in fields(kind)}
    known |= {
        name for record in telemetry_names.RECORDS.values() for name in (*record.dimensions, *record.measurements)
    }
    snake_case = {word for word in QUOTED if re.fullmatch(r"[a-z]+(_[a-z]+)+|[A-Z]+(_[A-Z]+)+", word)}
    assert snake_case - known == set()


def test_queries_that_it_names_are_those_that_exist() -> None:
    assert {word for word in QUOTED if word.endswith(".kql")} == QUERIES


@pytest.mark.parametrize("name", ALERTS)
def test_an_alerts_section_names_its_query(name: str) -> None:
    alert = ALERTS[name]
    assert f"`{alert.get('query') or alert['metric']['name']}`" in SECTIONS[name].partition("**Query:**")[2]


def test_the_alert_about_sweeps_thinks_of_lost_telemetry() -> None:
    for text in (ALERTS["No sweep"]["first"], SECTIONS["No sweep"]):
        words = ("item-pictures status", "doctor --deployed", "daily cap", "Monitoring Metrics Publisher")
        assert [word for word in words if word not in text] == []


def test_the_alert_about_sweeps_thinks_of_a_pause() -> None:
    assert "(#pause-the-app)" in SECTIONS["No sweep"]
    assert "(#no-sweep)" in SECTIONS["Pause the app"]
    (setting,) = re.findall(r"AzureWebJobs\.\w+\.Disabled", ALERTS["No sweep"]["first"])
    assert f"{setting}=true" in SECTIONS["Pause the app"]
