"""``dev.py demo``: every sample ends as expected, folders of photographs work, and failures show."""

import json
import signal
import subprocess
from pathlib import Path

import psutil

from devstack.drawing.samples import samples
from tests.devstack.dev_commands import command, run, until
from tests.support.local_stack import photograph


def test_demo_succeeds_and_reports_every_upload(project: Path, tmp_path: Path) -> None:
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


def test_interrupted_demo_does_not_claim_success(project: Path) -> None:
    with subprocess.Popen(**command(project, "demo"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: psutil.Process(process.pid).children(), 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_killed_demo_leaves_no_process(project: Path) -> None:
    with subprocess.Popen(**command(project, "demo"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        family = until(lambda: psutil.Process(process.pid).children(recursive=True), 60)
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == []


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
