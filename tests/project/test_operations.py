"""Whoever is on call finds a section for every alert, outcome, reason and event, and it names only what exists."""

import inspect
import re
from dataclasses import fields

import pytest

from devstack.machine.setup import ROOT
from shared import config, report
from shared.errors import Reason
from shared.report import Outcome, Report, SweepReport
from tests.support.documents import Document

OPERATIONS = Document(ROOT / "docs" / "operations.md")
SECTIONS = OPERATIONS.sections
ALERTS = {
    "Pictures quarantined",
    "Identity or permission refused",
    "BC or storage failing",
    "An upload is stuck",
    "An upload waits for long",
    "Unknown company",
    "BC throttles",
    "No sweep",
    "Time to item",
    "Dead-lettered events",
}
# Each public function of the report logs the event of its name.
EVENTS = {
    name
    for name, function in inspect.getmembers(report, inspect.isfunction)
    if function.__module__ == report.__name__ and not name.startswith("_")
}
CHAPTERS = {"Alerts": ALERTS, "Outcomes": set(Outcome), "Reasons": set(Reason), "Events": EVENTS}
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
    snake_case = {word for word in QUOTED if re.fullmatch(r"[a-z]+(_[a-z]+)+|[A-Z]+(_[A-Z]+)+", word)}
    assert snake_case - known == set()


def test_the_alert_about_sweeps_thinks_of_a_pause() -> None:
    assert "(#pause-the-app)" in SECTIONS["No sweep"]
    assert "(#no-sweep)" in SECTIONS["Pause the app"]
