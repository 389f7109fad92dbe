"""Draws the sheet in docs/pictures.md: uploads as rendered by typical sample code, and by the app.

``python -m devstack.sheets.before_after`` redraws docs/before-after.jpg.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFont

from devstack.benchmarks.renderer import ours, sample
from devstack.drawing import encodings, furniture, household
from devstack.machine.setup import ROOT
from shared.pictures.cmyk import coated_paper_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devstack.drawing.fills import Size

SHEET = ROOT / "docs" / "before-after.jpg"
CELL = (248, 186)
_MARGIN, _GAP, _HEAD, _LINE = 24, 16, 64, 20
_LEFT = (_MARGIN, 264, 264 + CELL[0] + _GAP)  # of the words, the sample code's picture, our picture
_PAPER, _INK, _SOFT = "#f4f3f0", "#1f2328", "#646a73"
_LINE_LENGTH = 32  # letters
_PROOFS = 6  # further corrections are not visible


@dataclass(frozen=True)
class Pair:
    """One upload: its title and explanation, its bytes, and how it should look."""

    title: str
    words: str
    source: bytes
    drawn: Image.Image


def pairs() -> Iterator[Pair]:
    """Yield the uploads in the order of the sheet."""
    yield _turned()
    yield _wide_gamut()
    yield _transparent()
    yield _printed()
    yield _deep()


def _turned() -> Pair:
    chair = furniture.swivel_chair().picture
    words = "A phone stores the pixels on their side, and beside them how it was held."
    return Pair("Turned by EXIF", words, encodings.phone_photo(chair, (1600, 1200)), chair)


def _wide_gamut() -> Pair:
    bowl = household.fruit_bowl().picture
    numbers, profile = encodings.wide_gamut(bowl)
    words = "The numbers are those of Adobe RGB. Without their profile they look dull."
    return Pair("Wide gamut", words, encodings.jpeg(numbers, icc_profile=profile), bowl)


def _transparent() -> Pair:
    clock = household.clock().cut_out()
    words = "Dropping the transparency shows what was hidden: black."
    on_white = Image.alpha_composite(Image.new("RGBA", clock.size, "white"), clock)
    return Pair("Transparent", words, encodings.png(clock), on_white.convert("RGB"))


def _printed() -> Pair:
    pot = household.plant_pot().picture.reduce(2)
    words = "Inks taken for coloured light are far too bright. On paper they look as drawn."
    return Pair("CMYK without a profile", words, encodings.jpeg(_separated(pot)), pot)


def _deep() -> Pair:
    table = furniture.conference_table().picture.convert("L")
    deep = table.convert("I").point(lambda level: level * 257).convert("I;16")
    words = "Of 65,536 grays, plain conversion keeps the darkest 256. All others turn white."
    return Pair("16 bits", words, encodings.png(deep), table.convert("RGB"))


def _separated(picture: Image.Image) -> Image.Image:
    """Return the CMYK that looks like ``picture`` on coated paper, by correcting the error of repeated proofs."""
    paper = ImageCms.ImageCmsProfile(BytesIO(coated_paper_profile()))
    press = ImageCms.buildTransform(paper, ImageCms.createProfile("sRGB"), "CMYK", "RGB")
    target = picture
    for _ in range(_PROOFS):
        proof = press.apply(encodings.to_cmyk(target))
        missing, excess = ImageChops.subtract(picture, proof), ImageChops.subtract(proof, picture)
        target = ImageChops.subtract(ImageChops.add(target, missing), excess)
    return encodings.to_cmyk(target)


def sheet() -> Image.Image:
    """Return the whole sheet: a row per upload, the sample code's picture on the left, ours on the right."""
    rows = list(pairs())
    size = (_LEFT[2] + CELL[0] + _MARGIN, _HEAD + len(rows) * (CELL[1] + _GAP) + _MARGIN - _GAP)
    page = Image.new("RGB", size, _PAPER)
    heads = ("The upload", ""), ("The usual sample code", "open, resize, convert, save"), ("This app", "")
    for left, (title, words) in zip(_LEFT, heads, strict=True):
        _write(page, (left, 14), title, words)
    for number, pair in enumerate(rows):
        top = _HEAD + number * (CELL[1] + _GAP)
        _write(page, (_LEFT[0], top + 4), pair.title, pair.words)
        _paste(page, (_LEFT[1], top), sample()(pair.source))
        _paste(page, (_LEFT[2], top), ours()(pair.source))
    return page


def _write(page: Image.Image, place: Size, title: str, words: str) -> None:
    draw, (left, top) = ImageDraw.Draw(page), place
    draw.text((left, top), title, _INK, ImageFont.load_default(16))
    for number, line in enumerate(wrap(words, _LINE_LENGTH), 1):
        draw.text((left, top + 4 + number * _LINE), line, _SOFT, ImageFont.load_default(14))


def _paste(page: Image.Image, place: Size, content: bytes) -> None:
    """Centre a picture in its cell, with a line around it."""
    with Image.open(BytesIO(content)) as picture:
        picture.thumbnail(CELL, Image.Resampling.LANCZOS)
        left, top = (at + (room - side) // 2 for at, room, side in zip(place, CELL, picture.size, strict=True))
        page.paste(picture, (left, top))
        outline = (left - 1, top - 1, left + picture.width, top + picture.height)
        ImageDraw.Draw(page).rectangle(outline, outline="#e2e0db")


if __name__ == "__main__":
    sheet().save(SHEET, "JPEG", quality=88, subsampling="4:4:4", optimize=True)
