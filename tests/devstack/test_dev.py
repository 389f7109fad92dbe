"""The commands as a developer runs them: each as a process of its own, in a copy of the project."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from azure.storage.blob import BlobServiceClient

from devstack.samples import samples
from tests.conftest import NOT_COPIED
from tests.support.local_stack import DESK, DESK_ID, photograph


def command(project: Path, *arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    """Return what starts a command of ``dev.py`` in the environment that these tests run in."""
    env = {**os.environ, "PYTHONPATH": str(project), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
    args = [sys.executable, "-m", "devstack.commands", *arguments]
    return {"args": args, "cwd": cwd or project, "env": env, "text": True}


def run(project: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(**command(project, *arguments, cwd=cwd), capture_output=True, timeout=180, check=False)


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """Return what ``condition`` returns once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)  # how often to look, not how long to wait
    return found


@contextmanager
def up(project: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    endpoints = project / ".local" / "endpoints.json"
    process = subprocess.Popen(**command(project, "up", *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until(lambda: endpoints.exists() or process.poll() is not None, 60)
        yield process, json.loads(endpoints.read_text(encoding="utf-8"))
    finally:
        process.kill()
        process.communicate()
        until(lambda: not endpoints.exists(), 5)  # or the next stack would seem to be there already


def test_the_demo_ends_well_and_reports_every_upload(project: Path, tmp_path: Path) -> None:
    ended = run(project, "demo", "--report", "r.json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    expected = {sample.blob: (sample.outcome, sample.reason) for sample in samples()}
    assert {row["blob"]: (row["outcome"], row["reason"]) for row in report["uploads"]} == expected
    updated = [row for row in report["uploads"] if row["outcome"] == "updated"]
    assert report["business_central"]["by_method"]["PATCH"] == len(updated)
    looked_up = sum(row["reason"] == "item_not_found" for row in report["uploads"])
    assert report["business_central"]["by_method"]["GET"] == 1 + len(updated) + looked_up
    assert report["storage"]["requests"] >= 3 * len(updated)
    for row in updated:
        assert row["item_number"]
        assert row["item_id"]
        assert row["content_type"] == "image/jpeg"
        assert max(row["width"], row["height"]) <= 1024
        assert 0 < row["bytes_out"] <= 262_144
        assert row["milliseconds"] > 0
    sheet = (project / ".local" / "contact-sheet.html").read_text(encoding="utf-8")
    assert all(sheet.count(word) for word in ("updated", "quarantined", "waiting", "data:image/"))


def test_the_demo_takes_a_folder_of_photographs_and_starts_over_when_items_run_out(
    project: Path, tmp_path: Path
) -> None:
    """15 items in the default company, 17 photographs: by file name, one each, then from the first again."""
    for number in range(17):
        (tmp_path / f"IMG_{number:04}.JPG").write_bytes(photograph(f"#{number * 12:02x}6699"))
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    ended = run(project, "demo", "--photos", str(tmp_path), "--report", str(tmp_path / "r.json"))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["uploads"]
    assert [row["outcome"] for row in rows] == ["updated"] * 17
    numbers = [row["item_number"] for row in rows]
    assert numbers == sorted(numbers[:15]) + numbers[:2]
    assert len(set(numbers)) == 15


def test_the_demo_fails_when_an_upload_does_not_come_out_as_expected(project: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    ended = run(project, "demo", "--photos", str(tmp_path))
    assert ended.returncode == 1
    assert "not_an_image" in ended.stdout


def test_the_demo_needs_no_key_at_all(project: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photograph())
    (tmp_path / "broken.jpg").write_bytes(photograph()[:2000])
    ended = run(project, "demo", "--keyless", "--photos", str(tmp_path), "--report", str(tmp_path / "r.json"))
    outcomes = [row["outcome"] for row in json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["uploads"]]
    assert outcomes == ["quarantined", "updated"]
    assert ended.returncode == 1  # for the broken one


def test_a_demo_that_is_interrupted_does_not_claim_success(project: Path) -> None:
    with subprocess.Popen(**command(project, "demo"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: psutil.Process(process.pid).children(), 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_a_proxy_and_an_old_encoding_in_the_environment_do_not_matter(project: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photograph())
    start = command(project, "demo", "--photos", str(tmp_path))
    start["env"] |= {"HTTP_PROXY": "http://127.0.0.1:9", "PYTHONIOENCODING": "cp1252", "LC_ALL": "C"}
    ended = subprocess.run(**start, capture_output=True, timeout=60, check=False, encoding="utf-8")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_report_that_cannot_be_written_is_refused_before_the_work(project: Path, tmp_path: Path) -> None:
    refused = run(project, "demo", "--report", str(tmp_path / "missing" / "r.json"))
    assert refused.returncode == 2
    assert "--report" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_folder_without_pictures_is_named(project: Path, tmp_path: Path) -> None:
    ended = run(project, "demo", "--photos", str(tmp_path))
    assert ended.returncode == 1
    assert str(tmp_path) in ended.stderr.replace("\n", "")


def test_an_upload_with_any_client_is_on_the_page_within_five_seconds(project: Path) -> None:
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
    """Return which program of the stack this is."""
    line = process.cmdline()
    return line[line.index("-m") + 1].removeprefix("devstack.") if "-m" in line else "azurite"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["SIGINT", "SIGTERM", "SIGKILL"]
)
def test_nothing_stays_behind_however_the_stack_is_ended(project: Path, number: int) -> None:
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


def test_a_demo_that_is_killed_leaves_no_process(project: Path) -> None:
    with subprocess.Popen(**command(project, "demo"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        family = until(lambda: psutil.Process(process.pid).children(recursive=True), 60)
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == []


def test_a_second_stack_is_refused_with_the_place_of_the_first(project: Path) -> None:
    with up(project) as (_, endpoints):
        second = run(project, "up")
        assert second.returncode == 1
        assert endpoints["catalogue_url"] in second.stderr
        assert (project / ".local" / "endpoints.json").exists()


def test_the_endpoints_are_readable_by_their_user_alone(project: Path) -> None:
    with up(project):
        mode = (project / ".local" / "endpoints.json").stat().st_mode
    assert os.name == "nt" or mode & 0o077 == 0


def test_a_program_that_ends_by_itself_ends_the_stack_with_its_name(project: Path) -> None:
    with up(project) as (process, _):
        simulator = next(
            child for child in psutil.Process(process.pid).children() if "devstack.business_central" in child.cmdline()
        )
        simulator.kill()
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "business_central ended" in output


def test_help_needs_no_environment_and_names_every_command(project: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "dev.py", "--help"], cwd=project, capture_output=True, text=True, check=True
    )
    known = run(project, "--help").stdout
    for name in ("demo", "up", "test", "check", "bench", "clean"):
        assert f"dev.py {name}" in shown.stdout
        assert f" {name} " in known or name == "clean"  # which works before there is an environment, and ends it
    assert not (project / ".venv").exists()


def test_clean_removes_what_the_others_made_and_nothing_else(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=NOT_COPIED)
    before = sorted(copy.rglob("*"))
    for made in (".venv/bin", ".local/stack-1-x", ".mypy_cache", "shared/__pycache__"):
        (copy / made).mkdir(parents=True)
    subprocess.run([sys.executable, "-B", "dev.py", "clean"], cwd=copy, check=True, capture_output=True)
    assert sorted(copy.rglob("*")) == before
