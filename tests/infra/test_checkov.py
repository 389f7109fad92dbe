"""checkov, which knows Azure's good practice, finds nothing but what we have decided otherwise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.machine import setup
from devstack.machine.children import clean_environment
from tests.support.bicep import Prediction
from tests.support.terraform import core

EVENT_GRID = "Event Grid alone calls the app, from outside and without a certificate"
BOTH = {
    "CKV_AZURE_35": "uploaders come from outside; a parameter closes each account",
    "CKV_AZURE_59": "closed by its rules: Event Grid needs their exception for dead letters",
    "CKV_AZURE_206": "copies elsewhere are the owner's choice (picturesAccountSku); the host needs none",
    "CKV_AZURE_212": "Flex Consumption adds instances by itself",
    "CKV_AZURE_225": "zones ask for two instances that are always ready; events and the sweep outlast an outage",
}
# checkov looks into the app in templates only: for it, Terraform's azapi_resource is a blank.
OF_TEMPLATES = BOTH | {
    "CKV_AZURE_17": EVENT_GRID,
    "CKV_AZURE_18": f"HTTP/2: {EVENT_GRID}",
    "CKV_AZURE_67": f"HTTP/2: {EVENT_GRID}",
    "CKV_AZURE_222": EVENT_GRID,
    "CKV_AZURE_78": "Flex Consumption refuses ftpsState; publishing by password is off",
    "CKV_AZURE_213": "Flex Consumption has no health check",
}
LOGS = "each request to storage in the log is the owner's choice (docs/security.md)"
OF_PLANS = BOTH | {
    "CKV_AZURE_33": LOGS,
    "CKV2_AZURE_1": "encrypted with Microsoft's keys (docs/security.md)",
    "CKV2_AZURE_21": LOGS,
    "CKV2_AZURE_31": "nothing listens in the app's subnet, and a security group would not concern private endpoints",
    "CKV2_AZURE_33": "private endpoints are an option",
    "CKV2_AZURE_38": "what is deleted in the host account can be deployed again",
}
# checkov's command loads all of its frameworks, in twice the time.
PROGRAM = """
import json, sys
from importlib import import_module
from checkov.runner_filter import RunnerFilter

module, framework, *files = sys.argv[1:]
report = import_module(module).Runner().run(
    root_folder=None, files=files, runner_filter=RunnerFilter(framework=[framework])
)
failed = {check.check_id: check.check_name for check in report.failed_checks}
print(json.dumps({"resources": len(report.resources), "unread": report.parsing_errors, "failed": failed}))
"""
TEMPLATES, PLANS = ("checkov.arm.runner", "arm"), ("checkov.terraform.plan_runner", "terraform_plan")
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
        message = f"checkov cannot be fetched: {stopped}"
        if os.environ.get("CHECKOV_IS_REQUIRED"):
            pytest.fail(message)
        pytest.skip(message)


def check_all(checkov: Path, runner: tuple[str, str], files: dict[Path, int], accepted: dict[str, str]) -> None:
    """Let checkov look at files, of which each has so many resources."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *runner, *map(str, files)],
        env=clean_environment({"PYTHONPATH": str(checkov), **NOWHERE}),
        capture_output=True,
        cwd=next(iter(files)).parent,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    report = json.loads(run.stdout)
    assert (report["resources"], report["unread"]) == (sum(files.values()), [])
    assert {check: name for check, name in report["failed"].items() if check not in accepted} == {}
    assert accepted.keys() - report["failed"].keys() == set(), "no longer needed"


@pytest.mark.long
def test_checkov_accepts_the_templates(predictions: dict[str, Prediction], checkov: Path, tmp_path: Path) -> None:
    files = {tmp_path / f"{example}.json": prediction for example, prediction in predictions.items()}
    check_all(checkov, TEMPLATES, {file: flat(prediction, file) for file, prediction in files.items()}, OF_TEMPLATES)


@pytest.mark.long
def test_checkov_accepts_the_plans(workspace: core.Workspace, checkov: Path, tmp_path: Path) -> None:
    files = {}
    for example in core.EXAMPLES:
        plan = workspace.plan(f"-var-file={example}.tfvars")
        file = tmp_path / f"{example}.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        files[file] = sum(change["mode"] == "managed" for change in plan["resource_changes"])
    check_all(checkov, PLANS, files, OF_PLANS)
