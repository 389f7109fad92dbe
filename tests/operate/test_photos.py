"""A folder's photographs are found, and everything else in it is left out with its reason."""

import os
from pathlib import Path

import pytest
from PIL import Image

from operate.backfill.photos import SUFFIXES, photos
from shared.pictures import sources
from tests.operate.photographs import photograph, photographs
from tests.support.formats import KINDS


def obstacles(folder: Path) -> dict[str, str]:
    return {photo.name: photo.obstacle for photo in photos(folder)}


def test_photographs_are_found_at_any_depth(tmp_path: Path) -> None:
    photographs(tmp_path, "a.jpg", "b/c.PNG", "b/d/e.tif")
    assert obstacles(tmp_path) == {"a.jpg": "", "b/c.PNG": "", "b/d/e.tif": ""}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (".hidden.jpg", b"\xff\xd8\xff", "hidden"),
        ("._a.jpg", b"\0", "hidden"),
        ("Thumbs.db", b"\0", "operating system"),
        ("@eaDir/a.jpg", b"\0", "operating system"),
        ("__MACOSX/a.jpg", b"\0", "operating system"),
        ("list.xlsx", b"PK", "not a picture, to judge by its name (.xlsx)"),
        ("a.nef", b"MM\0*", "not a picture, to judge by its name (.nef)"),
        ("README", b"x", "not a picture, to judge by its name (no extension)"),
        ("a.heic", b"\0\0\0\x18ftypheic", "HEIC"),
        ("b.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC inside"),
        ("a.jpg", b"", "empty"),
        ("page.jpg", b"<!doctype html>", "no picture inside"),
        ("a.tif", b"%PDF-1.7", "no picture inside"),
    ],
)
def test_what_is_no_photograph_has_its_reason(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    (found,) = obstacles(tmp_path).values()
    assert words in found


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    photograph(folder / "real.jpg")
    (folder / "link.jpg").symlink_to(folder / "real.jpg")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.jpg")
    found = obstacles(folder)
    assert {name: words for name, words in found.items() if "symbolic link" in words}.keys() == {
        "gone.jpg",
        "link.jpg",
        "up",
    }
    assert (found["pipe.jpg"], found["real.jpg"]) == ("not a file", "")


@pytest.mark.parametrize("name", [b"a\xff.jpg", b"a\nb.jpg"])
def test_a_name_that_no_list_can_hold_is_refused(name: bytes, tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg")
    os.rename(bytes(tmp_path / "a.jpg"), os.path.join(bytes(tmp_path), name))  # noqa: PTH104, PTH118 - bytes
    ((shown, words),) = obstacles(tmp_path).items()
    assert "\N{REPLACEMENT CHARACTER}" in shown
    assert "rename it" in words


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_that_the_app_takes_is_taken(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(KINDS[kind].make(Image.new("RGB", (40, 30), "#336699")))
    assert obstacles(tmp_path) == {"a.jpg": ""}


def test_every_accepted_format_has_its_extensions() -> None:
    Image.init()
    usual = {suffix for suffix, name in Image.registered_extensions().items() if name in sources.FORMATS}
    rare = {".apng", ".dib", ".avifs", ".j2c", ".j2k", ".jpc", ".jpf", ".jpx"}  # no photograph comes as one of these
    assert set(SUFFIXES) == usual - rare
