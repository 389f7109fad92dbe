"""A preview shows exactly the bytes that Business Central would get, and asks nobody for them."""

import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from PIL import Image

from devstack.drawing.encodings import jpeg, phone_photo, png
from operate.preview import PAGE, Preview, write
from shared.errors import Permanent, Reason
from shared.storage import names
from tests.devstack.html_reader import Page
from tests.operate.command import Operator
from tests.support.item_pictures import BLUE, picture_of
from tests.support.local_stack import DESK, DESK_ID, LocalStack

DRAWING = Image.linear_gradient("L").resize((1600, 1200)).convert("RGB")
SETTINGS = {"PICTURE_MAX_SIDE": "300", "PICTURE_QUALITY": "60", "PICTURE_FIT": "pad", "PICTURE_BACKGROUND": "#202020"}
SOURCES = {
    "turned by EXIF": phone_photo(DRAWING, (800, 600)),
    "transparent": png(Image.new("RGBA", (500, 400), (10, 90, 200, 60))),
    "CMYK": jpeg(Image.new("CMYK", (700, 500), (0, 180, 40, 10))),
    "needs no change": jpeg(Image.new("RGB", (300, 300), "#884422")),
}


def embedded(page: Path) -> list[bytes]:
    """Return the pictures after, as they are in the page."""
    data = re.findall(r"data:image/jpeg;base64,([^\"]+)", page.read_text(encoding="utf-8"))
    return [b64decode(each) for each in data]


@pytest.fixture
def offline(tmp_path: Path) -> Operator:
    """Return the command for an installation in Azure, which no test reaches."""
    config = tmp_path / "installation.json"
    azure = {
        "subscription": "s",
        "resourceGroup": "g",
        "functionApp": "f",
        "workspace": "w",
        "accounts": {
            "host": "h",
            "pictures": "p",
            "picturesBlobUrl": "https://p.blob.core.windows.net",
            "picturesQueueUrl": "https://p.queue.core.windows.net",
        },
        "containers": {"deadLetter": "dead-letter"},
        "businessCentral": {"tenantId": "t", "environment": "e", "company": "c", "apiVersion": "v2.0"},
        "pathTemplate": "{item}.{extension}",
        "settings": SETTINGS,
    }
    config.write_text(json.dumps(azure), encoding="utf-8")
    return Operator(config, tmp_path)


@pytest.mark.parametrize("kind", SOURCES)
def test_the_preview_has_the_bytes_that_bc_gets(
    kind: str, local: LocalStack, tmp_path: Path, operator: Operator
) -> None:
    file = tmp_path / "photo.bin"
    file.write_bytes(SOURCES[kind])
    operator.configure(settings=SETTINGS)
    assert operator.run("preview", str(file), "-o", str(tmp_path)).code == 0
    local.upload(DESK, SOURCES[kind])
    local.pipeline(**SETTINGS).process(names.INCOMING, DESK)
    in_bc = local.picture_bytes(DESK_ID)
    assert [in_bc] == embedded(tmp_path / PAGE)


def test_files_are_on_the_page_before_and_after(offline: Operator, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.jpg" for number in range(3)]
    for file in files:
        file.write_bytes(SOURCES["turned by EXIF"])
    ended = offline.run("preview", *map(str, files), "-o", str(tmp_path / "new"))
    page = Page((tmp_path / "new" / PAGE).read_text(encoding="utf-8"))
    assert (ended.code, page.tags.count("article"), page.tags.count("img")) == (0, 3, 6)
    assert "3 files; " in page.words
    assert "JPEG, quality 60." in page.words


def test_a_pattern_that_no_shell_has_expanded_names_its_files(offline: Operator, tmp_path: Path) -> None:
    folder = tmp_path / "photos [2026]"
    folder.mkdir()
    for name in ("b.jpg", "a.jpg", "a.txt"):
        (folder / name).write_bytes(picture_of(BLUE))
    for pattern in (str(folder / "*.jpg"), "photos [2026]/?.jpg"):
        ended = offline.run("--json", "preview", pattern, "-o", str(tmp_path))
        assert [Path(facts["file"]).name for facts in ended.document["files"]] == ["a.jpg", "b.jpg"]
    assert "does not exist" in offline.run("preview", str(folder / "*.png")).err


def test_a_file_that_no_picture_comes_from_says_why(offline: Operator, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.jpg", tmp_path / "list.pdf"
    good.write_bytes(picture_of(BLUE))
    bad.write_bytes(b"%PDF-1.7 no picture, and long enough not to be cut off")
    ended = offline.run("--json", "preview", str(bad), str(good), "-o", str(tmp_path))
    refused, rendered = ended.document["files"]
    assert (ended.code, refused["reason"], rendered["reason"]) == (1, "not_an_image", None)
    assert "does not look like a picture" in refused["detail"]
    assert (rendered["width"], rendered["height"]) == (90, 90), "padded, by the deployed setting"


def test_a_file_above_the_limit_is_not_read(offline: Operator, tmp_path: Path) -> None:
    huge = tmp_path / "huge.tif"
    with huge.open("wb") as file:
        file.truncate(8 * 1024**3)  # sparse: nobody has that much memory here
    ended = offline.run("--json", "preview", str(huge), "-o", str(tmp_path))
    assert [facts["reason"] for facts in ended.document["files"]] == ["too_large"]
    assert "8,192.0 MiB" in Page((tmp_path / PAGE).read_text(encoding="utf-8")).words


def test_what_would_crash_the_decoder_is_not_opened_for_show(tmp_path: Path) -> None:
    failure = Permanent(Reason.CRASHES_WORKER, "Decoding this file ends the program.")
    source = SOURCES["transparent"]  # a sound one: it would be shown
    write(tmp_path / PAGE, [Preview(Path("x.png"), len(source), source, None, failure, 1.0)], lambda _: None)
    page = Page((tmp_path / PAGE).read_text(encoding="utf-8"))
    assert "not shown" in page.words
    assert page.references == []


@pytest.mark.parametrize(("name", "problem"), [(".", "is a folder"), ("missing.jpg", "does not exist")])
def test_what_is_no_file_is_named(name: str, problem: str, offline: Operator, tmp_path: Path) -> None:
    ended = offline.run("preview", str(tmp_path / name), "-o", str(tmp_path))
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert problem in ended.err
    assert not (tmp_path / PAGE).exists()


def test_a_config_without_the_pictures_settings_is_told(offline: Operator, tmp_path: Path) -> None:
    document = json.loads(offline.config.read_text(encoding="utf-8"))
    del document["settings"]
    offline.config.write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "a.jpg").write_bytes(picture_of(BLUE))
    ended = offline.run("preview", str(tmp_path / "a.jpg"), "-o", str(tmp_path))
    assert "has no settings of the picture" in " ".join(ended.err.split())
    assert "90 × 60" in ended.out
