"""A map names a file by its path or its name; what stands beside it does not make that unclear."""

import pytest

from operate.backfill.named_files import NO_FILE, NamedFiles
from operate.backfill.photos import Photo

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


def found(names: tuple[str, ...], text: str) -> tuple[Photo | None, str]:
    pictures = (".jpg", ".png")
    listed = [Photo(name, obstacle="" if name.lower().endswith(pictures) else SIDECAR) for name in names]
    return NamedFiles(listed).find(text)
