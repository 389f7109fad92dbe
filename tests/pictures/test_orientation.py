"""Pictures come out upright, however the camera was held."""

import pytest
from PIL import Image

from tests.support.pictures import colour_at, difference, oriented, quarters, rendered, saved

# Where the first row and the first column of the file appear (EXIF 2.32, table 6).
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Return the pixels as a camera stores them, computed one by one from the definition."""
    first_row, first_column = ORIENTATIONS[orientation]
    sideways = first_row in ("left", "right")
    turned = Image.new("RGB", upright.size[::-1] if sideways else upright.size)
    for row in range(turned.height):
        for column in range(turned.width):
            x, y = (row, column) if sideways else (column, row)
            x = upright.width - 1 - x if "right" in (first_row, first_column) else x
            y = upright.height - 1 - y if "bottom" in (first_row, first_column) else y
            turned.putpixel((column, row), colour_at(upright, x, y))
    return turned


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    source = saved(stored(quarters(), orientation), kind, exif=oriented(orientation))
    assert difference(quarters(), rendered(source)) < 6


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_a_reduced_photograph_is_upright_too(orientation: int) -> None:
    sideways = stored(quarters(), orientation)
    source = saved(sideways.resize((sideways.width * 30, sideways.height * 30), 0), "JPEG", exif=oriented(orientation))
    assert difference(quarters(), rendered(source, max_side=64)) < 6


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_changes_nothing(orientation: int) -> None:
    assert difference(quarters(), rendered(saved(quarters(), "JPEG", exif=oriented(orientation)))) < 6


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's warning about a damaged block
def test_a_broken_exif_block_turns_nothing(exif: bytes) -> None:
    assert difference(quarters(), rendered(saved(quarters(), "JPEG", exif=exif))) < 6
