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


Range = tuple[int | None, int | None]


def in_bicep(decorators: str) -> Range:
    """Return the lowest and the highest value that a decorator allows."""
    low, high = (re.search(rf"@{end}Value\((-?\d+)\)", decorators) for end in ("min", "max"))
    return low and int(low[1]), high and int(high[1])


def in_terraform(value: str) -> Range:
    """Return the lowest and the highest number that a validation allows."""
    if found := re.search(rf"contains\(range\((\d+), (\d+)\), {value}\)", VARIABLES):
        return int(found[1]), int(found[2]) - 1
    low, high = (re.search(rf"\b{value} {sign}= (-?\d+)", VARIABLES) for sign in "><")
    return low and int(low[1]), high and int(high[1])


@pytest.mark.parametrize(
    ("name", "ends"), [("scale", [(1, 4), (1, 40)]), ("retention", [(0, None), (1, None), (1, 365)])]
)
def test_the_limits_of_numbers_are_the_same(name: str, ends: list[Range]) -> None:
    numbers = {prop: said for prop, said in properties(bicep_type(name)).items() if said.endswith("int")}
    limits = {prop: in_bicep(said) for prop, said in numbers.items()}
    assert set(limits.values()) == set(ends)
    assert {prop: in_terraform(rf"var\.{name}\.{prop}") for prop in numbers} == limits


def test_the_limit_of_the_daily_cap_is_the_same() -> None:
    decorators, _, _ = MAIN.partition("\nparam dailyCapGb int")
    assert in_bicep(decorators.rpartition("\n@description")[2]) == in_terraform(r"var\.daily_cap_gb") == (-1, None)


def test_the_values_to_choose_from_are_the_same() -> None:
    sku = re.search(r"^param picturesAccountSku ([^=]+) =", MAIN, re.MULTILINE)
    assert sku
    scale, central = properties("scaleType"), properties("businessCentralType")
    of_bicep = {
        r"var\.pictures_account_sku": re.findall(r"\w+", sku[1]),
        r"var\.scale\.instance_memory_mb": re.findall(r"\b\d+\b", scale["instance_memory_mb"].rpartition("\n")[2]),
        r"var\.business_central\.api_version": re.findall(r"v[\d.]+", central["api_version"].rpartition("\n")[2]),
        r"var\.pictures\.fit": re.findall(r"'(\w+)'", properties("picturesType")["fit"].rpartition("\n")[2]),
    }
    assert min(map(len, of_bicep.values())) > 1
    for value, choices in of_bicep.items():
        chosen = re.search(rf"contains\(\[([^\]]+)\], {value}\)", VARIABLES)
        assert chosen, value
        assert re.findall(r"[\w.]+", chosen[1]) == choices


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
