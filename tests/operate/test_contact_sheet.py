"""The contact sheet shows every upload before and after, safely and in one file."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from devstack.drawing.encodings import jpeg, phone_photo, png
from operate.sheets.contact_sheet import THUMBNAIL, Row, preview, write
from tests.devstack.html_reader import Page

if TYPE_CHECKING:
    from pathlib import Path

ROW = Row(
    blob="CRONUS USA, Inc/1896-S.jpg",
    story="a plain photo",
    outcome="updated",
    reason=None,
    expected=True,
    item_number="1896-S",
    item_name="Harbour Desk, oak",
    before=jpeg(Image.new("RGB", (800, 600), "#884422")),
    after=jpeg(Image.new("RGB", (400, 300), "#884422")),
    detail=None,
    milliseconds=412.4,
)
LOST = replace(
    ROW,
    outcome="quarantined",
    reason="not_an_image",
    before=b"no picture",
    after=None,
    detail="Send it again.",
)


def sheet(path: Path, *rows: Row, title: str = "Before and after") -> Page:
    write(path / "sheet.html", rows, title=title)
    return Page((path / "sheet.html").read_text(encoding="utf-8"))


def thumbnail_of(content: bytes) -> Image.Image:
    thumbnail = preview(content).thumbnail
    assert thumbnail is not None
    return Image.open(BytesIO(thumbnail))


def test_every_row_is_on_the_sheet(tmp_path: Path) -> None:
    page = sheet(tmp_path, *(replace(ROW, blob=f"C/{number}.jpg") for number in range(25)))
    assert page.tags.count("article") == 25
    assert all(f"C/{number}.jpg" in page.words for number in range(25))


def test_card_shows_sizes_outcome_reason_time_and_advice(tmp_path: Path) -> None:
    words = sheet(tmp_path, ROW, LOST).words
    for fact in (
        "800 × 600",
        "400 × 300",
        "updated",
        "412 ms",
        "quarantined",
        "not_an_image",
        "Send it again.",
        "10 bytes",
    ):
        assert fact in words


def test_summary_counts_outcomes_and_surprises(tmp_path: Path) -> None:
    words = sheet(tmp_path, ROW, LOST, replace(ROW, expected=False)).words
    assert "3 uploads, 1 not as expected" in words
    assert "2 updated" in words
    assert "2 uploads, all as expected" in sheet(tmp_path, ROW, LOST).words


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    nasty = '<script>alert("1")</script>\'"&'
    row = replace(
        ROW,
        blob=nasty,
        story=nasty,
        reason=nasty,
        outcome=nasty,
        item_number=nasty,
        item_name=nasty,
        detail=nasty,
    )
    page = sheet(tmp_path, row, replace(row, after=None), title=nasty)
    assert "script" not in page.tags
    assert page.words.count(nasty) >= 14


def test_names_neither_turn_nor_break_the_text_around_them(tmp_path: Path) -> None:
    row = replace(ROW, blob="\u202egpj.x\x07\n", story="caf\udce9.jpg", item_name="a\u2066b", detail="one\ntwo\u202e")
    words = sheet(tmp_path, row, title="\u202etitle").words
    assert not {"\u202e", "\u2066", "\x07", "\udce9"} & set(words)
    assert r"\u202egpj.x\x07\n" in words
    assert "one\ntwo" in words


def test_nothing_is_fetched_from_anywhere(tmp_path: Path) -> None:
    page = sheet(tmp_path, ROW, LOST)
    text = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert page.references
    assert all(reference.startswith("data:image/") for reference in page.references)
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", text)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)


def test_picture_in_business_central_is_shown_unchanged(tmp_path: Path) -> None:
    after = sheet(tmp_path, ROW).references[1]
    assert ROW.after == b64decode(after.removeprefix("data:image/jpeg;base64,"))


def test_sideways_photo_is_shown_sideways() -> None:
    upright = Image.new("RGB", (300, 400), "#334455")
    assert thumbnail_of(phone_photo(upright, (800, 600))).size == (360, 270)


def test_thumbnail_is_small_and_keeps_transparency() -> None:
    glass = png(Image.new("RGBA", (900, 900), (10, 20, 30, 0)))
    assert thumbnail_of(glass).size == THUMBNAIL
    assert thumbnail_of(glass).mode == "RGBA"
    assert preview(glass).transparent


def test_only_transparent_uploads_get_a_checkerboard(tmp_path: Path) -> None:
    glass = replace(ROW, before=png(Image.new("RGBA", (9, 9))))
    sheet(tmp_path, ROW, glass)
    assert (tmp_path / "sheet.html").read_text(encoding="utf-8").count('class="frame checked"') == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGB", "RGBA"])
def test_every_mode_of_a_png_is_shown(mode: str) -> None:
    assert preview(png(Image.new(mode, (40, 30)))).thumbnail is not None


def test_cmyk_is_shown() -> None:
    assert thumbnail_of(jpeg(Image.new("CMYK", (40, 30), (0, 255, 255, 0)))).convert("RGB").getpixel(
        (9, 9)
    ) == pytest.approx((255, 0, 0), abs=12)


def test_huge_pictures_are_described_and_not_decoded() -> None:
    plan = png(Image.new("1", (12000, 9000)))
    assert preview(plan).words == "12000 × 9000 pixels"
    assert preview(plan[:64]) == preview(plan), "the header is enough"


def test_pillows_own_warning_stays_in_force() -> None:
    plan = png(Image.new("1", (12000, 9000)))
    preview(plan)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(BytesIO(plan))


def test_file_that_pillow_refuses_gets_a_tile() -> None:
    assert preview(png(Image.new("1", (20000, 9000)))).words == "more pixels than Pillow opens"


def test_large_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    photo = jpeg(Image.new("L", (8000, 6000), 90))
    assert preview(photo).pixels == "8000 × 6000", "48 megapixels, more than we ever decode"
    assert thumbnail_of(photo).size == (360, 270)


def test_damaged_files_get_a_tile() -> None:
    whole = jpeg(Image.effect_noise((400, 300), 60))
    assert preview(whole[: len(whole) // 2]).words == "incomplete or damaged"
    assert preview(b"").words == "not a picture"


def test_unreadable_picture_in_bc_does_not_stop_the_sheet(tmp_path: Path) -> None:
    assert "not a picture" in sheet(tmp_path, replace(ROW, after=b"?")).words
