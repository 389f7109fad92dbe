"""Without an ICC profile, other colour data in a file counts, unless it is absurd."""

import struct
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.support.image_writers import Chunk, png
from tests.support.pictures import assert_near, colour_at, difference, quarters, rendered, saved
from tests.support.wide_gamut import PROFILES, chart, in_srgb, mean_difference

SMALL = (160, 120)
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
# PNG's specification accepts an exponent of 2.2 as an approximation of sRGB's own curve.
USUAL = 0.45455


def gama(gamma: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(points: Sequence[float]) -> Chunk:
    return b"cHRM", struct.pack(">8I", *(round(part * 100_000) for part in points))


def iccp(profile: bytes) -> Chunk:
    return b"iCCP", b"any name\0\0" + zlib.compress(profile)


SAYS_SRGB: Chunk = (b"sRGB", b"\0")


def from_linear(picture: Image.Image) -> Image.Image:
    """Return sRGB numbers for a picture whose numbers are linear light (IEC 61966-2-1)."""

    def number(level: int) -> int:
        part = level / 255
        return round(255 * (12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055))

    return picture.point([number(level) for level in range(256)] * len(picture.getbands()))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P"])
def test_a_png_in_linear_light_keeps_its_brightness(mode: str, depth: int) -> None:
    if (mode, depth) == ("P", 16):
        depth = 4
    picture = quarters().convert(mode, palette=Image.Palette.ADAPTIVE, colors=8)
    expected = from_linear(picture.convert("L" if mode in ("L", "LA") else "RGB"))
    assert difference(expected, picture) > 30, "the gamma makes a difference"
    assert difference(expected, rendered(png(picture, depth, gama(1.0)))) < 6


@pytest.mark.parametrize("max_side", [160, 1024])
def test_a_png_with_primaries_is_converted_by_them(max_side: int) -> None:
    picture = chart(800, 600)
    expected = in_srgb(picture, PROFILES["Adobe RGB"])
    image = rendered(png(picture, 8, gama(256 / 563), chrm(ADOBE_RGB)), max_side=max_side)
    assert mean_difference(expected.resize(SMALL, 4), image.resize(SMALL, 4)) < 1


UNTOUCHED: dict[str, list[Chunk]] = {
    "the usual gamma": [gama(USUAL)],
    "nearly the usual gamma": [gama(0.46)],
    "the usual gamma and primaries": [gama(USUAL), chrm(SRGB)],
    "primaries alone": [chrm(ADOBE_RGB)],
    "sRGB beside gamma": [SAYS_SRGB, gama(1.0), chrm(ADOBE_RGB)],
    "sRGB after gamma": [gama(1.0), chrm(ADOBE_RGB), SAYS_SRGB],
    "a profile that cannot be read": [iccp(bytes(200)), gama(1.0)],
    "a gamma of zero": [gama(0)],
    "an absurdly large gamma": [gama(42949)],
    "an absurdly small gamma": [gama(0.00001)],
    "primaries in one point": [gama(USUAL), chrm((0.3127, 0.3290, *(0.3, 0.3) * 3))],
    "primaries of zero": [gama(USUAL), chrm((0,) * 8)],
    "primaries beyond all colours": [gama(USUAL), chrm((42949,) * 8)],
}


@pytest.mark.parametrize("case", UNTOUCHED)
def test_srgb_or_absurd_colour_data_changes_nothing(case: str) -> None:
    assert difference(quarters(), rendered(png(quarters(), 8, *UNTOUCHED[case]))) < 6


def test_a_profile_that_cannot_be_unpacked_is_ignored() -> None:
    source = png(quarters(), 8, (b"iCCP", b"any name\0\0not packed"), gama(1.0))
    assert difference(from_linear(quarters()), rendered(source)) < 6


def test_absurd_primaries_leave_the_gamma_in_effect() -> None:
    image = rendered(png(quarters(), 8, gama(1.0), chrm((0,) * 8)))
    assert difference(from_linear(quarters()), image) < 6


def test_a_profile_overrides_gamma_and_primaries() -> None:
    picture = chart(*SMALL)
    source = png(picture, 8, gama(1.0), chrm(SRGB), iccp(PROFILES["ProPhoto RGB"]))
    assert mean_difference(in_srgb(picture, PROFILES["ProPhoto RGB"]), rendered(source)) < 2


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8))
def test_any_gamma_and_primaries_give_a_picture(gamma: int, points: list[int]) -> None:
    chunks = (b"gAMA", struct.pack(">I", gamma)), (b"cHRM", struct.pack(">8I", *points))
    assert rendered(png(quarters(), 8, *chunks)).size == (64, 32)


@given(st.floats(0.1, 3), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_black_and_white_stay_with_any_primaries(gamma: float, points: list[float]) -> None:
    picture = Image.new("RGB", (32, 16))
    picture.paste((255, 255, 255), (16, 0, 32, 16))
    image = rendered(png(picture, 8, gama(gamma), chrm(points)))
    assert_near((0, 0, 0), colour_at(image, 8, 8))
    assert_near((255, 255, 255), colour_at(image, 24, 8))


def by_camera(space: int, index: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ColorSpace: space, ExifTags.IFD.Interop: {1: index}}
    return exif


def test_adobe_rgb_in_a_cameras_exif_counts() -> None:
    picture = chart(800, 600)
    expected = in_srgb(picture, PROFILES["Adobe RGB"]).resize(SMALL, Image.Resampling.BOX)
    image = rendered(saved(picture, "JPEG", exif=by_camera(65535, "R03")), max_side=160)
    assert mean_difference(expected, image) < 1


@pytest.mark.parametrize(("space", "index"), [(1, "R98"), (65535, "R98"), (1, "R03"), (2, "R03")])
def test_any_other_colour_space_in_exif_means_srgb(space: int, index: str) -> None:
    source = saved(quarters(), "JPEG", exif=by_camera(space, index))
    assert difference(quarters(), rendered(source)) < 6


def test_the_same_letters_elsewhere_in_exif_mean_nothing() -> None:
    exif = by_camera(65535, "R98")
    exif[ExifTags.Base.Make] = "R03"
    assert difference(quarters(), rendered(saved(quarters(), "JPEG", exif=exif))) < 6


def test_exif_that_points_beyond_the_file_means_srgb() -> None:
    block = by_camera(65535, "R03").tobytes()
    pointer = block.index(b"\xa0\x05\x00\x04")
    beyond = struct.pack(">HHII", 0xA005, 16, 1, len(block) - len(b"Exif\0\0"))  # an offset of 64 bits
    exif = block[:pointer] + beyond + block[pointer + 12 :] + b"\xff" * 8
    assert difference(quarters(), rendered(saved(quarters(), "JPEG", exif=exif))) < 6


def test_a_profile_overrides_the_cameras_exif() -> None:
    picture = chart(*SMALL)
    source = saved(picture, "JPEG", exif=by_camera(65535, "R03"), icc_profile=PROFILES["ProPhoto RGB"])
    assert mean_difference(in_srgb(picture, PROFILES["ProPhoto RGB"]), rendered(source)) < 2


def test_gray_has_no_primaries_whatever_its_exif() -> None:
    source = saved(quarters().convert("L"), "JPEG", exif=by_camera(65535, "R03"))
    assert difference(quarters().convert("L"), rendered(source)) < 6
