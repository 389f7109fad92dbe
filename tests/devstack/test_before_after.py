"""The sheet in docs/pictures.md: five uploads that the app renders correctly and typical sample code does not."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from devstack.benchmarks.renderer import ours, sample
from devstack.sheets.before_after import CELL, SHEET, Pair, pairs, sheet
from tests.devstack.test_samples import difference

PAIRS = list(pairs())
VISIBLE = 3  # levels of the mean difference; smaller differences go unnoticed


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.title)
def test_our_picture_looks_as_drawn_and_the_samples_does_not(pair: Pair) -> None:
    our_picture, sample_picture = (Image.open(BytesIO(render(pair.source))) for render in (ours(), sample()))
    assert difference(our_picture, pair.drawn) < VISIBLE < difference(sample_picture, pair.drawn)


def test_rotated_upload_is_upright_only_with_us() -> None:
    rotated = next(pair for pair in PAIRS if "EXIF" in pair.title)
    sizes = [Image.open(BytesIO(render(rotated.source))).size for render in (ours(), sample())]
    assert sizes == [(768, 1024), (1024, 768)]


def test_committed_sheet_matches_the_script() -> None:
    drawn = sheet()
    with Image.open(SHEET) as committed:
        assert committed.size == drawn.size
        # Averages over 8 × 8 pixels hide an encoder's artefacts, but not a wrong letter or picture.
        differences = ImageChops.difference(committed.convert("RGB").reduce(8), drawn.reduce(8))
    assert max(high for _, high in differences.getextrema()) < 8


def test_sheet_is_small_and_readable() -> None:
    assert SHEET.stat().st_size <= 150_000
    width, height = sheet().size
    assert width <= 800, "a page scales wider sheets down, and their words with them"
    assert height > len(PAIRS) * CELL[1]
