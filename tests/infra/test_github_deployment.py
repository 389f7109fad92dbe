"""GitHub's deployment hands the right names from step to step, first stage, code and second stage, for both stacks.

The steps run as they stand in the workflow, with the project's scripts for the code and the second stage; programs that
only record how they were called stand in for az and terraform.
"""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.machine.setup import ROOT
from tests.support.azure_api import SIGNED_IN, Answer, Api, Request, serving
from tests.support.facts import ROLES
from tests.support.uploading import HOST, ID, PACKAGE, PUBLISH, site

DEPLOY = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8"))
VARIABLES = {
    "AZURE_LOCATION": "westeurope",
    "AZURE_SUBSCRIPTION_ID": "5a7b7c0e-8f5c-4f0e-9a6e-3d1f2b4c5d6e",
    "TF_STATE_ACCOUNT": "ststate",
    "TF_STATE_CONTAINER": "tfstate",
}
OUTPUTS = {
    "AZURE_RESOURCE_GROUP": "rg-itempic-shop",
    "AZURE_FUNCTION_APP_NAME": "func-itempic-shop",
    "AZURE_PICTURES_ACCOUNT_NAME": "stpics",
    "AZURE_SYSTEM_TOPIC_NAME": "egst-itempic-shop",
}
# Resource Manager changes the case of names; Terraform leaves it.
FROM_BICEP = {name.replace("AZURE", "azurE"): {"type": "String", "value": value} for name, value in OUTPUTS.items()}
FROM_TERRAFORM = {name: {"sensitive": False, "type": "string", "value": value} for name, value in OUTPUTS.items()}
MORE = {"INSTALLATION": {"type": "Object", "value": {"functionApp": "func-itempic-shop"}}}
RECORDING = """import json, pathlib, sys
calls = pathlib.Path({calls!r})
earlier = calls.read_text() if calls.exists() else ""
calls.write_text(earlier + json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
for words, answer, code in {answers!r}:
    if all(word in sys.argv for word in words):
        print(answer)
        raise SystemExit(code)
"""
CREATE, WHAT_IF = (
    f"az deployment sub {command} --name item-picture-sync-shop --location westeurope"
    for command in ("create", "what-if")
)
UPLOAD = "az account show --query id --output tsv"  # the first thing that the script asks
PARAMETERS = "--parameters infra/bicep/main.shop.bicepparam --parameters createEventSubscription=false"


def installed(request: Request) -> Answer:
    """Answer as Azure does when the app has started."""
    if request.path.endswith("/Microsoft.Web/sites/func-itempic-shop"):
        return site(HOST)
    if (request.host, request.path) == (HOST, PUBLISH):
        return 202, json.dumps(ID)
    if request.host == HOST:
        return 200, {"status": 4, "complete": True}
    if request.path.endswith("/Microsoft.Web/sites/func-itempic-shop/host/default/listKeys"):
        return 200, {"systemKeys": {"blobs_extension": "the-key"}}
    return 200, {"properties": {"provisioningState": "Succeeded"}}


@dataclass
class Runner:
    """Runs a job's steps as GitHub does, on a machine with stand-ins for what they call."""

    folder: Path
    caller: Any
    api: Api
    environment: dict[str, str] = field(default_factory=dict)

    def answers(self, program: str, *answers: tuple[list[str], str, int]) -> None:
        """Let a program record its calls, and answer those that have all the words of an answer."""
        self.caller.program(program, RECORDING.format(calls=str(self.folder / "calls"), answers=answers))

    def run(self, job: str, stack: str) -> None:
        folder = str(self.folder)  # not the developer's own: there may be another Bicep, and azd
        machine = {"RUNNER_TEMP": folder, "HOME": folder, "AZD_CONFIG_DIR": folder}
        files = {f"GITHUB_{name}": str(self.folder / name) for name in ("ENV", "OUTPUT", "PATH", "STEP_SUMMARY")}
        self.environment = {"INSTALLATION": "shop", "STACK": stack, **VARIABLES, **machine, **files}
        for step in DEPLOY["jobs"][job]["steps"]:
            if "run" in step and step.get("if", f"env.STACK == '{stack}'") == f"env.STACK == '{stack}'":
                self._step(step)

    def _step(self, step: dict[str, Any]) -> None:
        program = self.folder / "step"
        program.write_text(step["run"], encoding="utf-8")
        shell = [sys.executable] if step.get("shell") == "python" else ["bash", "-eo", "pipefail"]
        ended = subprocess.run(
            [*shell, str(program)],
            cwd=self.folder / "project" / step.get("working-directory", "."),
            env=self.caller.environment(**self.environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, f"{step['name']}: {ended.stdout}{ended.stderr}"
        handed_on = Path(self.environment["GITHUB_ENV"])
        if handed_on.exists():
            self.environment |= dict(line.split("=", 1) for line in handed_on.read_text().splitlines())

    @property
    def calls(self) -> list[str]:
        """What was called, but for tokens and the installing of tools."""
        lines = [" ".join(json.loads(line)) for line in (self.folder / "calls").read_text().splitlines()]
        return [line for line in lines if "get-access-token" not in line and "az bicep" not in line]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    project = tmp_path / "project"
    for folder in ("infra/terraform", ".venv/bin", ".local"):
        (project / folder).mkdir(parents=True)
    shutil.copytree(ROOT / "infra" / "scripts", project / "infra" / "scripts")
    (project / ".local" / "item-picture-sync.zip").write_bytes(PACKAGE)
    with serving("management.azure.com", installed, tmp_path, HOST) as (api, caller):
        own = caller.program(
            "own", f"import os, sys\nos.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])"
        )
        (project / ".venv" / "bin" / "python").symlink_to(own)
        runner = Runner(tmp_path, caller, api)
        runner.answers("python")
        runner.answers(
            "az",
            (["get-access-token"], json.dumps(SIGNED_IN["az"]), 0),
            (["account", "show"], VARIABLES["AZURE_SUBSCRIPTION_ID"], 0),
            (["sub", "create"], json.dumps(FROM_BICEP | MORE), 0),
            (["what-if"], "+ func-itempic-shop", 0),
        )
        runner.answers(
            "terraform", (["output"], json.dumps(FROM_TERRAFORM | MORE), 0), (["plan"], "Plan: 60 to add", 0)
        )
        caller.program("bicep", "print('{}')")
        yield runner


def test_bicep_comes_before_the_code_and_the_subscription_last(runner: Runner) -> None:
    runner.run("deploy", "bicep")
    assert runner.calls == [
        "python dev.py package",
        f"{CREATE} {PARAMETERS} --query properties.outputs --output json",
        UPLOAD,
    ]
    (package,) = runner.api.named("POST", PUBLISH)
    assert (package.host, package.body) == (HOST, PACKAGE)
    assert runner.api.requests[0].path.endswith("/rg-itempic-shop/providers/Microsoft.Web/sites/func-itempic-shop")
    (subscription,) = runner.api.named("PUT", "/rg-itempic-shop/providers/Microsoft.Resources/deployments/")
    assert subscription.body["properties"]["parameters"] == {
        "functionAppName": {"value": "func-itempic-shop"},
        "picturesAccountName": {"value": "stpics"},
        "systemTopicName": {"value": "egst-itempic-shop"},
    }


INIT = (
    "terraform init -backend-config=storage_account_name=ststate -backend-config=container_name=tfstate "
    "-backend-config=key=shop.tfstate"
)


@pytest.mark.parametrize(
    ("state", "subscribed"),
    [
        ("", "false"),
        ("azurerm_eventgrid_system_topic.pictures", "false"),
        ("azurerm_eventgrid_system_topic_event_subscription.uploads[0]", "true"),
    ],
)
def test_terraform_never_takes_an_earlier_subscription_away(runner: Runner, state: str, subscribed: str) -> None:
    code = 0 if state else 1  # as where no state is yet
    runner.answers("terraform", (["state"], state, code), (["output"], json.dumps(FROM_TERRAFORM | MORE), 0))
    runner.run("deploy", "terraform")
    apply = "terraform apply -auto-approve -var-file=main.shop.tfvars -var=create_event_subscription="
    assert runner.calls == [
        "python dev.py package",
        INIT,
        "terraform state list",
        f"{apply}{subscribed}",
        "terraform output -json",
        UPLOAD,
        f"{apply}true",
    ]
    uploading, waiting = runner.api.requests[:3], runner.api.requests[3:]
    assert [request.body for request in uploading] == [None, PACKAGE, None]
    assert [request.method for request in waiting] == ["POST"], "the script only waits for the key"
    backend = (runner.folder / "project" / "infra" / "terraform" / "backend_override.tf").read_text(encoding="utf-8")
    assert 'backend "azurerm" {}' in backend


@pytest.mark.parametrize(
    ("stack", "calls", "changes"),
    [
        (
            "bicep",
            [f"{WHAT_IF} --validation-level ProviderNoRbac {PARAMETERS}"],
            "+ func-itempic-shop",
        ),
        (
            "terraform",
            [
                INIT,
                "terraform state list",
                "terraform plan -no-color -lock=false -var-file=main.shop.tfvars -var=create_event_subscription=false",
            ],
            "Plan: 60 to add",
        ),
    ],
)
def test_a_preview_changes_nothing_and_is_handed_on(runner: Runner, stack: str, calls: list[str], changes: str) -> None:
    runner.run("preview", stack)
    assert runner.calls == calls
    assert runner.api.requests == []
    assert f"\n{changes}\n" in (runner.folder / "OUTPUT").read_text(encoding="utf-8")
    assert changes in (runner.folder / "STEP_SUMMARY").read_text(encoding="utf-8")


PREPARING = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8").partition("\n### Prepare it\n")[2]
STACK = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "infra" / "terraform").glob("*.tf")}


def at_a_prompt(runner: Runner, typed: str) -> str:
    """Let an interactive bash, which also looks for exclamation marks in its history, run what somebody types."""
    home = {"HOME": str(runner.folder), "HISTFILE": "/dev/null"}
    prompt = ["bash", "--noprofile", "--norc", "-i"]
    ended = subprocess.run(
        prompt,
        input=typed,
        cwd=ROOT,
        env=runner.caller.environment(**home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    return ended.stderr


def test_the_deploying_identity_may_give_the_deployments_roles_alone(runner: Runner) -> None:
    assert "event not found" in at_a_prompt(runner, 'echo "!(ActionMatches"\n')
    runner.answers("az", (["identity", "show"], "11111111-1111-4111-8111-111111111111", 0))
    (block,) = [block for block in re.findall(r"```bash\n(.*?)```", PREPARING, re.DOTALL) if "--condition " in block]
    said = at_a_prompt(runner, f"SUBSCRIPTION=my-subscription\n{textwrap.dedent(block)}")
    assert "not found" not in said
    calls = [json.loads(line) for line in (runner.folder / "calls").read_text(encoding="utf-8").splitlines()]
    given = {call[call.index("--role") + 1]: call for call in calls if call[1:4] == ["role", "assignment", "create"]}
    assert list(given) == ["Contributor", "Role Based Access Control Administrator", "Item Picture Sync Preview"]
    limited = given["Role Based Access Control Administrator"]
    roles = r"\[Microsoft\.Authorization/roleAssignments:RoleDefinitionId\] ForAnyOfAnyValues:GuidEquals \{([^}]+)\}"
    # The form that Azure's documents have: the action is another one, or the role is one of these.
    parts = [
        rf"\(\(!\(ActionMatches\{{'Microsoft\.Authorization/roleAssignments/{action}'\}}\)\) OR \({where}{roles}\)\)"
        for action, where in (("write", "@Request"), ("delete", "@Resource"))
    ]
    condition = re.fullmatch(" AND ".join(parts), limited[limited.index("--condition") + 1])
    assert condition, limited
    assert [set(listed.split(", ")) for listed in condition.groups()] == [set(ROLES)] * 2
    assert limited[limited.index("--condition-version") + 1] == "2.0"


# What the providers ask for when they only read, and the right to read does not include.
ASKED_FOR = {
    'data "azapi_resource_action" "host_keys"': "Microsoft.Web/sites/host/listkeys/action",
    'resource "azurerm_eventgrid_system_topic_event_subscription"': (
        "Microsoft.EventGrid/systemTopics/eventSubscriptions/getFullUrl/action"
    ),
}


def test_the_page_lists_what_a_preview_with_terraform_needs() -> None:
    whole = "".join(STACK.values())
    assert [block for block in ASKED_FOR if block not in whole] == []
    assert [action for action in ASKED_FOR.values() if f"`{action}`" not in PREPARING] == []
    (registered,) = re.findall(r"for PROVIDER in ([\w ]+); do", PREPARING)
    providers = set(re.findall(r'"Microsoft\.(\w+)"', STACK["versions.tf"]))
    assert len(providers) > 5
    assert set(registered.split()) == providers
