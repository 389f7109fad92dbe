"""The simulator's README lists the same claims as the tests' markers and the answers' assumptions."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from devstack import business_central
from devstack.business_central.assumptions import Assumption
from devstack.business_central.scenario import limits, rules
from tests.support.simulator_client import Client

SIMULATOR = Path(business_central.__file__).parent
README = (SIMULATOR / "README.md").read_text(encoding="utf-8")
CLAIMS = re.findall(r"^\| (.+) \| (GT|DOC|LIVE|3P|INF|UNK) \| (.+) \|$", README, re.MULTILINE)
PLACES = set(re.findall(r"`([\w/]+\.\w+)`", README.partition("\n| to change | look in |\n")[2].partition("\n## ")[0]))
CONTROL = re.findall(r"^\| `(GET|POST|DELETE) /_control(/\S+)`(?: `(.*?)`)? \|", README, re.MULTILINE)


def sources(folder: Path, pattern: str) -> dict[str, str]:
    """Return the text of every matching file by its path in the folder; there must be some."""
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.glob(pattern)}
    assert texts, f"{folder} has no {pattern} to check"
    return texts


def grades(source: str) -> set[str]:
    """Return the grades in a test module's markers."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "evidence"
        and isinstance(node.args[0], ast.Constant)
    }


TESTS = sources(Path(__file__).parent, "test_*.py")
MODULES = sorted(path for path in sources(SIMULATOR, "**/*.py") if not path.endswith("__init__.py"))


def test_claims_and_tests_use_the_same_grades() -> None:
    assert {grade for _, grade, _ in CLAIMS} == {grade for source in TESTS.values() for grade in grades(source)}
    assert {grade for _, grade, _ in CLAIMS} == {"GT", "DOC", "LIVE", "3P", "INF", "UNK"}


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
    ("path", "rule"),
    [
        ("/latency", rules.Latency),
        ("/speed", rules.Speed),
        ("/faults", rules.Fault),
        ("/permissions", rules.Denial),
        ("/limits", limits.Limits),
    ],
)
def test_every_field_of_the_control_api_is_described(path: str, rule: type) -> None:
    (body,) = (body for verb, described, body in CONTROL if (verb, described) == ("POST", path))
    names = set(re.findall(r'"(\w+)"', body)) - {"unread", "Read", "Modify"}
    assert names == {field.name for field in fields(rule)}


@pytest.mark.parametrize(("verb", "path"), [(verb, path) for verb, path, _ in CONTROL])
def test_every_documented_control_request_exists(bc: Client, verb: str, path: str) -> None:
    response = bc.control(verb, path.replace("{id}", "00000000-0000-0000-0000-000000000000"))
    assert response.status_code != 405
    assert response.status_code != 404 or "{id}" in path


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_in_the_table_of_what_to_change(module: str) -> None:
    assert module in PLACES


def test_the_table_of_what_to_change_names_only_existing_files() -> None:
    assert PLACES
    assert {name for name in PLACES if not (SIMULATOR / name).is_file()} == set()


def test_a_folder_without_tests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"has no test_\*\.py to check"):
        sources(tmp_path, "test_*.py")
