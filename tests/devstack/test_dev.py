"""``dev.py``: the running stack and its end, the help, and cleaning up."""

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

from tests.conftest import NOT_COPIED
from tests.devstack.dev_commands import run, until, up
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


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["SIGINT", "SIGTERM", "SIGKILL"]
)
def test_no_process_is_left_however_the_stack_ends(project: Path, number: int) -> None:
    with up(project) as (process, _):
        family = psutil.Process(process.pid).children(recursive=True)
        assert sorted(_module(child) for child in family) == [
            "azurite",
            "business_central",
            "host",
            "identity",
        ]
        process.send_signal(number)
        process.wait(10)
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == []


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


def test_program_that_ends_by_itself_ends_the_stack(project: Path) -> None:
    with up(project) as (process, _):
        simulator = next(
            child for child in psutil.Process(process.pid).children() if "devstack.business_central" in child.cmdline()
        )
        simulator.kill()
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "business_central ended" in output


def test_help_needs_no_environment_and_lists_every_command(project: Path) -> None:
    help_text = subprocess.run(
        [sys.executable, "dev.py", "--help"], cwd=project, capture_output=True, text=True, check=True
    )
    commands = run(project, "--help").stdout
    for name in ("demo", "up", "test", "check", "bench", "clean"):
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
