"""The templates compile without any remark, are formatted, and lead to the resources that the project shows."""

import json
import re
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from tests.support.bicep import ANEW, EXAMPLES, PINNED, TEMPLATES, Bicep, Prediction, copy_of_templates

# What azd sets before it reads main.bicepparam.
AZD = {
    "AZURE_ENV_NAME": "mine",
    "AZURE_LOCATION": "westeurope",
    "BC_TENANT_ID": "7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11",
    "BC_ENVIRONMENT": "Sandbox",
    "BC_COMPANY": "CRONUS USA, Inc.",
}
ANOTHER = "another version of Bicep than the one whose snapshots are here"


def remarks(bicep: Bicep, folder: Path, files: str, env: dict[str, str]) -> list[str]:
    """Return all that the compiler and its linter have to say about files, in whichever severity."""
    run = bicep.run("lint", "--pattern", files, "--diagnostics-format", "sarif", cwd=folder, env=env)
    reports, rest = [], run.stdout + run.stderr
    while rest := rest.lstrip():
        report, end = json.JSONDecoder().raw_decode(rest)
        reports, rest = [*reports, report], rest[end:]
    assert reports, "nothing was checked"
    results = [result for report in reports for run in report["runs"] for result in run["results"]]
    return [f"{result['ruleId']} {result['message']['text']}" for result in results]


def test_the_compiler_has_no_remark(bicep: Bicep) -> None:
    assert remarks(bicep, ROOT / TEMPLATES, "**/*.bicep*", AZD) == []


def test_what_azd_has_not_been_told_is_refused(bicep: Bicep) -> None:
    """The app would start with an address that leads nowhere."""
    told = {name: value for name, value in AZD.items() if name != "BC_TENANT_ID"}
    run = bicep.run("build-params", "main.bicepparam", "--stdout", cwd=ROOT / TEMPLATES, env=told)
    line = (ROOT / TEMPLATES / "main.bicepparam").read_text(encoding="utf-8").split("BC_TENANT_ID")[0].count("\n") + 1
    assert run.returncode != 0
    assert re.findall(r"main\.bicepparam\((\d+),\d+\) : Error", run.stderr) == [str(line)]


def test_the_files_are_formatted(bicep: Bicep, tmp_path: Path) -> None:
    copy = copy_of_templates(tmp_path) / TEMPLATES
    run = bicep.run("format", "--pattern", "**/*.bicep*", cwd=copy)
    assert run.returncode == 0, run.stderr
    files = [path.relative_to(copy) for path in copy.rglob("*.bicep*") if path.name != "bicepconfig.json"]
    assert len(files) > 10
    assert [str(f) for f in files if (copy / f).read_bytes() != (ROOT / TEMPLATES / f).read_bytes()] == []


def test_every_module_is_deployed() -> None:
    used = set(re.findall(r"'(modules/\w+\.bicep)'", (ROOT / TEMPLATES / "main.bicep").read_text(encoding="utf-8")))
    assert used == {path.relative_to(ROOT / TEMPLATES).as_posix() for path in ROOT.glob(f"{TEMPLATES}/modules/*")}


@pytest.mark.parametrize(
    ("module", "earlier"),
    [
        ("roles", {"identity", "storage", "monitoring"}),
        ("alerts", {"storage", "monitoring"}),
        ("privateNetwork", {"storage"}),
        ("functionApp", {"identity", "storage", "monitoring", "roles", "privateNetwork"}),
        ("eventSubscription", {"functionApp", "roles"}),
    ],
)
def test_nothing_starts_before_what_it_needs(module: str, earlier: set[str]) -> None:
    """Modules find each other's resources by name, so the compiler sees no order between them."""
    main = (ROOT / TEMPLATES / "main.bicep").read_text(encoding="utf-8")
    block = main.partition(f"\nmodule {module} ")[2].partition("\n}")[0]
    assert set(re.findall(r"\w+", block.partition("dependsOn: [")[2])) == earlier


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_snapshots_show_what_the_templates_lead_to(
    example: str, bicep: Bicep, predictions: dict[str, Prediction]
) -> None:
    if bicep.version != PINNED:
        pytest.skip(f"{ANOTHER}: found {bicep.version}, not {PINNED}")
    assert Prediction.read(ROOT, example).content == predictions[example].content, f"outdated; {ANEW} writes it anew"
