"""The documents agree with the code, wherever the two can be compared."""

import dataclasses
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
from shared.report import Report, SweepReport
from tests.support.documents import Document


def files(pattern: str) -> list[Path]:
    """Return the project's files that match; a pattern that matches none would guard nothing."""
    matches = sorted(ROOT.glob(pattern))
    assert matches, f"no file matches {pattern}"
    return matches


DOCUMENTS = [
    *files("*.md"),
    *files("docs/*.md"),
    *files("devstack/**/*.md"),
    *files("infra/**/*.md"),
    *ROOT.glob("tests/**/*.md"),
]
MODULES = [path.relative_to(ROOT / "shared") for path in files("shared/**/*.py") if path.name != "__init__.py"]
SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURES = " ".join((ROOT / "docs" / "pictures.md").read_text(encoding="utf-8").split())
MIB = 1024 * 1024
CONTRIBUTING = ROOT / "CONTRIBUTING.md"


# Settings that have no default of their own, or whose default docs/configuration.md explains in a section.
WITHOUT_DEFAULT = (
    "PICTURE_STORAGE",
    "BC_TENANT_ID",
    "BC_ENVIRONMENT",
    "BC_COMPANY",
    "BC_BASE_URL",
    "BC_CLIENT_ID",
    "BLOB_PATH_TEMPLATE",
    "AZURE_",
    "APPLICATIONINSIGHTS_",
    "PYTHON_APPLICATIONINSIGHTS_",
)


def documented_default(setting: str) -> str:
    row = re.search(rf"^\| `{setting}` \| (.*?) \|", CONFIGURATION, re.MULTILINE)
    assert row, f"docs/configuration.md has no row for {setting}"
    value = re.search(r"`([^`]*)`", row[1])
    return value[1] if value else ""


def sample_settings() -> set[str]:
    return {name for values in SAMPLE.values() if isinstance(values, dict) for name in values}


@pytest.mark.parametrize("setting", [*config.SETTINGS, *config.TELEMETRY_SETTINGS])
def test_every_setting_is_in_the_sample_and_the_documents(setting: str) -> None:
    assert setting in sample_settings()
    assert f"`{setting}`" in CONFIGURATION


def test_the_sample_has_no_unknown_setting() -> None:
    known = {*config.SETTINGS, *config.TELEMETRY_SETTINGS}
    assert sample_settings() - known == {"AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME"}


def test_the_sample_is_accepted_as_it_is() -> None:
    assert config.read(SAMPLE["Values"]).business_central.company == "CRONUS USA, Inc."


def test_the_samples_identity_settings_work_together() -> None:
    azure = SAMPLE["InAzureInsteadOfPICTURE_STORAGE"] | SAMPLE["WhereNeeded"]
    values = {name: value for name, value in SAMPLE["Values"].items() if name != "PICTURE_STORAGE"} | azure
    assert config.read(values).storage.blob_service_uri == azure["PICTURE_STORAGE__blobServiceUri"]


@pytest.mark.parametrize(
    "setting",
    [name for name in config.SETTINGS if not name.startswith(WITHOUT_DEFAULT)],
)
def test_a_documented_default_is_the_default(setting: str) -> None:
    """Setting it to its documented default changes nothing."""
    required = {"PICTURE_STORAGE": "UseDevelopmentStorage=true", "BC_TENANT_ID": "t", "BC_ENVIRONMENT": "e"}
    assert config.read(required) == config.read({**required, setting: documented_default(setting)})
    assert documented_default(setting)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_in_the_architecture_with_its_kind(reason: Reason) -> None:
    assert f"| [`{reason}`](operations.md#{reason}) | {reason.kind.name.lower()} | " in ARCHITECTURE


def test_every_module_is_in_the_architecture() -> None:
    assert {len(path.parts) for path in MODULES} == {1, 2}, "the story and its rooms"
    assert {str(path) for path in MODULES if f"`{path.as_posix()}`" not in ARCHITECTURE} == set()


def test_every_module_of_the_operators_commands_is_in_the_architecture() -> None:
    section = ARCHITECTURE.partition("## The operator's commands")[2].partition("\n## ")[0]
    modules = [path.relative_to(ROOT / "operate") for path in files("operate/**/*.py") if path.name != "__init__.py"]
    assert {str(path) for path in modules if f"`{path.as_posix()}`" not in section} == set()


def test_the_accepted_formats_are_the_documented_ones() -> None:
    table = PICTURES.partition("| format |")[2].partition("Of several")[0]
    names = {name.replace(" ", "").upper() for name in re.findall(r"\| ([\w() ]+) \| [^|]+\|", table)}
    # The documents mention HEIC even if its decoder, which is optional, is not installed.
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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_their_anchors_lead_somewhere(document: Path) -> None:
    assert Document(document).broken_links() == []


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("#what-it-costs-a_day", False),
        ("#twice-1", False),
        ("#twice-2", True),
        ("#a-comment", True),
        ("other.md#what-it-costs-a_day", True),
        ("this.md#twice", False),
        ("missing.md", True),
        ("https://example.com/missing#nothing", False),
    ],
)
def test_broken_links_are_noticed(link: str, is_broken: bool, tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Other\n", encoding="utf-8")
    document = tmp_path / "this.md"
    headings = "# What it [costs](other.md), `a_day`!\n\n## Twice\n\n## Twice\n\n```sh\n# A comment\n```\n"
    document.write_text(f"{headings}\n| table |\n| --- |\n| [link]({link}) |\n", encoding="utf-8")
    assert Document(document).broken_links() == ([link] if is_broken else [])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_tables_rows_have_the_cells_of_its_heading(document: Path) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", document.read_text(encoding="utf-8"), re.MULTILINE)
    for heading, *rows in ([cells(row) for row in block.splitlines()] for block in blocks):
        assert [row for row in rows if len(row) != len(heading)] == []


def cells(row: str) -> list[str]:
    """Return a row's cells; a bar in code, or behind a backslash, separates none."""
    return re.split(r"(?<!\\)\|", re.sub(r"`[^`]*`", "code", row))


def guides() -> dict[Path, str]:
    """Return the documents that say where to change something, each with what stands under that heading."""
    heading = re.compile(r"^#+ .*Where to change.*\n((?:(?!#).*\n?)*)", re.MULTILINE)
    sections = {path: heading.search(path.read_text(encoding="utf-8")) for path in DOCUMENTS}
    return {path: section[1] for path, section in sections.items() if section}


def paths_in(section: str) -> list[str]:
    """Return the paths that a table's rows name; a row that names none would tell nobody where to look."""
    rows = re.findall(r"^\|(?! *-)(.*)\| *$", section, re.MULTILINE)[1:]
    assert rows, "the table has no rows"
    paths = [[text for text in re.findall(r"`([^`]+)`", row) if is_path(text)] for row in rows]
    assert [row for row, named in zip(rows, paths, strict=True) if not named] == []
    return [path for named in paths for path in named]


def is_path(text: str) -> bool:
    """Tell a path from an option, a command and a word such as `PATCH`."""
    return ("/" in text or "." in text) and " " not in text and not text.startswith("-")


@pytest.mark.parametrize(
    "document", sorted({CONTRIBUTING, *guides()}), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_every_place_to_change_exists(document: Path) -> None:
    paths = paths_in(guides().get(document, ""))
    assert [path for path in paths if not (document.parent / path).exists()] == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| a reason | `shared/errors.py` |", None),
        ("| a reason | `shared/error.py` |", "shared/error.py"),
        ("| a room | `shared/rooms/*.py` |", "shared/rooms/*.py"),
        ("| a request | `PATCH`, `--photos`, `python3 dev.py test`, `dev.py` |", None),
    ],
)
def test_a_place_to_change_that_is_missing_is_noticed(row: str, problem: str | None) -> None:
    paths = paths_in(f"| to change | files |\n| --- | --- |\n{row}\n")
    assert [path for path in paths if not (ROOT / path).exists()] == ([problem] if problem else [])


@pytest.mark.parametrize("rows", ["", "| a reason | somewhere |\n", "| a reason | `errors` |\n"])
def test_a_table_that_names_no_place_to_change_is_refused(rows: str) -> None:
    with pytest.raises(AssertionError):
        paths_in(f"| to change | files |\n| --- | --- |\n{rows}")


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match="no file matches"):
        files("docs/*.nothing")


def test_only_the_app_is_deployed() -> None:
    text = (ROOT / ".funcignore").read_text(encoding="utf-8")
    rules = [rule.strip("/") for rule in text.split("\n") if rule[:1] not in ("", "#")]
    names = {path.name for path in ROOT.iterdir()}
    deployed = {name for name in names if not any(fnmatch.fnmatch(name, rule) for rule in rules)}
    assert deployed == {"function_app.py", "host.json", "requirements.txt", "shared"}


def test_every_field_of_the_log_line_is_documented() -> None:
    table = ARCHITECTURE.partition("The log line is one JSON object")[2].partition("Two mixed cases")[0]
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))))
    assert documented == {"event", *(field.name for field in dataclasses.fields(Report))}


def test_every_field_of_the_sweeps_line_is_documented() -> None:
    page = (ROOT / "docs" / "sweep.md").read_text(encoding="utf-8")
    table = page.partition("## The log line")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))))
    assert documented == {"event", *(field.name for field in dataclasses.fields(SweepReport))}
