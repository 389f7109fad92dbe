"""``dev.py``: the running stack and its end, the help, and cleaning up."""

import ast
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from azure.storage.blob import BlobServiceClient

from devstack.commands import app
from devstack.machine import environment
from devstack.machine.setup import ROOT
from tests.conftest import NOT_COPIED, on_posix
from tests.devstack.dev_commands import command, run, still_running, until, up
from tests.support.local_stack import DESK, DESK_ID, photograph


def test_upload_with_any_client_appears_within_five_seconds(project: Path) -> None:
    with up(project) as (_, endpoints):
        service = BlobServiceClient.from_connection_string(endpoints["storage_connection_string"])
        service.get_blob_client(endpoints["incoming_container"], DESK).upload_blob(photograph())
        page = requests.get(endpoints["catalogue_url"], timeout=10).text
        assert "catalogue.js" in page
        until(lambda: DESK_ID in _pictured(endpoints), 5)
        headers = {"Authorization": f"Bearer {endpoints['business_central_token']}"}
        item = f"companies({endpoints['company_id']})/items({DESK_ID})/picture"
        picture = requests.get(f"{endpoints['business_central_url']}/{item}", headers=headers, timeout=10).json()
        assert (picture["width"], picture["height"]) == (1024, 768)


def _pictured(endpoints: dict[str, str]) -> str:
    catalogue = requests.get(f"{endpoints['catalogue_url']}catalogue/state", timeout=10).json()
    items = [item for company in catalogue["companies"] for item in company["items"]]
    return json.dumps([item for item in items if item["picture"]])


def _module(process: psutil.Process) -> str:
    """Return the name of this program of the stack."""
    line = process.cmdline()
    return line[line.index("-m") + 1].removeprefix("devstack.") if "-m" in line else "azurite"


@on_posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_process_is_left_however_the_stack_ends(project: Path, name: str) -> None:
    with up(project, "--hosts", "2") as (process, _):
        family = psutil.Process(process.pid).children(recursive=True)
        assert sorted(_module(child) for child in family) == [
            "azurite",
            "business_central",
            "event_source",
            "functions_host",
            "functions_host",
            "functions_host.worker",
            "functions_host.worker",
            "identity",
            "ingestion",
        ]
        process.send_signal(getattr(signal, name))
        process.wait(10)
        assert still_running(family) == []


def test_two_stacks_in_the_same_moment_leave_one(project: Path) -> None:
    start = command(project, "up")
    both = [subprocess.Popen(**start, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    try:
        until(lambda: any(process.poll() is not None for process in both), 60)
        (loser,) = [process for process in both if process.poll() is not None]
        _, problem = loser.communicate()
        assert loser.returncode == 1
        assert problem.count("\n") == 1
        assert "stop it first" in problem.lower()
        until((project / ".local" / "endpoints.json").exists, 60)
    finally:
        for process in both:
            process.terminate()
            process.communicate(timeout=20)


def test_clean_refuses_while_a_stack_runs(project: Path) -> None:
    with up(project) as (process, endpoints):
        refused = own_python(project, "clean")
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert endpoints["catalogue_url"] in refused.stderr
        assert process.poll() is None
        assert (project / ".local" / "endpoints.json").exists()


def test_second_stack_is_refused_with_the_firsts_address(project: Path) -> None:
    with up(project) as (_, endpoints):
        second = run(project, "up")
        assert second.returncode == 1
        assert endpoints["catalogue_url"] in second.stderr
        assert (project / ".local" / "endpoints.json").exists()


def test_endpoints_are_readable_by_their_user_only(project: Path) -> None:
    with up(project):
        mode = (project / ".local" / "endpoints.json").stat().st_mode
    assert os.name == "nt" or mode & 0o077 == 0


def test_half_a_file_is_judged_within_seconds_and_printed_twice(project: Path) -> None:
    with up(project) as (process, endpoints):
        service = BlobServiceClient.from_connection_string(endpoints["storage_connection_string"])
        service.get_blob_client(endpoints["incoming_container"], DESK).upload_blob(photograph()[:2000])
        quarantine = service.get_container_client(endpoints["quarantine_container"])
        until(lambda: list(quarantine.list_blob_names()), 20)
        assert process.stdout is not None
        lines = []
        while not lines or "quarantined" not in lines[-1]:
            lines.append(process.stdout.readline())
    assert [line.split()[1] for line in lines if DESK in line] == ["waiting", "quarantined"]


@pytest.mark.parametrize("option", ["--sweep-interval", "--hosts"])
@pytest.mark.parametrize("number", ["0", "-1", "nan", "60", "1e9", "often"])
def test_numbers_of_nonsense_are_refused(project: Path, option: str, number: str) -> None:
    refused = run(project, "up", f"{option}={number}")
    assert refused.returncode == 2
    assert option in refused.stderr
    assert "Traceback" not in refused.stderr


def test_stack_survives_a_killed_host(project: Path) -> None:
    with up(project) as (process, endpoints):
        family = psutil.Process(process.pid).children(recursive=True)
        hosts = [child for child in family if _module(child) == "functions_host"]  # their workers end with them
        for host in hosts:
            host.kill()
        service = BlobServiceClient.from_connection_string(endpoints["storage_connection_string"])
        service.get_blob_client(endpoints["incoming_container"], DESK).upload_blob(photograph())
        until(lambda: DESK_ID in _pictured(endpoints), 20)
        assert process.poll() is None


def test_program_that_ends_by_itself_ends_the_stack(project: Path) -> None:
    with up(project) as (process, _):
        simulator = next(
            child for child in psutil.Process(process.pid).children() if "devstack.business_central" in child.cmdline()
        )
        simulator.kill()
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "business_central ended" in output


def own_python(project: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run ``dev.py`` itself, as on a fresh clone: it must not get as far as installing anything."""
    env = {**os.environ, **environ}
    command_line = [sys.executable, "-B", "dev.py", *arguments]
    return subprocess.run(command_line, cwd=project, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["dmeo"], "dev.py has no command 'dmeo'"),
        (["--version"], "dev.py has no command '--version'"),
        (["demo", "--photo", "x"], "dev.py demo has no option '--photo'"),
        (["up", "--sweep=3"], "dev.py up has no option '--sweep'"),
        (["check", "--fix"], "dev.py check has no option '--fix'"),
        (["clean", "--all"], "dev.py clean has no option '--all'"),
        (["clean", ".venv"], "dev.py clean takes no arguments; found '.venv'"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_named_before_anything_is_installed(project: Path, arguments: list[str], problem: str) -> None:
    refused = own_python(project, *arguments)
    assert refused.returncode == 2
    assert problem in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (project / ".venv").exists()


def test_help_of_clean_removes_nothing(project: Path) -> None:
    ended = own_python(project, "clean", "--help")
    assert ended.returncode == 0
    assert ended.stdout.startswith("dev.py clean removes everything")
    assert (project / ".local").exists()


def test_options_are_those_of_the_commands() -> None:
    commands = {command.name or command.callback.__name__: command for command in app.registered_commands}
    for name, options in environment.OPTIONS.items():
        if options is None or name == "clean":
            continue
        parameters = inspect.signature(commands[name].callback).parameters
        assert {f"--{parameter.replace('_', '-')}" for parameter in parameters} == set(options)
    assert {*commands, "bench", "clean"} == set(environment.OPTIONS)


def test_a_folder_that_cannot_be_written_is_named(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=NOT_COPIED)
    (copy / ".local").write_text("in the way", encoding="utf-8")
    for refused in (own_python(copy, "demo"), run(copy, "up"), run(copy, "demo")):
        assert refused.returncode == 1
        assert str(copy / ".local") in refused.stderr
        assert refused.stderr.strip().count("\n") == 0


def test_what_leads_pip_or_python_elsewhere_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_TARGET", "PIP_PREFIX", "pip_root", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example")
    own = environment.own_environment()
    assert "/elsewhere" not in own.values()
    assert own["PIP_USER"] == "0"
    assert own["PIP_INDEX_URL"] == "https://index.example"


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 8, 18), (3, 10, 13)])
def test_an_old_python_gets_its_one_sentence(project: Path, version: tuple[int, ...]) -> None:
    pretend = f"""import runpy, sys
sys.version_info, sys.version = {(*version, "final", 0)}, "{".".join(map(str, version))} (old)"
runpy.run_path("dev.py", run_name="__main__")"""
    ended = subprocess.run([sys.executable, "-c", pretend], cwd=project, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    number = ".".join(map(str, version))
    assert ended.stderr == f"Python 3.11, 3.12 or 3.13 is needed; this is {number}.\n"


def test_every_old_python_can_read_dev_py() -> None:
    """Without a Python 2.7 at hand: nothing in the file is younger than that."""
    source = (ROOT / "dev.py").read_bytes()
    assert source.isascii()
    tree = ast.parse(source)
    too_young = (ast.JoinedStr, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.NamedExpr, ast.Starred)
    assert [node for node in ast.walk(tree) if isinstance(node, too_young)] == []


def test_help_needs_no_environment_and_lists_every_command(project: Path) -> None:
    help_text = subprocess.run(
        [sys.executable, "dev.py", "--help"], cwd=project, capture_output=True, text=True, check=True
    )
    commands = run(project, "--help").stdout
    for name in ("demo", "up", "test", "check", "bench", "package", "upload", "operate", "workbook", "clean"):
        assert f"dev.py {name}" in help_text.stdout
        assert f" {name} " in commands or name == "clean"  # clean works without an environment, and removes it
    assert not (project / ".venv").exists()


def test_clean_removes_only_what_other_commands_created(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=NOT_COPIED)
    before = sorted(copy.rglob("*"))
    for folder in (".venv/bin", ".local/stack-1-x", ".mypy_cache", "shared/__pycache__"):
        (copy / folder).mkdir(parents=True)
    subprocess.run([sys.executable, "-B", "dev.py", "clean"], cwd=copy, check=True, capture_output=True)
    assert sorted(copy.rglob("*")) == before
