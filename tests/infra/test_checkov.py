"""checkov, which knows Azure's good practice, finds nothing but what we have decided otherwise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.machine import setup
from devstack.machine.children import clean_environment
from tests.support.bicep import Prediction

EVENT_GRID = "Event Grid alone calls the app, from outside and without a certificate"
ACCEPTED = {
    "CKV_AZURE_17": EVENT_GRID,
    "CKV_AZURE_18": f"HTTP/2: {EVENT_GRID}",
    "CKV_AZURE_67": f"HTTP/2: {EVENT_GRID}",
    "CKV_AZURE_222": EVENT_GRID,
    "CKV_AZURE_35": "uploaders come from outside; a parameter closes each account",
    "CKV_AZURE_59": "closed by its rules: Event Grid needs their exception for dead letters",
    "CKV_AZURE_78": "Flex Consumption refuses ftpsState; publishing by password is off",
    "CKV_AZURE_206": "copies elsewhere are the owner's choice (picturesAccountSku); the host needs none",
    "CKV_AZURE_212": "Flex Consumption adds instances by itself",
    "CKV_AZURE_213": "Flex Consumption has no health check",
    "CKV_AZURE_225": "zones ask for two instances that are always ready; events and the sweep outlast an outage",
}
# checkov's command loads all of its frameworks, in twice the time.
PROGRAM = """
import json, sys
from checkov.arm.runner import Runner
from checkov.runner_filter import RunnerFilter

report = Runner().run(root_folder=None, files=sys.argv[1:], runner_filter=RunnerFilter(framework=["arm"]))
failed = {check.check_id: check.check_name for check in report.failed_checks}
print(json.dumps({"resources": len(report.resources), "unread": report.parsing_errors, "failed": failed}))
"""
NOWHERE = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}


def flat(prediction: Prediction, file: Path) -> int:
    """Write the resources as one template and return how many there are: of modules, checkov sees nothing."""
    resources = [{name: value for name, value in each.items() if name != "id"} for each in prediction.resources]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}
    file.write_text(json.dumps(template, indent=1), encoding="utf-8")
    return len(resources)


@pytest.fixture(scope="module")
def checkov() -> Path:
    try:
        return setup.checkov()
    except SystemExit as stopped:
        pytest.skip(f"checkov cannot be fetched: {stopped}")


def test_checkov_finds_only_what_we_have_accepted(
    predictions: dict[str, Prediction], checkov: Path, tmp_path: Path
) -> None:
    files = {tmp_path / f"{example}.json": prediction for example, prediction in predictions.items()}
    resources = sum(flat(prediction, file) for file, prediction in files.items())
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, files)],
        env=clean_environment({"PYTHONPATH": str(checkov), **NOWHERE}),
        capture_output=True,
        cwd=tmp_path,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["resources"], report["unread"]) == (resources, [])
    assert {check: name for check, name in report["failed"].items() if check not in ACCEPTED} == {}
    assert ACCEPTED.keys() - report["failed"].keys() == set(), "no longer needed"
