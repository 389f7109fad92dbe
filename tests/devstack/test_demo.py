"""``dev.py demo``: every sample ends as expected, folders of photographs work, and failures show."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
import requests

from devstack.drawing.samples import samples
from devstack.machine.setup import ROOT
from tests.conftest import on_linux, on_posix
from tests.devstack.dev_commands import command, run, still_running, until
from tests.support.local_stack import photograph

LOCAL_STACK = (ROOT / "docs" / "local-stack.md").read_text(encoding="utf-8")


def test_demo_succeeds_and_reports_every_upload(project: Path, tmp_path: Path) -> None:
    ended = run(project, "demo", "--report", "r.json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    expected = {sample.blob: (sample.outcome, sample.reason) for sample in samples()}
    assert {row["blob"]: (row["outcome"], row["reason"]) for row in report["uploads"]} == expected
    updated = [row for row in report["uploads"] if row["outcome"] == "updated"]
    assert report["business_central"]["by_method"]["PATCH"] == len(updated)
    looked_up = sum(row["reason"] == "item_not_found" for row in report["uploads"])
    assert report["business_central"]["by_method"]["GET"] >= 1 + len(updated) + looked_up  # and those of the sweeps
    assert report["storage"]["requests"] >= 3 * len(updated)
    for row in updated:
        assert row["item_number"]
        assert row["item_id"]
        assert row["content_type"] == "image/jpeg"
        assert max(row["width"], row["height"]) <= 1024
        assert 0 < row["bytes_out"] <= 262_144
        assert row["milliseconds"] > 0
    example = json.loads(re.search(r"```json\n(.*?)```", LOCAL_STACK, re.DOTALL)[1])["uploads"][0]  # type: ignore[index]
    (same,) = [row for row in report["uploads"] if row["blob"] == example["blob"]]
    assert {**example, "milliseconds": 0} == {**same, "milliseconds": 0}
    assert ended.stdout.splitlines()[-1] == f"All {len(expected)} uploads came out as expected."
    assert "…" not in ended.stdout.replace(" …", "")
    sheet = (project / ".local" / "contact-sheet.html").read_text(encoding="utf-8")
    assert all(sheet.count(word) for word in ("updated", "quarantined", "waiting", "data:image/"))


def test_demo_photos_start_over_when_items_run_out(project: Path, tmp_path: Path) -> None:
    """The default company has 15 items: 17 photographs go to one each by file name, then to the first two again."""
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


@pytest.mark.parametrize("columns", ["200", "40", "30"])
def test_demo_fits_its_output_to_the_width(project: Path, tmp_path: Path, columns: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(photograph())
    start = command(project, "demo", "--photos", str(tmp_path))
    start["env"] |= {"COLUMNS": columns, "NO_COLOR": "1"}
    ended = subprocess.run(**start, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    is_table = any(
        line.split() == ["upload", "outcome", "item", "picture", "bytes", "ms"] for line in ended.stdout.splitlines()
    )
    assert is_table == (columns == "200")
    for word in ("updated", "1896-S", "1024", "photo.jpg", "Processing uploads: 1 of 1."):
        assert word in ended.stdout
    assert "\x1b" not in ended.stdout
    assert ended.stdout.splitlines()[-1] == "The upload came out as expected."


@on_linux
def test_demo_survives_whatever_a_folder_holds(project: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "x.jpg").mkdir(parents=True)
    names = [b"caf\xe9.jpg", b"a\nb[red]\x1b[31m.jpg", "\u202egpj.jpg".encode()]
    for name in names:
        (photos / os.fsdecode(name)).write_bytes(photograph())
    (photos / "empty.jpg").touch()
    (photos / "._x.jpg").write_bytes(b"x")
    (photos / "dangling.jpg").symlink_to("nowhere")
    os.mkfifo(photos / "pipe.jpg")
    ended = run(project, "demo", "--photos", str(photos), "--report", str(tmp_path / "r.json"))
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.returncode == 1  # for the empty one
    assert "upload" in ended.stdout
    assert "caf\ufffd.jpg" in ended.stdout
    assert not {"\x1b", "\u202e"} & set(ended.stdout)
    last = ended.stdout.splitlines()[-1]
    assert last == "1 of 4 uploads did not come out as expected; 4 files were left out."
    outcomes = [row["outcome"] for row in json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["uploads"]]
    assert sorted(outcomes) == ["quarantined", "updated", "updated", "updated"]


def test_demo_fails_if_an_upload_does_not_end_as_expected(project: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    ended = run(project, "demo", "--photos", str(tmp_path))
    assert ended.returncode == 1
    assert "not_an_image" in ended.stdout


def test_demo_can_run_without_any_key(project: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photograph())
    (tmp_path / "broken.jpg").write_bytes(photograph()[:2000])
    ended = run(project, "demo", "--keyless", "--photos", str(tmp_path), "--report", str(tmp_path / "r.json"))
    outcomes = [row["outcome"] for row in json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["uploads"]]
    assert outcomes == ["quarantined", "updated"]
    assert ended.returncode == 1  # for the broken one


@on_posix
def test_interrupted_demo_does_not_claim_success(project: Path) -> None:
    with subprocess.Popen(**command(project, "demo"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: psutil.Process(process.pid).children(), 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_killed_demo_leaves_no_process(project: Path) -> None:
    with subprocess.Popen(**command(project, "demo"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        family = until(lambda: psutil.Process(process.pid).children(recursive=True), 60)
        process.kill()
        assert still_running(family) == []


def test_demo_ignores_proxies_and_old_encodings(project: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photograph())
    start = command(project, "demo", "--photos", str(tmp_path))
    start["env"] |= {"HTTP_PROXY": "http://127.0.0.1:9", "PYTHONIOENCODING": "cp1252", "LC_ALL": "C"}
    ended = subprocess.run(**start, capture_output=True, timeout=60, check=False, encoding="utf-8")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_unwritable_report_is_refused_before_any_work(project: Path, tmp_path: Path) -> None:
    refused = run(project, "demo", "--report", str(tmp_path / "missing" / "r.json"))
    assert refused.returncode == 2
    assert "--report" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_folder_without_pictures_is_named(project: Path, tmp_path: Path) -> None:
    ended = run(project, "demo", "--photos", str(tmp_path))
    assert ended.returncode == 1
    assert str(tmp_path) in ended.stderr.replace("\n", "")


@on_posix
def test_the_demos_pages_stay_on_request(project: Path, tmp_path: Path) -> None:
    """Until Ctrl-C, and its exit code is still that of the uploads."""
    (tmp_path / "photo.jpg").write_bytes(photograph())
    start = command(project, "demo", "--stay", "--photos", str(tmp_path))
    with subprocess.Popen(**start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout
        lines = list(iter(process.stdout.readline, "The stack stays; press Ctrl-C to stop it.\n"))
        (url,) = [line.split()[-1] for line in lines if line.startswith("Telemetry page: ")]
        until(lambda: _arrived(url) == 1, 30)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def _arrived(telemetry_url: str) -> float:
    """Return the number of files on the telemetry page's first tile."""
    panels = requests.get(f"{telemetry_url}telemetry/state", timeout=30).json()["panels"]
    (tiles,) = [panel for panel in panels if panel["kind"] == "tiles"]
    return {row[0]: row[1] for row in tiles["rows"]}["arrived"]
