"""A folder of photographs may hold anything: what cannot be uploaded is left out and named."""

import os
from pathlib import Path

import pytest

from devstack.photo_folder import PhotoFolder, describe
from tests.conftest import on_posix

ITEMS = ["1900-S", "1896-S"]


def photographs(folder: Path) -> list[tuple[str, str]]:
    return [(sample.blob, sample.story) for batch in PhotoFolder(folder).rounds(ITEMS) for sample in batch]


def test_photographs_start_over_when_items_run_out(tmp_path: Path) -> None:
    for name in ("c.JPG", "a.png", "b.tif", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert photographs(tmp_path) == [
        ("CRONUS USA, Inc/1896-S.png", "a.png"),
        ("CRONUS USA, Inc/1900-S.tif", "b.tif"),
        ("CRONUS USA, Inc/1896-S.JPG", "c.JPG"),
    ]


@on_posix
def test_what_is_no_readable_file_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(b"x")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "dangling.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    (tmp_path / "._good.jpg").write_bytes(b"x")
    folder = PhotoFolder(tmp_path)
    stories = [sample.story for batch in folder.rounds(ITEMS) for sample in batch]
    assert stories == ["empty.jpg", "good.jpg"]
    assert folder.left_out["a folder"] == ["folder.jpg"]
    assert folder.left_out["not a file"] == ["device.jpg", "pipe.jpg"]
    assert folder.left_out["hidden"] == ["._good.jpg"]
    assert "dangling.jpg (unreadable: No such file or directory)" in describe(folder.left_out)
    assert "circle.jpg" in describe(folder.left_out)


def test_a_file_that_disappears_meanwhile_is_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    folder = PhotoFolder(tmp_path)
    (tmp_path / "a.jpg").unlink()
    assert [sample.story for batch in folder.rounds(ITEMS) for sample in batch] == ["b.jpg"]
    assert "a.jpg" in describe(folder.left_out)


def test_a_folder_without_pictures_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").mkdir()
    with pytest.raises(SystemExit, match=r"contains no pictures .*left out: x\.jpg \(a folder\)"):
        PhotoFolder(tmp_path)
