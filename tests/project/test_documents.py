"""What the documents say is what the code does, wherever the two can be compared."""

import fnmatch
import json
import re
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from shared import config
from shared.errors import Reason
from shared.pictures import encoding, rendition, sources
from shared.pictures.rendition import Rendition
from shared.report import Outcome

DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("devstack/**/*.md")})
SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURES = " ".join((ROOT / "docs" / "pictures.md").read_text(encoding="utf-8").split())
MIB = 1024 * 1024


def documented_default(setting: str) -> str:
    row = re.search(rf"^\| `{setting}` \| (.*?) \|", CONFIGURATION, re.MULTILINE)
    assert row, f"docs/configuration.md has no row for {setting}"
    value = re.search(r"`([^`]*)`", row[1])
    return value[1] if value else ""


@pytest.mark.parametrize("setting", config.SETTINGS)
def test_every_setting_is_in_the_sample_and_the_documents(setting: str) -> None:
    shown = {name for values in SAMPLE.values() if isinstance(values, dict) for name in values}
    assert setting in shown
    assert f"`{setting}`" in CONFIGURATION


def test_the_sample_has_no_unknown_setting() -> None:
    shown = {name for values in SAMPLE.values() if isinstance(values, dict) for name in values}
    assert shown - set(config.SETTINGS) == {"AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME"}


def test_the_sample_is_accepted_as_it_is() -> None:
    assert config.read(SAMPLE["Values"]).business_central.company == "CRONUS USA, Inc."


def test_the_samples_identity_settings_work_together() -> None:
    azure = SAMPLE["InAzureInsteadOfPICTURE_STORAGE"] | SAMPLE["WhereNeeded"]
    values = {name: value for name, value in SAMPLE["Values"].items() if name != "PICTURE_STORAGE"} | azure
    assert config.read(values).storage.blob_service_uri == azure["PICTURE_STORAGE__blobServiceUri"]


@pytest.mark.parametrize(
    "setting",
    [
        name
        for name in config.SETTINGS
        if name.startswith(("PICTURE_MAX", "PICTURE_Q", "PICTURE_F", "PICTURE_B", "SOURCE", "RENDER", "ITEM", "KEEP"))
    ],
)
def test_a_documented_default_is_the_default(setting: str) -> None:
    """Setting it to what the documents call the default changes nothing."""
    needed = {"PICTURE_STORAGE": "UseDevelopmentStorage=true", "BC_TENANT_ID": "t", "BC_ENVIRONMENT": "e"}
    assert config.read(needed) == config.read({**needed, setting: documented_default(setting)})
    assert documented_default(setting)


@pytest.mark.parametrize("word", [*Reason, *Outcome])
def test_every_reason_and_outcome_is_explained(word: str) -> None:
    assert f"`{word}`" in ARCHITECTURE


def test_every_module_is_in_the_architecture() -> None:
    modules = {path.relative_to(ROOT / "shared") for path in (ROOT / "shared").rglob("*.py")}
    modules = {path for path in modules if path.name != "__init__.py"}
    assert {len(path.parts) for path in modules} == {1, 2}, "the story and its rooms"
    assert {str(path) for path in modules if f"`{path.as_posix()}`" not in ARCHITECTURE} == set()


def test_the_accepted_formats_are_the_documented_ones() -> None:
    table = PICTURES.partition("| format |")[2].partition("Of several")[0]
    names = {name.replace(" ", "").upper() for name in re.findall(r"\| ([\w() ]+) \| [^|]+\|", table)}
    # What is installed beyond the requirements decides about HEIC; documented it is in any case.
    assert names == {*sources.FORMATS, "HEIC(HEIF)"} - {"HEIF"}


@pytest.mark.parametrize(
    "figure",
    [
        f"down to quality {encoding.QUALITY_FLOOR}.",
        f"down to {encoding.SIDE_FLOOR} pixels",
        f"| {Rendition.max_side} pixels;",
        f"| {Rendition.max_bytes:,} at most |",
        f"| {Rendition.quality}, or less",
        f"| {rendition.USUAL_LIMITS.max_bytes // MIB} MiB | `SOURCE_MAX_BYTES` |",
        f"| {rendition.USUAL_LIMITS.max_pixels:,} | `SOURCE_MAX_PIXELS` |",
        f"`RENDER_MEMORY` ({config.RENDER_MEMORY // MIB} MiB by default)",
    ],
)
def test_documented_figures_match_the_code(figure: str) -> None:
    assert figure in PICTURES


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_only_the_app_is_deployed() -> None:
    text = (ROOT / ".funcignore").read_text(encoding="utf-8")
    rules = [rule.strip("/") for rule in text.split("\n") if rule[:1] not in ("", "#")]
    names = {path.name for path in ROOT.iterdir()}
    deployed = {name for name in names if not any(fnmatch.fnmatch(name, rule) for rule in rules)}
    assert deployed == {"function_app.py", "host.json", "requirements.txt", "shared"}
