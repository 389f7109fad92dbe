"""Deep colours are scaled, not clipped, and transparent colours work in every depth."""

import struct
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from shared.errors import Reason
from tests.support.image_writers import Chunk, png, tiff
from tests.support.pictures import BACKGROUND, assert_near, colour_at, difference, refused, rendered, saved


def ramp(mode: str) -> Image.Image:
    """Return all levels from left to right."""
    levels = Image.frombytes("L", (256, 16), bytes(range(256)) * 16)
    return levels if mode == "L" else Image.merge("RGB", (levels, levels.rotate(180), levels))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "TIFF, deflate", "TIFF, tiles"])
def test_16_bits_are_scaled_not_clipped(kind: str, order: str, mode: str) -> None:
    if kind == "PNG":
        source = png(ramp(mode), 16, interlaced=order == "<")  # PNG has only one byte order
    else:
        source = tiff(ramp(mode), 16, order, 64 if "tiles" in kind else 0, deflate="deflate" in kind)
    image = rendered(source)
    assert difference(ramp(mode), image) < 3
    for x in (0, 20, 128, 200, 255):
        assert_near(ramp(mode).convert("RGB").getpixel((x, 8)), colour_at(image, x, 8), 8)  # type: ignore[arg-type]


def test_12_bits_of_gray_are_scaled_too() -> None:
    """Scanners and microscopes write such files."""
    assert difference(ramp("L"), rendered(tiff(ramp("L"), 12))) < 3


def test_floating_point_from_0_to_1_is_scaled() -> None:
    assert difference(ramp("L"), rendered(tiff(ramp("L"), 32))) < 3
    assert difference(ramp("L"), rendered(tiff(ramp("L"), 32, ">"))) < 3


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("tile", [0, 48])
def test_separate_planes_are_merged(tile: int, mode: str, order: str, depth: int) -> None:
    picture = ramp("RGB").convert(mode)
    for deflate in (True, False):
        together = rendered(tiff(picture, depth, order, tile))
        assert difference(together, rendered(tiff(picture, depth, order, tile, deflate=deflate, planar=True))) < 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_of_inks_keep_their_levels(order: str) -> None:
    inks = ramp("RGB").convert("CMYK")
    assert difference(rendered(saved(inks, "TIFF")), rendered(tiff(inks, 16, order, planar=True))) < 2


def test_samples_that_pillow_misreads_come_out_right() -> None:
    for order in "<>":
        assert difference(ramp("L"), rendered(tiff(ramp("L"), 32, order, deflate=True))) < 3


def test_signed_numbers_of_32_bits_are_16_bits_or_refused() -> None:
    low = saved(ramp("L").convert("I").point(lambda level: level * 257), "TIFF")
    assert difference(ramp("L"), rendered(low)) < 3
    refused(saved(ramp("L").convert("I").point(lambda level: level * 2**23), "TIFF"), Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("depth", [8, 16, 32])
@pytest.mark.parametrize("deflate", [False, True])
def test_gray_in_which_0_is_white_is_not_inverted(depth: int, *, deflate: bool) -> None:
    source = tiff(ramp("L").point(lambda level: 255 - level), depth, negative=True, deflate=deflate)
    for max_side in (256, 64):
        image = rendered(source, max_side=max_side)
        assert difference(ramp("L").resize(image.size, Image.Resampling.BOX), image) < 3


def trns(*levels: int) -> Chunk:
    return b"tRNS", struct.pack(f">{len(levels)}H", *levels)


def square(mode: str, clear: Any, solid: Any) -> Image.Image:
    picture = Image.new(mode, (60, 60), clear)
    picture.paste(solid, (15, 15, 45, 45))
    return picture


# The picture, its depth, and the transparent colour in that depth.
TRANSPARENT = {
    **{f"gray, {depth} bits": (square("L", 255, 85), depth, trns((1 << depth) - 1)) for depth in (2, 4, 8, 16)},
    **{f"dark gray, {depth} bits": (square("L", 0, 85), depth, trns(0)) for depth in (2, 4, 8, 16)},
    "middle gray, 4 bits": (square("L", 136, 85), 4, trns(8)),
    "middle gray, 16 bits": (square("L", 136, 85), 16, trns(136 * 257)),
    "RGB, 8 bits": (square("RGB", (200, 100, 50), (85, 85, 85)), 8, trns(200, 100, 50)),
    "RGB, 16 bits": (square("RGB", (200, 100, 50), (85, 85, 85)), 16, trns(200 * 257, 100 * 257, 50 * 257)),
}


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("max_side", [60, 20])
@pytest.mark.parametrize("case", TRANSPARENT)
def test_transparent_colours_of_pngs_work_in_every_depth(case: str, max_side: int, *, interlaced: bool) -> None:
    picture, depth, chunk = TRANSPARENT[case]
    image = rendered(png(picture, depth, chunk, interlaced=interlaced), max_side=max_side)
    middle, corner = max_side // 2, max_side // 15
    assert_near(BACKGROUND, colour_at(image, corner, corner), 8)
    assert_near((85, 85, 85), colour_at(image, middle, middle), 8)


def test_every_alpha_level_of_a_palette_counts() -> None:
    picture = Image.new("P", (64, 64))
    picture.putpalette([0, 0, 0] * 4)
    for index in range(4):
        picture.paste(index, (index * 16, 0, index * 16 + 16, 64))
    image = rendered(png(picture, 2, (b"tRNS", bytes((0, 85, 170)))), background=(240, 240, 240))
    for index, gray in enumerate((240, 160, 80, 0)):
        assert_near((gray,) * 3, colour_at(image, index * 16 + 8, 32), 8)


ALPHA = ("PNG", "WEBP", "AVIF", "TIFF", "JPEG2000", "GIF")


@pytest.mark.parametrize("kind", ALPHA)
def test_every_format_with_alpha_shows_the_background(kind: str) -> None:
    picture = square("RGBA", (255, 0, 255, 0), (85, 85, 85, 255))
    for max_side in (60, 20):
        image = rendered(saved(picture, kind), max_side=max_side)
        assert_near(BACKGROUND, colour_at(image, max_side // 15, max_side // 15), 8)
        assert_near((85, 85, 85), colour_at(image, max_side // 2, max_side // 2), 8)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_half_transparent_is_half_background_in_every_depth(mode: str, depth: int) -> None:
    clear = (0, 128) if mode == "LA" else (0, 0, 0, 128)
    for source in (
        png(Image.new(mode, (40, 40), clear), depth),
        png(Image.new(mode, (400, 400), clear), depth),
    ):
        assert Image.open(BytesIO(source)).mode in ("LA", "RGBA")
        assert_near((100, 50, 25), colour_at(rendered(source, background=(200, 100, 50), max_side=40), 20, 20), 3)
