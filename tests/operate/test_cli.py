"""The command fails in one line that says what to do, with an exit code for scripts."""

import json
import re
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from operate.cli import globals_first
from operate.errors import ExitCode
from tests.operate.command import Operator
from tests.operate.photographs import photographs
from tests.support.local_stack import LocalStack


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["backfill", "d", "--json"], ["--json", "backfill", "d"]),
        (["export", "--config", "x", "d"], ["--config", "x", "export", "d"]),
        (["export", "--config=x", "d", "--no-color"], ["--config=x", "--no-color", "export", "d"]),
        (["backfill", "--", "--json"], ["backfill", "--", "--json"]),
        (["--debug"], ["--debug"]),
        (["export", "--config"], ["--config", "export"]),
    ],
)
def test_options_of_all_commands_count_wherever_they_stand(arguments: list[str], expected: list[str]) -> None:
    assert globals_first(arguments) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        ("{", "is not JSON"),
        ("[]", "is not an object"),
        ("{}", "lacks 'accounts'"),
        ('"{}"', "lacks 'accounts'"),
    ],
)
def test_a_wrong_config_is_one_line_that_says_how_to_get_it(content: str | None, words: str, tmp_path: Path) -> None:
    config = tmp_path / "installation.json"
    if content is not None:
        config.write_text(content, encoding="utf-8")
    ended = Operator(config, tmp_path).run("export", "pictures")
    assert ended.code == ExitCode.MISUSE
    assert words in ended.err
    assert "azd env get-value INSTALLATION" in ended.err
    assert ended.err.count("\n") == 1


def test_unusable_settings_are_told_together(operator: Operator) -> None:
    document = json.loads(operator.config.read_text(encoding="utf-8"))
    document["installation"]["pathTemplate"] = "{nothing}"
    document["installation"]["businessCentral"]["apiVersion"] = "v9"
    operator.config.write_text(json.dumps(document), encoding="utf-8")
    ended = operator.run("export", "pictures")
    assert (ended.code, ended.err.count("\n")) == (ExitCode.MISUSE, 1)
    assert "BLOB_PATH_TEMPLATE" in ended.err
    assert "BC_API_VERSION" in ended.err


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "Forbidden", "403"),
        (401, "Authentication_InvalidCredentials", "user of your own"),
        (404, "NoEnvironment", "404"),
    ],
)
def test_what_bc_refuses_is_one_line(
    status: int, code: str, words: str, operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    local.fault(status, code=code, count=10)
    ended = operator.run("backfill", photographs(tmp_path / "photos", "1896-S.jpg"))
    assert ended.code == ExitCode.UNREACHABLE
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_only_debug_shows_a_traceback(operator: Operator, local: LocalStack) -> None:
    local.fault(403, code="Forbidden", count=2)
    assert "Traceback" not in operator.run("export", "pictures").err
    local.fault(403, code="Forbidden", count=2)
    assert "Traceback" in operator.run("export", "pictures", "--debug").err


def test_an_unknown_company_is_named(operator: Operator) -> None:
    ended = operator.run("export", "pictures", "--company", "Nowhere")
    assert ended.code == ExitCode.UNREACHABLE
    assert "no company called 'Nowhere'" in ended.err


def test_the_installed_command_has_the_pinned_packages() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.findall(
        r'^  "([a-z-]+==[^"]+)"', project.partition("dependencies = [")[2].partition("]")[0], re.MULTILINE
    )
    pinned = [
        line.partition(" ")[0]
        for name in ("requirements.txt", "requirements-operate.txt")
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
    ]
    assert wanted
    assert [package for package in wanted if package not in pinned] == []
    own = (ROOT / "requirements-operate.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert set(own) <= set(wanted)
