"""Both stacks have the same parameters, limits, outputs and files, under names as each tool writes them."""

import re

import pytest

from devstack.machine.setup import ROOT
from shared.config import SETTINGS
from tests.support.bicep import TEMPLATES
from tests.support.terraform.core import STACK

MAIN = (ROOT / TEMPLATES / "main.bicep").read_text(encoding="utf-8")
TYPES = (ROOT / TEMPLATES / "types.bicep").read_text(encoding="utf-8")
VARIABLES = (ROOT / STACK / "variables.tf").read_text(encoding="utf-8")
OUTPUTS = (ROOT / STACK / "outputs.tf").read_text(encoding="utf-8")
OBJECTS = ("business_central", "pictures", "scale", "retention", "network")


def as_in_terraform(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z]+)", r"_\1", name).lower()


def variable(name: str) -> str:
    found = re.search(rf'^variable "{name}" \{{\n(.*?)^\}}', VARIABLES, re.DOTALL | re.MULTILINE)
    assert found, name
    return found[1]


def properties(name: str) -> dict[str, str]:
    """Return what Bicep's type says of each property: its decorators and its type."""
    found = re.search(rf"^type {name} = \{{\n(.*?)^\}}", TYPES, re.DOTALL | re.MULTILINE)
    assert found, name
    parts = re.findall(r"((?:^  @.*\n)*)^  (\w+): (.*)$", found[1], re.MULTILINE)
    return {as_in_terraform(prop): decorators + of for decorators, prop, of in parts}


def bicep_type(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest) + "Type"


def test_the_parameters_are_the_same() -> None:
    named = set(re.findall(r'^variable "(\w+)"', VARIABLES, re.MULTILINE))
    parameters = {as_in_terraform(name) for name in re.findall(r"^param (\w+)", MAIN, re.MULTILINE)}
    assert len(parameters) > 15
    # Of Azure's tools, each knows its subscription; azurerm wants to be told.
    assert named == parameters | {"subscription_id"}


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_inside_of_a_parameter_is_the_same(name: str) -> None:
    of_bicep = properties(bicep_type(name))
    body = variable(name).partition("object({")[2].partition("})")[0]
    of_terraform = dict(re.findall(r"^    (\w+)\s+= (\w+)", body, re.MULTILINE))
    assert of_terraform.keys() == of_bicep.keys()
    may_be_left_out = {prop for prop, of in of_bicep.items() if of.endswith("?")}
    assert {prop for prop, of in of_terraform.items() if of == "optional"} == may_be_left_out


def test_the_limits_of_pictures_are_the_same() -> None:
    written = VARIABLES.partition("picture_ranges = {")[2].partition("}")[0]
    ranges = {name: (low, high) for name, low, high in re.findall(r"(\w+)\s+= \[(\d+), (\d+)\]", written)}
    limits = {
        name: re.findall(r"@m(?:in|ax)Value\((\d+)\)", said)
        for name, said in properties("picturesType").items()
        if "Value(" in said
    }
    assert ranges == {name: tuple(found) for name, found in limits.items()}
    assert len(ranges) > 5


def test_each_variable_of_the_app_names_its_setting() -> None:
    fixed = {"PICTURE_TRIGGER_SOURCE", "AZURE_CLIENT_ID", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"}
    by_variable = {
        name for name in SETTINGS if not name.startswith(("PICTURE_STORAGE", "APPLICATIONINSIGHTS_"))
    } - fixed
    assert len(by_variable) > 10
    assert {name for name in by_variable if not re.search(rf"# .*\b{name}\b", VARIABLES)} == set()


def test_the_outputs_are_the_same() -> None:
    written = re.findall(r'^output "(\w+)"', OUTPUTS, re.MULTILINE)
    assert written == re.findall(r"^output (\w+)", MAIN, re.MULTILINE)


def test_the_files_are_split_in_the_same_way() -> None:
    modules = {path.stem for path in (ROOT / TEMPLATES / "modules").glob("*.bicep")}
    # Bicep's types are Terraform's variables, and its main.bicep has the outputs and no providers.
    own = {"main", "outputs", "variables", "versions"}
    assert {path.stem for path in (ROOT / STACK).glob("*.tf")} == modules | own
