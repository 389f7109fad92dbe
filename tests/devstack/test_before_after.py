"""The sheet in docs/pictures.md shows five uploads that the app gets right and the usual sample code does not."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from devstack.benchmarks.renderer import ours, sample
from devstack.sheets.before_after import CELL, SHEET, Pair, pairs, sheet
from tests.devstack.test_samples import difference

PAIRS = list(pairs())
VISIBLE = 3  # levels of the mean difference: what changes in a whole picture without being noticed is less


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.title)
def test_ours_is_as_drawn_and_the_sample_codes_is_not(pair: Pair) -> None:
    ours_shown, sample_shown = (Image.open(BytesIO(render(pair.source))) for render in (ours(), sample()))
    assert difference(ours_shown, pair.drawn) < VISIBLE < difference(sample_shown, pair.drawn)


def test_the_turned_upload_stands_with_us_and_lies_on_its_side_otherwise() -> None:
    turned = next(pair for pair in PAIRS if "EXIF" in pair.title)
    sizes = [Image.open(BytesIO(render(turned.source))).size for render in (ours(), sample())]
    assert sizes == [(768, 1024), (1024, 768)]


def test_the_committed_sheet_is_what_the_script_draws() -> None:
    drawn = sheet()
    with Image.open(SHEET) as committed:
        assert committed.size == drawn.size
        # Averages over 8 × 8 pixels: an encoder's artefacts disappear in them, a wrong letter or picture does not.
        apart = ImageChops.difference(committed.convert("RGB").reduce(8), drawn.reduce(8))
    assert max(high for _, high in apart.getextrema()) < 8


def test_the_sheet_loads_at_once_and_can_be_read() -> None:
    assert SHEET.stat().st_size <= 150_000
    width, height = sheet().size
    assert width <= 800, "wider ones are reduced on a page, and the words with them"
    assert height > len(PAIRS) * CELL[1]
