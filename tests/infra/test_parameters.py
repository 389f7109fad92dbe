"""Parameters that lead to an installation that cannot work are refused before anything is deployed."""

import json
import re
from pathlib import Path

from shared.config import SETTINGS
from tests.infra.conftest import predicted
from tests.infra.test_templates import AZD
from tests.support.bicep import TEMPLATES, Bicep, Prediction, copy_of_templates
from tests.support.log_alerts import rules

ONE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"

SCALE = "param scale = {{ maximumInstanceCount: {}, alwaysReadyInstances: {}, instanceMemoryMB: 2048 }}\n"
NETWORK = """
param network = {
  useVirtualNetwork: false
  addressPrefix: '10.0.0.0/24'
  hostAccountIsPublic: false
  picturesAccountIsPublic: true
}
"""


def with_line(project: Path, line: str) -> Path:
    with (project / TEMPLATES / "main.test.bicepparam").open("a", encoding="utf-8") as file:
        file.write(line)
    return project


def changed(project: Path, right: str, other: str) -> Path:
    example = project / TEMPLATES / "main.test.bicepparam"
    text = example.read_text(encoding="utf-8")
    assert text.count(right) == 1, right
    example.write_text(text.replace(right, other), encoding="utf-8")
    return project


# All are as long as the types ask for.
MISPLACED = "11111111-1111-41118-111-111111111111"
SOMEBODY = "somebody@example.com".ljust(len(ONE), "x")
TENANT, VERSION = "7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11", "apiVersion: 'v2.0'"
WRONG = {
    "environmentName: under_score must be letters, digits and hyphens.": ("Name = 'test'", "Name = 'under_score'"),
    f"businessCentral.tenantId: {SOMEBODY} is not a GUID.": (TENANT, SOMEBODY),
    "businessCentral.clientId: is not a GUID.": (VERSION, f"{VERSION}\n  clientId: '{MISPLACED}'"),
    "uploaders: each needs an id that is a GUID.": (ONE, MISPLACED),
    "operators: each needs an id that is a GUID.": (OTHER, SOMEBODY),
}
ADDED = {
    "pictures.background: #12345G must be #RRGGBB.": "param pictures = { background: '#12345G' }\n",
    "scale: 24 uploads at a time; at most 20.": SCALE.format(4, 1),
    "network: the app cannot reach an account that is not public": NETWORK,
}


def test_all_that_cannot_work_is_refused_at_once(bicep: Bicep, tmp_path: Path) -> None:
    project = copy_of_templates(tmp_path)
    for right, wrong in WRONG.values():
        changed(project, right, wrong)
    run = bicep.snapshot(with_line(project, "".join(ADDED.values())), "main.test")
    assert run.returncode != 0
    said = re.sub(r'[\\"]', "", run.stdout + run.stderr)
    assert [message for message in (*WRONG, *ADDED) if message not in said] == []


def test_a_refusal_names_only_what_is_wrong(bicep: Bicep, tmp_path: Path) -> None:
    run = bicep.snapshot(changed(copy_of_templates(tmp_path), TENANT, SOMEBODY), "main.test")
    assert run.returncode != 0
    said = run.stdout + run.stderr
    named = [message.partition(":")[0] for message in (*WRONG, *ADDED)]
    assert [name for name in named if f"{name}: " in said] == ["businessCentral.tenantId"]


def test_letters_are_taken_in_either_case(bicep: Bicep, tmp_path: Path) -> None:
    project = changed(copy_of_templates(tmp_path), "Name = 'test'", "Name = 'Shop-2'")
    changed(project, TENANT, TENANT.upper())
    prediction = predicted(bicep, with_line(project, "param pictures = { background: '#aAbBcC' }\n"), "main.test")
    assert prediction.app["name"].startswith("func-itempic-Shop-2-")
    assert prediction.settings["BC_TENANT_ID"] == TENANT.upper()
    assert prediction.settings["PICTURE_BACKGROUND"] == "#aAbBcC"


def test_alerts_lead_to_where_the_documents_are(bicep: Bicep, tmp_path: Path) -> None:
    """No example knows such a place."""
    line = "param documentsUrl = 'https://docs.example.com/pictures/'\n"
    prediction = predicted(bicep, with_line(copy_of_templates(tmp_path), line), "main.test")
    alerts = [*prediction.all("Insights/scheduledQueryRules"), *prediction.all("Insights/metricAlerts")]
    helps = {rule.facts["help"] for rule in rules()}
    linked = {
        alert["properties"]["description"].partition("(https://docs.example.com/pictures/")[2] for alert in alerts
    }
    assert linked == {f"{path})" for path in helps}


def test_what_no_example_has_works_too(bicep: Bicep, tmp_path: Path) -> None:
    """The pictures account alone is closed; where the region insists on 40 instances, each has one upload at a time."""
    network = "param network = {{ useVirtualNetwork: true, addressPrefix: '10.0.0.0/24', {} }}\n".format(
        "hostAccountIsPublic: true, picturesAccountIsPublic: false"
    )
    project = with_line(copy_of_templates(tmp_path), network + SCALE.format(40, 1))
    host = json.loads((project / "host.json").read_text(encoding="utf-8"))
    host["extensions"]["blobs"]["maxDegreeOfParallelism"] = 1
    (project / "host.json").write_text(json.dumps(host), encoding="utf-8")
    prediction = predicted(bicep, project, "main.test")
    rules = {name: prediction.account(name)["properties"]["networkAcls"] for name in ("sthost", "stpics")}
    assert {name: rule["defaultAction"] for name, rule in rules.items()} == {"sthost": "Allow", "stpics": "Deny"}
    scale = prediction.app["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["maximumInstanceCount"] == 40


def test_azds_variables_name_people_and_addresses(bicep: Bicep, tmp_path: Path) -> None:
    """Without quotes, so that each shell passes them on alike."""
    project = copy_of_templates(tmp_path)
    people = {"UPLOADERS": f"User:{ONE}, Group:{OTHER}", "OPERATORS": f"ServicePrincipal:{OTHER}"}
    run = bicep.snapshot(project, "main", {**AZD, **people, "ALERT_EMAILS": "a@example.com,b@example.com"})
    assert run.returncode == 0, run.stderr
    prediction = Prediction.read(project, "main")
    incoming = [a for a in prediction.all("Authorization/roleAssignments") if "/containers/product-images/" in a["id"]]
    who = {(a["properties"]["principalType"], a["properties"]["principalId"]) for a in incoming}
    assert who == {("User", ONE), ("Group", OTHER)}
    receivers = prediction.one("Insights/actionGroups")["properties"]["emailReceivers"]
    assert [receiver["emailAddress"] for receiver in receivers] == ["a@example.com", "b@example.com"]


def test_a_type_that_azure_does_not_know_is_refused(bicep: Bicep, tmp_path: Path) -> None:
    run = bicep.snapshot(copy_of_templates(tmp_path), "main", {**AZD, "UPLOADERS": f"Usr:{ONE}"})
    assert run.returncode != 0
    assert "is not part of the allowed value(s): 'Group,ServicePrincipal,User'" in run.stdout + run.stderr


def test_each_parameter_of_the_app_names_its_setting() -> None:
    types = (Path(__file__).parents[2] / TEMPLATES / "types.bicep").read_text(encoding="utf-8")
    by_parameter = {name for name in SETTINGS if not name.startswith(("PICTURE_STORAGE", "APPLICATIONINSIGHTS_"))}
    fixed = {"PICTURE_TRIGGER_SOURCE", "AZURE_CLIENT_ID", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"}
    assert {name for name in by_parameter - fixed if f"({name})" not in types and f"({name}):" not in types} == set()
