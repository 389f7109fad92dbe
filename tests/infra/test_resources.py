"""infra/README.md lists the resources that are deployed; each is named, tagged and placed like the others."""

import json
import re
from math import prod
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from shared import config
from tests.support.bicep import PINNED, TEMPLATES, Prediction
from tests.support.terraform.core import STACK
from tests.support.terraform.schemas import used

README = (ROOT / "infra" / "README.md").read_text(encoding="utf-8")


def documented() -> dict[str, str]:
    """Return the file of each resource type in the table."""
    return {kind: file for kinds, file, _ in rows() for kind in re.findall(r"`([^`]+)`", kinds)}


def rows() -> list[tuple[str, str, str]]:
    """Return Azure's types, the file, and Terraform's types, of each row."""
    table = README.partition("| resource | file | in Terraform | why |")[2].partition("\n\n")[0]
    return re.findall(r"^\| ([^|]+) \| `([^`]+)` \| ([^|]+) \|", table, re.MULTILINE)


def test_the_table_lists_every_resource_type(small: Prediction, large: Prediction) -> None:
    deployed = {resource["type"].removeprefix("Microsoft.") for resource in [*small.resources, *large.resources]}
    assert documented().keys() == deployed


def test_each_resource_is_in_the_file_that_the_table_names() -> None:
    for kind, file in documented().items():
        text = (ROOT / TEMPLATES / file).read_text(encoding="utf-8")
        # A child may stand inside its parent, with only the end of its type.
        assert f"'Microsoft.{kind}@" in text or f" '{kind.rpartition('/')[2]}' = " in text, (kind, file)


def test_the_table_lists_every_resource_type_of_terraform() -> None:
    found = set()
    for _, file, kinds in rows():
        text = (ROOT / STACK / f"{Path(file).stem}.tf").read_text(encoding="utf-8")
        named = re.findall(r"`(\w+)`", kinds)
        assert [kind for kind in named if f'\nresource "{kind}" ' not in f"\n{text}"] == [], file
        found |= set(named)
    assert found == set(used("resource", "azapi") + used("resource", "azurerm"))


def test_everything_that_has_a_place_has_the_tags(prediction: Prediction) -> None:
    placed = [resource for resource in prediction.resources if "location" in resource]
    assert len(placed) > 10
    without = [
        resource["name"] for resource in placed if not {"workload", "azd-env-name"} <= resource.get("tags", {}).keys()
    ]
    assert without == []


def test_tags_of_ones_own_are_added(large: Prediction) -> None:
    assert {r["tags"]["costCenter"] for r in large.resources if "location" in r} == {"4711"}


# From the Cloud Adoption Framework's list of abbreviations.
ABBREVIATIONS = {
    "EventGrid/systemTopics": "egst-",
    "Insights/actionGroups": "ag-",
    "Insights/components": "appi-",
    "ManagedIdentity/userAssignedIdentities": "id-",
    "Network/privateEndpoints": "pep-",
    "Network/virtualNetworks": "vnet-",
    "OperationalInsights/workspaces": "log-",
    "Resources/resourceGroups": "rg-",
    "Storage/storageAccounts": "st",
    "Web/serverfarms": "asp-",
    "Web/sites": "func-",
}


@pytest.mark.parametrize("kind", ABBREVIATIONS)
def test_a_name_begins_with_its_abbreviation(kind: str, small: Prediction, large: Prediction) -> None:
    names = [resource["name"] for resource in [*small.all(kind), *large.all(kind)]]
    assert names
    assert [name for name in names if not name.startswith(ABBREVIATIONS[kind])] == []


def test_names_fit_azures_rules(prediction: Prediction) -> None:
    assert re.fullmatch(r"[a-z0-9]{3,24}", prediction.account("sthost")["name"])
    assert re.fullmatch(r"[a-z0-9]{3,24}", prediction.account("stpics")["name"])
    assert re.fullmatch(r"[a-z0-9-]{2,60}", prediction.app["name"])


def test_the_documented_compiler_is_the_pinned_one() -> None:
    assert f"Bicep {PINNED}" in README


def test_the_operator_gets_everything_in_one_output(prediction: Prediction) -> None:
    told = str(prediction.content["outputs"]["INSTALLATION"])
    names = [prediction.app["name"], *(prediction.account(name)["name"] for name in ("sthost", "stpics"))]
    containers = prediction.children(prediction.account("stpics"), "blobServices/containers")
    pictures = [name for name in config.SETTINGS if name.startswith(("PICTURE_M", "PICTURE_Q", "PICTURE_B", "SOURCE_"))]
    settings = [prediction.settings[name] for name in ("BC_ENVIRONMENT", "BC_COMPANY", "BLOB_PATH_TEMPLATE", *pictures)]
    assert [text for text in [*names, *containers, *settings] if f"'{text}'" not in told] == []


def test_the_costs_count_every_alert_as_often_as_it_is_evaluated() -> None:
    """Azure sets the price of an alert on the log by its frequency."""
    alerts = json.loads((ROOT / "infra" / "monitoring" / "alerts.json").read_text(encoding="utf-8"))["alerts"]
    often = [alert for alert in alerts if "query" in alert and alert["frequency"] == "PT5M"]
    seldom = [alert for alert in alerts if "query" in alert and alert["frequency"] in {"PT15M", "PT30M", "PT1H"}]
    metrics = [alert for alert in alerts if "metric" in alert]
    assert len(often) + len(seldom) + len(metrics) == len(alerts), "a frequency of another price"
    table = README.partition("| idle, for a month |")[2].partition("\n\n")[0]
    counted = [int(count) for count in re.findall(r"^\| [^|]*\balerts? [^|]*\| (\d+) × [\d.]+ \|", table, re.MULTILINE)]
    assert counted == [len(often), len(seldom), len(metrics)]


def test_the_costs_are_what_their_factors_give() -> None:
    tables = README.partition("## What it costs")[2].split("| how much × price | $ |\n")[1:]
    assert len(tables) == 2
    for table in tables:
        rows = re.findall(r"^\| [^|*]+ \| ([^|]+×[^|]+) \| ([\d.]+) \|", table.partition("\n\n")[0], re.MULTILINE)
        for factors, dollars in rows:
            assert f"{prod(map(float, re.findall(r'[0-9.]+', factors))):.2f}" == dollars, factors
        total = re.search(r"\| \*\*all\*\* \| \| \*\*([\d.]+)\*\* \|", table)
        assert total
        assert f"{sum(float(dollars) for _, dollars in rows):.2f}" == total[1]
