"""The simulator's README, its tests' markers and its answers' assumptions are one list."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from devstack.business_central import conditions, limits
from devstack.business_central.assumptions import Assumption
from tests.support.simulator_client import Client

README = Path(conditions.__file__).with_name("README.md").read_text(encoding="utf-8")
TESTS = {path.name: path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")}
CLAIMS = re.findall(r"^\| (.+) \| (GT|DOC|LIVE|3P|INF|UNK) \| (.+) \|$", README, re.MULTILINE)
CONTROL = re.findall(r"^\| `(GET|POST|DELETE) /_control(/\S+)`(?: `(.*?)`)? \|", README, re.MULTILINE)


def markers(source: str) -> set[str]:
    """Return the grades that a test module's markers name."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "evidence"
        and isinstance(node.args[0], ast.Constant)
    }


def test_claims_and_tests_use_the_same_grades() -> None:
    assert {grade for _, grade, _ in CLAIMS} == {grade for source in TESTS.values() for grade in markers(source)}


def test_claims_graded_unknown_are_the_assumptions() -> None:
    assert {claim for claim, grade, _ in CLAIMS if grade == "UNK"} == set(Assumption)


@pytest.mark.parametrize("assumption", Assumption)
def test_a_test_checks_an_answer_for_each_assumption(assumption: Assumption) -> None:
    assert any(f"Assumption.{assumption.name}" in source for source in TESTS.values())
    assert assumption.isascii()
    assert "; " not in assumption


def test_every_claim_names_its_source_unless_unknown() -> None:
    assert [claim for claim, grade, source in CLAIMS if (source == "none") is not (grade == "UNK")] == []
    assert len(CLAIMS) == len({claim for claim, _, _ in CLAIMS})


@pytest.mark.parametrize(
    ("where", "rule"),
    [
        ("/latency", conditions.Latency),
        ("/speed", conditions.Speed),
        ("/faults", conditions.Fault),
        ("/permissions", conditions.Denial),
        ("/limits", limits.Limits),
    ],
)
def test_every_field_of_the_control_api_is_described(where: str, rule: type) -> None:
    (described,) = (body for verb, path, body in CONTROL if (verb, path) == ("POST", where))
    names = set(re.findall(r'"(\w+)"', described)) - {"unread", "Read", "Modify"}
    assert names == {field.name for field in fields(rule)}


@pytest.mark.parametrize(("verb", "path"), [(verb, path) for verb, path, _ in CONTROL])
def test_every_documented_control_request_exists(bc: Client, verb: str, path: str) -> None:
    where = path.replace("{id}", "00000000-0000-0000-0000-000000000000")
    response = bc.control(verb, where)
    assert response.status_code != 405
    assert response.status_code != 404 or "{id}" in path
