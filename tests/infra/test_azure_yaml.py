"""azure.yaml is what azd expects, and names what is there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from devstack.machine.setup import ROOT

SCHEMA = json.loads((Path(__file__).parent / "azure.yaml.schema.json").read_text(encoding="utf-8"))
SERVICE = SCHEMA["properties"]["services"]["additionalProperties"]["properties"]
TEXT = (ROOT / "azure.yaml").read_text(encoding="utf-8")
AZURE_YAML = yaml.safe_load(TEXT)


def problems(document: dict[str, Any]) -> list[str]:
    """Return what azd's schema refuses, and the names that it would overlook: it is open where these stand."""
    refused = [error.message for error in jsonschema.Draft201909Validator(SCHEMA).iter_errors(document)]
    places = [
        (document, SCHEMA["properties"]),
        (document.get("infra", {}), SCHEMA["properties"]["infra"]["properties"]),
    ]
    places += [(service, SERVICE) for service in document.get("services", {}).values()]
    return refused + [f"unknown: {name}" for part, known in places for name in part if name not in known]


def hooks() -> Iterator[dict[str, Any]]:
    yield from AZURE_YAML["hooks"].values()
    for service in AZURE_YAML["services"].values():
        yield from service["hooks"].values()


def test_azd_accepts_it() -> None:
    assert problems(AZURE_YAML) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("host: function", "host: [function]"),
        ("host: function", "hots: function"),
        ("remoteBuild:", "remotebuild:"),
        ("dist:", "distt:"),
        ("language:", "langauge:"),
        ("project:", "projekt:"),
        ("prepackage:", "prepackaging:"),
        ("postdeploy:", "post-deploy:"),
        ("virtualEnvName:", "virtualEnv:"),
        ("kind: python", "kind: pyton"),
        ("  path: infra/bicep", "  folder: infra/bicep"),
        ("\nhooks:", "\nhook:"),
        ("workflows:\n  up:", "workflows:\n  upp:"),
        ("  azd: ", "  azdVersion: "),
        ("requiredVersions:", "requiredVersion:"),
    ],
)
def test_a_misspelling_is_noticed(right: str, wrong: str) -> None:
    assert right in TEXT
    assert problems(yaml.safe_load(TEXT.replace(right, wrong))) != []


def test_every_hook_is_a_script_with_requirements_beside_it() -> None:
    """The nearest requirements are installed, and those of the app above would fail there."""
    scripts = [ROOT / hook["run"] for hook in hooks()]
    assert sorted(script.name for script in scripts) == ["create_event_subscription.py", "package_app.py"]
    assert [script for script in scripts if not script.is_file()] == []
    assert {script.parent for script in scripts} == {ROOT / "infra" / "scripts"}
    assert (ROOT / "infra" / "scripts" / "requirements.txt").is_file()


def test_hooks_in_python_have_the_azd_that_runs_them() -> None:
    assert {hook["kind"] for hook in hooks()} == {"python"}
    assert AZURE_YAML["requiredVersions"]["azd"] == ">= 1.24.0"


def test_no_hook_waits_for_a_person_or_hides_a_failure() -> None:
    """``interactive`` waits for a keyboard, which a pipeline does not have; ``continueOnError`` hides what failed."""
    assert [hook.keys() for hook in hooks()] == [{"kind", "run", "config"}] * 2
    assert [hook["config"].keys() for hook in hooks()] == [{"virtualEnvName"}] * 2


def test_azd_deploys_what_the_packager_makes() -> None:
    (service,) = AZURE_YAML["services"].values()
    packager = (ROOT / "infra" / "scripts" / "package_app.py").read_text(encoding="utf-8")
    folder = re.search(r'^FOLDER = ROOT / "(.*)" / "(.*)"$', packager, re.MULTILINE)
    assert folder
    assert service["dist"] == "/".join(folder.groups())
    assert service["remoteBuild"] is False


def test_azd_finds_the_function_app_by_its_tag() -> None:
    (name,) = AZURE_YAML["services"]
    module = (ROOT / "infra" / "bicep" / "modules" / "function_app.bicep").read_text(encoding="utf-8")
    assert f"'azd-service-name': '{name}'" in module
    assert (ROOT / AZURE_YAML["infra"]["path"] / f"{AZURE_YAML['infra']['module']}.bicep").is_file()


def test_a_preview_comes_before_the_first_change() -> None:
    steps = [step["azd"] for step in AZURE_YAML["workflows"]["up"]["steps"]]
    assert steps == ["package --all", "provision --preview", "provision", "deploy --all"]


def test_the_scripts_use_the_apps_versions() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([\w-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))

    app, scripts = pins(ROOT / "requirements.txt"), pins(ROOT / "infra" / "scripts" / "requirements.txt")
    both = scripts.keys() & app.keys()
    assert both == {"azure-core", "azure-identity", "requests", "urllib3"}
    assert {name: scripts[name] for name in both} == {name: app[name] for name in both}
