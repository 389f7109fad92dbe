"""A map names a file by its path or its name; what stands beside it does not make that unclear."""

from pathlib import Path

import pytest

from operate.backfill.named_files import NO_FILE, NamedFiles, is_unfound
from operate.backfill.photos import Photo

FOLDER = Path("photos/blue").absolute()
SIDECAR = "not a picture, to judge by its name (.xmp)"


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (("IMG_1.jpg", "IMG_1.xmp"), "IMG_1", "IMG_1.jpg"),
        (("IMG_1.JPG", "img_1.xmp"), "img_1", "IMG_1.JPG"),
        (("a/IMG_1.jpg", "a/IMG_1.xmp"), "a/IMG_1", "a/IMG_1.jpg"),
        (("a/IMG_1.jpg", "a/IMG_1.xmp", "b/IMG_1.xmp"), "IMG_1", "a/IMG_1.jpg"),
        (("IMG_1.jpg", "IMG_1.xmp"), "IMG_1.xmp", "IMG_1.xmp"),
        (("A.jpg", "a.jpg"), "A.jpg", "A.jpg"),
        (("A.jpg", "a.jpg"), "a.jpg", "a.jpg"),
        (("A.jpg", "a.jpg"), "A", "A.jpg"),
        (("x/A.jpg", "x/a.jpg"), "x\\A.jpg", "x/A.jpg"),
        (("x/A.jpg", "x/a.jpg"), "a.jpg", "x/a.jpg"),
        (("a.jpg", "x/a.jpg"), "A.JPG", "a.jpg"),
        (("a.jpg", "x/a.jpg"), "./a.jpg", "a.jpg"),
        (("Ka\u0308se.jpg",), "Käse", "Ka\u0308se.jpg"),
        (("x/a.jpg", "y/a.jpg"), ".//Y/A", "y/a.jpg"),
        (("a.jpg", "x/a.jpg"), f"{FOLDER}/a.jpg", "a.jpg"),
        (("x/Ka\u0308se.jpg",), f"{FOLDER}\\x\\Käse", "x/Ka\u0308se.jpg"),
    ],
)
def test_one_file_is_meant(names: tuple[str, ...], text: str, expected: str) -> None:
    photo, problem = found(names, text)
    assert (photo and photo.name, problem) == (expected, "")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("x/a.jpg", "y/a.jpg"), "a.jpg"),
        (("IMG_1.jpg", "IMG_1.png"), "IMG_1"),
        (("A.jpg", "a.jpg"), "A.JPG"),
        (("a.xmp", "a.xml"), "a"),
    ],
)
def test_of_several_none_is_guessed(names: tuple[str, ...], text: str) -> None:
    photo, problem = found(names, text)
    assert photo is None
    assert "2 files have this name; give its path: " in problem


def test_a_file_that_is_not_there_is_said_to_be_missing() -> None:
    assert found(("a.jpg",), "b.jpg") == (None, NO_FILE)
    assert found(("red.v2/README",), "red") == (None, NO_FILE)


@pytest.mark.parametrize(
    "text",
    [
        "red/a.jpg",
        "red\\a.jpg",
        "red/a",
        "RED/A.JPG",
        "./b.jpg",
        "/b.jpg",
        "y/b.jpg",
        "blue/a.jpg",  # the folder itself, or one in it that is missing
        "../red/a.jpg",
        "x/../a.jpg",
        "x/y",
        "x/",
        "/",
        r"C:\shop\photos\blue\a.jpg",
        f"{FOLDER.parent}/red/a.jpg",
        f"{FOLDER}-2/a.jpg",
        f"{FOLDER}/b.jpg",
    ],
)
def test_a_path_means_no_file_of_another_folder(text: str) -> None:
    photo, problem = found(("a.jpg", "x/b.jpg", "x/y/c.jpg"), text)
    assert photo is None
    assert problem == f"{NO_FILE}; paths count from {FOLDER}"
    assert is_unfound(problem)


def found(names: tuple[str, ...], text: str) -> tuple[Photo | None, str]:
    pictures = (".jpg", ".png")
    listed = [Photo(name, obstacle="" if name.lower().endswith(pictures) else SIDECAR) for name in names]
    return NamedFiles(FOLDER, listed).find(text)
