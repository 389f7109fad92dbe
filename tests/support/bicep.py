"""Finds Microsoft's Bicep compiler and runs it on a copy of the templates; reads the resources that it predicts.

As a program, writes the project's snapshots anew.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT

TEMPLATES = Path("infra") / "bicep"
PINNED = "0.49.2"  # whose snapshots are in the project
NOT_FOUND = "no Bicep compiler is on the PATH or named by BICEP_CLI"
BESIDE = ROOT.parent / "shared" / "tools" / "bicep"
EXAMPLES = ("main.test", "main.prod")
ANEW = "python -m tests.support.bicep"
_PLACE = ("--subscription-id", "00000000-0000-0000-0000-000000000000", "--location", "westeurope")

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Bicep:
    """A compiler that runs on this machine."""

    program: Path
    version: str

    def run(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the compiler; its exit code is the caller's business."""
        # .NET wants ICU, which small images do not have; the compiler does without. It ends too soon to gain from
        # .NET's profiling of itself, which costs a seventh of its time.
        own = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "DOTNET_TieredPGO": "0", **(env or {})}
        command = [str(self.program), *arguments]
        return subprocess.run(
            command,
            cwd=cwd,
            env=clean_environment(own),
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    def snapshot(
        self, project: Path, parameters: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Write the resources that these parameters lead to beside them."""
        command = ("snapshot", f"{parameters}.bicepparam", "--mode", "overwrite", *_PLACE)
        return self.run(*command, cwd=project / TEMPLATES, env=env)


def find() -> Bicep | None:
    """Return the first compiler that runs: on the PATH, named by ``BICEP_CLI``, or beside the project."""
    for program in (shutil.which("bicep"), os.environ.get("BICEP_CLI"), BESIDE):
        if program and Path(program).is_file():
            try:
                shown = Bicep(Path(program), "").run("--version", cwd=ROOT)
            except OSError:
                continue  # another system's
            if version := re.search(r"\d+\.\d+\.\d+", shown.stdout):
                return Bicep(Path(program), version[0])
    return None


def copy_of_templates(folder: Path) -> Path:
    """Copy what the compiler reads, so that a test may change it."""
    shutil.copytree(ROOT / TEMPLATES, folder / TEMPLATES, ignore=shutil.ignore_patterns("*.snapshot.json"))
    shutil.copytree(ROOT / "infra" / "monitoring", folder / "infra" / "monitoring")
    shutil.copy(ROOT / "host.json", folder)
    return folder


@dataclass(frozen=True)
class Prediction:
    """The resources that a deployment leads to; what only Azure knows stays an expression in brackets."""

    content: Mapping[str, Any]

    @classmethod
    def read(cls, project: Path, parameters: str) -> "Prediction":
        """Read a snapshot that lies beside its parameters."""
        file = project / TEMPLATES / f"{parameters}.snapshot.json"
        return cls(json.loads(file.read_text(encoding="utf-8")))

    @property
    def resources(self) -> list[Resource]:
        """All resources."""
        return list(self.content["predictedResources"])

    def all(self, kind: str) -> list[Resource]:
        """Return the resources of a type, given without ``Microsoft.``."""
        return [resource for resource in self.resources if resource["type"] == f"Microsoft.{kind}"]

    def one(self, kind: str) -> Resource:
        """Return the only resource of a type."""
        (resource,) = self.all(kind)
        return resource

    def account(self, beginning: str) -> Resource:
        """Return the storage account whose name begins so."""
        (account,) = [a for a in self.all("Storage/storageAccounts") if a["name"].startswith(beginning)]
        return account

    def children(self, account: Resource, kind: str) -> list[str]:
        """Return the names of what is in a storage account, sorted."""
        paths = [resource["name"].split("/") for resource in self.all(f"Storage/storageAccounts/{kind}")]
        return sorted(path[-1] for path in paths if path[0] == account["name"])

    @cached_property
    def app(self) -> Resource:
        """The function app."""
        return self.one("Web/sites")

    @cached_property
    def settings(self) -> dict[str, str]:
        """The app settings, with examples of what only Azure knows."""
        pairs = [(pair["name"], pair["value"]) for pair in self.app["properties"]["siteConfig"]["appSettings"]]
        assert len({name.upper() for name, _ in pairs}) == len(pairs), "a setting is there twice"
        return {name: _with_examples(value) for name, value in pairs}

    def texts(self) -> Iterator[str]:
        """Yield every text in every resource."""
        yield from _texts(self.resources)


# What only Azure knows, by the end of the reference to it; the text beside stays.
_KNOWN_TO_AZURE = {
    ".clientId": "0d5f3c0e-7a53-4c1b-8a5c-2f1d9b6a4e10",
    ".primaryEndpoints.blob": "https://pictures.blob.core.windows.net/",
    ".primaryEndpoints.queue": "https://pictures.queue.core.windows.net/",
    ".ConnectionString": "InstrumentationKey=00000000-0000-0000-0000-000000000000",
}


def _with_examples(value: str) -> str:
    if not value.startswith("["):
        return value
    (example,) = [known for end, known in _KNOWN_TO_AZURE.items() if re.search(rf"\){re.escape(end)}[\])]", value)]
    text = re.match(r"\[format\('([^']*)'", value)
    return text[1].format(example) if text else example


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def main() -> None:
    """Write the snapshots of both examples."""
    found = find()
    if found is None or found.version != PINNED:
        raise SystemExit(f"Bicep {PINNED} writes the snapshots; found {found.version if found else 'none'}.")
    for example in EXAMPLES:
        run = found.snapshot(ROOT, example)
        print(run.stdout + run.stderr, end="")
        if run.returncode:
            raise SystemExit(run.returncode)
        # The compiler gives the outputs in another order each time.
        file = ROOT / TEMPLATES / f"{example}.snapshot.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        content["outputs"] = dict(sorted(content["outputs"].items()))
        file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
