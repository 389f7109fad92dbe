"""Parameters that lead to an installation that cannot work are refused before anything is deployed."""

import json
from pathlib import Path

import pytest

from shared.config import SETTINGS
from tests.infra.conftest import predicted
from tests.support.bicep import TEMPLATES, Bicep, copy_of_templates
from tests.support.log_alerts import rules

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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (SCALE.format(4, 1), "scale: 24 uploads at a time; at most 20."),
        (NETWORK, "network: the app cannot reach an account that is not public"),
    ],
    ids=["scale", "network"],
)
def test_what_cannot_work_is_refused(line: str, message: str, bicep: Bicep, tmp_path: Path) -> None:
    run = bicep.snapshot(with_line(copy_of_templates(tmp_path), line), "main.test")
    assert run.returncode != 0
    assert message in run.stdout + run.stderr


def test_the_pictures_account_alone_can_be_closed(bicep: Bicep, tmp_path: Path) -> None:
    """No example closes it."""
    line = "param network = {{ useVirtualNetwork: true, addressPrefix: '10.0.0.0/24', {} }}\n".format(
        "hostAccountIsPublic: true, picturesAccountIsPublic: false"
    )
    prediction = predicted(bicep, with_line(copy_of_templates(tmp_path), line), "main.test")
    rules = {name: prediction.account(name)["properties"]["networkAcls"] for name in ("sthost", "stpics")}
    assert {name: rule["defaultAction"] for name, rule in rules.items()} == {"sthost": "Allow", "stpics": "Deny"}


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


def test_forty_instances_may_have_one_upload_each(bicep: Bicep, tmp_path: Path) -> None:
    """Where the region insists on 40."""
    project = with_line(copy_of_templates(tmp_path), SCALE.format(40, 1))
    host = json.loads((project / "host.json").read_text(encoding="utf-8"))
    host["extensions"]["blobs"]["maxDegreeOfParallelism"] = 1
    (project / "host.json").write_text(json.dumps(host), encoding="utf-8")
    scale = predicted(bicep, project, "main.test").app["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["maximumInstanceCount"] == 40


def test_each_parameter_of_the_app_names_its_setting() -> None:
    types = (Path(__file__).parents[2] / TEMPLATES / "types.bicep").read_text(encoding="utf-8")
    by_parameter = {name for name in SETTINGS if not name.startswith(("PICTURE_STORAGE", "APPLICATIONINSIGHTS_"))}
    fixed = {"PICTURE_TRIGGER_SOURCE", "AZURE_CLIENT_ID", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"}
    assert {name for name in by_parameter - fixed if f"({name})" not in types and f"({name}):" not in types} == set()
