"""The samples of the README, and what left it, are those of the code."""

import json
import re
from dataclasses import fields

from devstack.machine.setup import ROOT
from devstack.stack import CONTAINERS
from shared.report import Outcome, Report

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_log_line_has_the_fields_of_the_code() -> None:
    line = json.loads(re.search(r"```json\n(\{.*\})\n```", README)[1])  # type: ignore[index]
    assert list(line) == ["event", *(field.name for field in fields(Report))]
    assert line["event"] == "upload_finished"
    assert line["outcome"] in list(Outcome)


def test_the_containers_to_create_are_those_of_the_app() -> None:
    page = (ROOT / "docs" / "local-stack.md").read_text(encoding="utf-8")
    listed = re.search(r"this command for each of\s+(.*?):\n", page, re.DOTALL)
    assert listed
    assert sorted(re.findall(r"`([^`]+)`", listed[1])) == sorted(CONTAINERS)
