"""The command fails in one line that says what to do, with an exit code for scripts."""

import json
import re
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from devstack.stack import Stack
from operate.cli import globals_first
from operate.errors import ExitCode
from operate.manifest import Manifest, Row, State
from tests.operate.command import Operator, operator_of
from tests.operate.photographs import photographs
from tests.support.faulty_storage import storage_proxy
from tests.support.local_stack import DESK, DESK_ID, LocalStack


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


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AuthorizationPermissionMismatch", "role Storage Blob Data Contributor"),
        (403, "AuthorizationFailure", "docs/security.md#network"),
        (403, "AuthenticationFailed", "az login"),
        (401, "InvalidAuthenticationInfo", "az login"),
        (400, "InvalidUri", "Try again."),
    ],
)
def test_what_storage_refuses_is_one_line_that_says_what_to_do(
    status: int, code: str, words: str, running_stack: Stack, local: LocalStack, tmp_path: Path
) -> None:
    assert local.stack is running_stack
    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, lambda *_: (status, code)) as storage,
        operator_of(running_stack, tmp_path, storage) as refused,
    ):
        ended = refused.run("status")
    assert (ended.code, ended.err.count("\n")) == (ExitCode.UNREACHABLE, 1)
    assert words in ended.err
    assert code in ended.err


@pytest.mark.parametrize("command", [("export", "pictures"), ("backfill", "photos"), ("status", "1896-S")])
def test_an_unknown_company_is_a_wrong_command_line(command: tuple[str, ...], operator: Operator) -> None:
    photographs(operator.folder / "photos", "1896-S.jpg")
    ended = operator.run(*command, "--company", "Nowhere")
    assert (ended.code, ended.err.count("no company called 'Nowhere'")) == (ExitCode.MISUSE, 1)
    assert "upload" not in ended.err.lower(), "the advice for uploaders"


def test_a_map_that_does_not_exist_is_a_wrong_command_line(operator: Operator) -> None:
    photographs(operator.folder / "photos", "1896-S.jpg")
    for name in ("none.csv", "none.xlsx"):
        ended = operator.run("backfill", "photos", "--map", name)
        assert (ended.code, ended.err.count("\n")) == (ExitCode.MISUSE, 1)
        assert f"{name} does not exist" in ended.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_a_config_is_read_as_the_shells_of_windows_write_it(encoding: str, operator: Operator) -> None:
    document = json.loads(operator.config.read_text(encoding="utf-8"))
    document["installation"]["businessCentral"]["company"] = "Nordwind Möbel GmbH"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    operator.config.write_text(mark + json.dumps(document, ensure_ascii=False), encoding=encoding)
    assert operator.asked("status", "1000")["item"]["company"] == "NORDWIND"


HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202e\n"


def test_no_foreign_text_steers_the_terminal_by_an_error(operator: Operator, tmp_path: Path) -> None:
    folder, table = photographs(tmp_path / "photos", "1896-S.jpg"), tmp_path / "map.csv"
    table.write_text(f'"{HOSTILE}{"x" * 5000}";b\n1;2\n', encoding="utf-8")
    ended = operator.run("backfill", folder, "--map", table)
    assert "owned" in ended.err
    assert not {"\x1b", "\x07", "\u202e"} & set(ended.err)
    assert (ended.err.count("\n"), len(ended.err) < 1000) == (1, True)


def test_no_list_steers_the_terminal_by_its_reasons(operator: Operator, tmp_path: Path) -> None:
    states = (State.SKIPPED, State.UPDATED, State.PLANNED)
    planned = {"item": "1896-S", "company": "CRONUS USA, Inc.", "item_id": DESK_ID, "blob": DESK}
    rows = [Row(f"{state}.jpg", state=state, reason=HOSTILE, view=HOSTILE, **planned) for state in states]
    Manifest(tmp_path / "list.csv", rows, is_new=True).close()
    photographs(tmp_path / "photos", "1896-S.jpg")
    ended = operator.run("backfill", "photos", "--resume", "list.csv", "--dry-run")
    assert ended.out.count("owned") == 3
    assert not {"\x1b", "\x07", "\u202e"} & set(ended.out + ended.err)


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
