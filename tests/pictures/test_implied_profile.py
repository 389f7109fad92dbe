"""Without an ICC profile, what else a file says of its colours is believed, unless it is absurd."""

import struct
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.support.image_writers import Chunk, png
from tests.support.pictures import assert_near, colour_at, difference, quarters, saved, shown
from tests.support.wide_gamut import PROFILES, chart, mean_difference, seen

SMALL = (160, 120)
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
# An exponent of 2.2 for sRGB's own curve is the difference that PNG's authors put up with.
USUAL = 0.45455


def gama(gamma: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(points: Sequence[float]) -> Chunk:
    return b"cHRM", struct.pack(">8I", *(round(part * 100_000) for part in points))


def iccp(profile: bytes) -> Chunk:
    return b"iCCP", b"any name\0\0" + zlib.compress(profile)


SAYS_SRGB: Chunk = (b"sRGB", b"\0")


def as_light(picture: Image.Image) -> Image.Image:
    """Return sRGB numbers for a picture whose numbers are light itself (IEC 61966-2-1)."""

    def number(level: int) -> int:
        part = level / 255
        return round(255 * (12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055))

    return picture.point([number(level) for level in range(256)] * len(picture.getbands()))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P"])
def test_a_png_of_light_itself_is_shown_as_bright_as_it_is(mode: str, depth: int) -> None:
    if (mode, depth) == ("P", 16):
        depth = 4
    picture = quarters().convert(mode, palette=Image.Palette.ADAPTIVE, colors=8)
    expected = as_light(picture.convert("L" if mode in ("L", "LA") else "RGB"))
    assert difference(expected, picture) > 30, "it matters"
    assert difference(expected, shown(png(picture, depth, gama(1.0)))) < 6


@pytest.mark.parametrize("max_side", [160, 1024])
def test_a_png_with_primaries_is_shown_by_them(max_side: int) -> None:
    picture = chart(800, 600)
    expected = seen(picture, PROFILES["Adobe RGB"])
    image = shown(png(picture, 8, gama(256 / 563), chrm(ADOBE_RGB)), max_side=max_side)
    assert mean_difference(expected.resize(SMALL, 4), image.resize(SMALL, 4)) < 1


UNTOUCHED: dict[str, list[Chunk]] = {
    "the usual gamma": [gama(USUAL)],
    "nearly the usual gamma": [gama(0.46)],
    "the usual gamma and primaries": [gama(USUAL), chrm(SRGB)],
    "primaries alone": [chrm(ADOBE_RGB)],
    "sRGB beside gamma": [SAYS_SRGB, gama(1.0), chrm(ADOBE_RGB)],
    "sRGB after gamma": [gama(1.0), chrm(ADOBE_RGB), SAYS_SRGB],
    "a profile that cannot be read": [iccp(bytes(200)), gama(1.0)],
    "no gamma at all": [gama(0)],
    "a gamma that nobody meant": [gama(42949)],
    "hardly any gamma": [gama(0.00001)],
    "primaries in one point": [gama(USUAL), chrm((0.3127, 0.3290, *(0.3, 0.3) * 3))],
    "primaries of zero": [gama(USUAL), chrm((0,) * 8)],
    "primaries beyond all colours": [gama(USUAL), chrm((42949,) * 8)],
}


@pytest.mark.parametrize("case", UNTOUCHED)
def test_a_png_in_srgb_or_with_absurd_colours_keeps_its_numbers(case: str) -> None:
    assert difference(quarters(), shown(png(quarters(), 8, *UNTOUCHED[case]))) < 6


def test_a_profile_that_cannot_be_unpacked_is_as_if_it_were_not_there() -> None:
    source = png(quarters(), 8, (b"iCCP", b"any name\0\0not packed"), gama(1.0))
    assert difference(as_light(quarters()), shown(source)) < 6


def test_absurd_primaries_do_not_take_the_gamma_with_them() -> None:
    image = shown(png(quarters(), 8, gama(1.0), chrm((0,) * 8)))
    assert difference(as_light(quarters()), image) < 6


def test_a_profile_goes_before_gamma_and_primaries() -> None:
    picture = chart(*SMALL)
    source = png(picture, 8, gama(1.0), chrm(SRGB), iccp(PROFILES["ProPhoto RGB"]))
    assert mean_difference(seen(picture, PROFILES["ProPhoto RGB"]), shown(source)) < 2


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8))
def test_whatever_the_numbers_there_is_a_picture(gamma: int, points: list[int]) -> None:
    chunks = (b"gAMA", struct.pack(">I", gamma)), (b"cHRM", struct.pack(">8I", *points))
    assert shown(png(quarters(), 8, *chunks)).size == (64, 32)


@given(st.floats(0.1, 3), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_whatever_primaries_black_and_white_stay(gamma: float, points: list[float]) -> None:
    picture = Image.new("RGB", (32, 16))
    picture.paste((255, 255, 255), (16, 0, 32, 16))
    image = shown(png(picture, 8, gama(gamma), chrm(points)))
    assert_near((0, 0, 0), colour_at(image, 8, 8))
    assert_near((255, 255, 255), colour_at(image, 24, 8))


def by_camera(space: int, index: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ColorSpace: space, ExifTags.IFD.Interop: {1: index}}
    return exif


def test_a_camera_that_says_adobe_rgb_in_its_exif_is_believed() -> None:
    picture = chart(800, 600)
    expected = seen(picture, PROFILES["Adobe RGB"]).resize(SMALL, Image.Resampling.BOX)
    image = shown(saved(picture, "JPEG", exif=by_camera(65535, "R03")), max_side=160)
    assert mean_difference(expected, image) < 1


@pytest.mark.parametrize(("space", "index"), [(1, "R98"), (65535, "R98"), (1, "R03"), (2, "R03")])
def test_a_camera_that_says_anything_else_means_srgb(space: int, index: str) -> None:
    source = saved(quarters(), "JPEG", exif=by_camera(space, index))
    assert difference(quarters(), shown(source)) < 6


def test_another_word_of_three_letters_is_not_the_cameras() -> None:
    exif = by_camera(65535, "R98")
    exif[ExifTags.Base.Make] = "R03"
    assert difference(quarters(), shown(saved(quarters(), "JPEG", exif=exif))) < 6


def test_a_camera_whose_word_lies_nowhere_means_srgb() -> None:
    block = by_camera(65535, "R03").tobytes()
    pointer = block.index(b"\xa0\x05\x00\x04")
    beyond = struct.pack(">HHII", 0xA005, 16, 1, len(block) - len(b"Exif\0\0"))  # an offset of 64 bits
    exif = block[:pointer] + beyond + block[pointer + 12 :] + b"\xff" * 8
    assert difference(quarters(), shown(saved(quarters(), "JPEG", exif=exif))) < 6


def test_a_profile_goes_before_the_cameras_word() -> None:
    picture = chart(*SMALL)
    source = saved(picture, "JPEG", exif=by_camera(65535, "R03"), icc_profile=PROFILES["ProPhoto RGB"])
    assert mean_difference(seen(picture, PROFILES["ProPhoto RGB"]), shown(source)) < 2


def test_gray_has_no_primaries_whatever_the_camera_says() -> None:
    source = saved(quarters().convert("L"), "JPEG", exif=by_camera(65535, "R03"))
    assert difference(quarters().convert("L"), shown(source)) < 6
