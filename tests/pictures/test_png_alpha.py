"""Transparency, gamma and profiles go together in every PNG."""

import struct
import zlib

import pytest
from PIL import Image

from shared.pictures import icc
from tests.support.image_writers import Chunk, png
from tests.support.pictures import BACKGROUND, assert_near, colour_at, rendered
from tests.support.wide_gamut import PROFILES, in_srgb

# Half of the samples' range is about 0.5 of the light by a linear gamma: 188 in sRGB (IEC 61966-2-1).
LINEAR_GAMMA: Chunk = (b"gAMA", struct.pack(">I", 100_000))
LINEAR_GRAY: Chunk = (b"iCCP", b"gray\0\0" + zlib.compress(icc.gray_profile(1.0) or b""))
LINEAR_RGB: Chunk = (
    b"iCCP",
    b"linear\0\0" + zlib.compress(icc.rgb_profile(icc.SRGB_WHITE, icc.SRGB_PRIMARIES, 1.0) or b""),
)
COLOURS = {"gAMA": LINEAR_GAMMA, "gray profile": LINEAR_GRAY}
CLEAR, SOLID, WHITE = 0, 1, 2  # thirds of the picture from left to right


def srgb(level: int) -> int:
    """Return the sRGB number for a part of linear light (IEC 61966-2-1)."""
    part = level / 255
    return round(255 * (12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055))


def thirds(mode: str, *levels: object) -> Image.Image:
    image = Image.new(mode, (90, 30))
    for number, level in enumerate(levels):
        image.paste(level, (30 * number, 0, 30 * number + 30, 30))  # type: ignore[call-overload] # of any mode
    return image


def assert_thirds(image: Image.Image, *colours: tuple[int, int, int]) -> None:
    for number, colour in enumerate(colours):
        assert_near(colour, colour_at(image, 30 * number + 15, 15), 4)


def gray(level: int) -> tuple[int, int, int]:
    return level, level, level


@pytest.mark.parametrize("max_side", [1024, 30])
@pytest.mark.parametrize("depth", [2, 4, 8, 16])
@pytest.mark.parametrize("colours", [None, *COLOURS])
def test_gray_with_a_transparent_level(colours: str | None, depth: int, max_side: int) -> None:
    clear, solid = 85, 170  # a third and two thirds, in every depth
    stored = (clear * ((1 << depth) - 1) + 127) // 255
    chunks = [COLOURS[colours]] if colours else []
    source = png(thirds("L", clear, solid, 255), depth, *chunks, (b"tRNS", struct.pack(">H", stored)))
    shown = srgb(solid) if colours else solid
    image = rendered(source, max_side=max_side).resize((90, 30), Image.Resampling.NEAREST)
    assert_thirds(image, BACKGROUND, gray(shown), gray(255))


@pytest.mark.parametrize("colours", [None, *COLOURS])
@pytest.mark.parametrize("clear", [0, 1])
def test_one_bit_with_a_transparent_level(clear: int, colours: str | None) -> None:
    chunks = [COLOURS[colours]] if colours else []
    source = png(thirds("L", 0, 255, 0), 1, *chunks, (b"tRNS", struct.pack(">H", clear)))
    black, white = (BACKGROUND, gray(255)) if clear == 0 else (gray(0), BACKGROUND)
    assert_thirds(rendered(source), black, white, black)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colours", [None, *COLOURS])
def test_gray_with_alpha(colours: str | None, depth: int) -> None:
    chunks = [COLOURS[colours]] if colours else []
    source = png(thirds("LA", (100, 0), (170, 255), (255, 255)), depth, *chunks)
    assert_thirds(rendered(source), BACKGROUND, gray(srgb(170) if colours else 170), gray(255))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_colour_profile_in_a_gray_png_is_ignored(mode: str, depth: int) -> None:
    if (mode, depth) in [("LA", 1), ("LA", 2), ("LA", 4)]:
        depth = 8
    levels = (0, 255, 0) if depth == 1 else (85, 170, 255)
    picture = thirds("L", *levels).convert(mode)
    assert_thirds(rendered(png(picture, depth, LINEAR_RGB)), *map(gray, levels))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_gray_profile_in_a_colour_png_is_ignored(mode: str, depth: int) -> None:
    picture = thirds("RGB", (85, 40, 10), (170, 60, 60), (255, 255, 255)).convert(mode)
    assert_thirds(rendered(png(picture, depth, LINEAR_GRAY)), (85, 40, 10), (170, 60, 60), (255, 255, 255))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("profile", [LINEAR_GAMMA, LINEAR_RGB])
def test_colour_with_a_transparent_colour(profile: Chunk, depth: int) -> None:
    clear = [level * 257 if depth == 16 else level for level in (10, 20, 30)]
    picture = thirds("RGB", (10, 20, 30), (170, 85, 40), (255, 255, 255))
    source = png(picture, depth, profile, (b"tRNS", struct.pack(">3H", *clear)))
    assert_thirds(rendered(source), BACKGROUND, (srgb(170), srgb(85), srgb(40)), gray(255))


@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("profile", [LINEAR_GAMMA, LINEAR_RGB])
@pytest.mark.parametrize("alphas", [b"\0", b"\0\xff\xff"])
def test_a_palette_with_alpha(alphas: bytes, profile: Chunk, depth: int) -> None:
    picture = thirds("P", 0, 1, 2)
    picture.putpalette([10, 20, 30, 170, 85, 40, 255, 255, 255])
    source = png(picture, depth, profile, (b"tRNS", alphas))
    assert_thirds(rendered(source), BACKGROUND, (srgb(170), srgb(85), srgb(40)), gray(255))


def test_a_palette_with_partial_alpha_mixes_in_srgb() -> None:
    picture = thirds("P", 0, 1, 2)
    picture.putpalette([10, 20, 30, 170, 85, 40, 255, 255, 255])
    image = rendered(png(picture, 8, LINEAR_RGB, (b"tRNS", b"\0\x80")), background=(0, 0, 0))
    half = [round(srgb(level) * 128 / 255) for level in (170, 85, 40)]
    assert_thirds(image, (0, 0, 0), (half[0], half[1], half[2]), gray(255))


def test_a_wide_profile_counts_beside_transparency() -> None:
    picture = thirds("RGB", (1, 2, 3), (200, 30, 30), (255, 255, 255))
    chunks = (b"iCCP", b"a\0\0" + zlib.compress(PROFILES["Adobe RGB"])), (b"tRNS", struct.pack(">3H", 1, 2, 3))
    expected = colour_at(in_srgb(picture, PROFILES["Adobe RGB"]), 45, 15)
    assert expected[0] > 225, "the profile makes a difference"
    assert_thirds(rendered(png(picture, 8, *chunks)), BACKGROUND, expected, gray(255))
