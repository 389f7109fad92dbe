"""CMYK files of every encoding are rendered by their own profile, or as print on coated paper."""

import struct
from collections.abc import Callable
from functools import partial

import pytest
from PIL import Image

from shared.pictures import icc
from shared.pictures.cmyk import coated_paper_profile
from tests.support.formats import without_adobe, ycck
from tests.support.image_writers import tiff
from tests.support.pictures import difference, quarters, rendered, saved
from tests.support.wide_gamut import in_srgb, mean_difference

Maker = Callable[..., bytes]
KINDS: dict[str, Maker] = {
    "JPEG": partial(saved, kind="JPEG"),
    "JPEG, progressive": partial(saved, kind="JPEG", progressive=True),
    "JPEG in YCCK": ycck,
    "JPEG in YCCK, progressive": partial(ycck, progressive=True),
    "TIFF": partial(saved, kind="TIFF"),
    "TIFF, LZW": partial(saved, kind="TIFF", compression="tiff_lzw"),
    "TIFF, JPEG": partial(saved, kind="TIFF", compression="jpeg", quality=95),
}
WITHOUT_PROFILE: dict[str, Maker] = {
    **KINDS,
    "JPEG without Adobe's marker": lambda inks: without_adobe(saved(inks, "JPEG")),
    "TIFF of 16 bits": partial(tiff, depth=16),
    "TIFF of 16 bits, >, tiles": partial(tiff, depth=16, order=">", tile=32),
}


def inked(width: int = 64, height: int = 32) -> Image.Image:
    """Return four areas of mixed inks, including black."""
    picture = Image.new("CMYK", (width, height), (200, 30, 60, 20))
    picture.paste((20, 210, 90, 0), (width // 2, 0, width, height))
    picture.paste((10, 40, 220, 90), (0, height // 2, width // 2, height))
    picture.paste((90, 80, 70, 160), (width // 2, height // 2, width, height))
    return picture


@pytest.mark.parametrize("kind", WITHOUT_PROFILE)
def test_inks_without_a_profile_look_like_coated_paper(kind: str) -> None:
    expected = in_srgb(inked(), coated_paper_profile())
    assert difference(expected, rendered(WITHOUT_PROFILE[kind](inked()))) < 6


@pytest.mark.parametrize("kind", WITHOUT_PROFILE)
def test_reduced_inks_look_like_coated_paper_too(kind: str) -> None:
    expected = in_srgb(inked(), coated_paper_profile())
    assert difference(expected, rendered(WITHOUT_PROFILE[kind](inked(1280, 640)), max_side=64)) < 6


def press_of_odd_inks() -> bytes:
    """Return the profile of a press that prints orange, violet and green instead of cyan, magenta and yellow."""
    solids = (
        (100, 0, 0),
        (65, 45, 70),
        (35, 40, -45),
        (30, 40, 10),
        (60, -50, 40),
        (50, 0, 45),
        (30, -10, -5),
    )
    labs = [*solids, (20, 0, 0), *((12, 0, 0),) * 8]  # in an index, bit 0 is the first ink and bit 3 black
    order = [labs[c | m << 1 | y << 2 | k << 3] for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    colours = [part for light, a, b in order for part in (round(light * 652.8), (a + 128) * 256, (b + 128) * 256)]
    numbers = [*(0, 65535) * 4, *colours, *(0, 65535) * 3]
    matrix = (65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    head = b"mft2\0\0\0\0" + struct.pack(">4B9i2H", 4, 3, 2, 0, *matrix, 2, 2)
    return icc.profile(b"scnr", b"CMYK", b"Lab ", {b"A2B0": head + struct.pack(f">{len(numbers)}H", *numbers)})


@pytest.mark.parametrize("kind", KINDS)
def test_inks_with_a_profile_are_converted_by_it(kind: str) -> None:
    expected = in_srgb(inked(), press_of_odd_inks())
    assert mean_difference(expected, in_srgb(inked(), coated_paper_profile())) > 20, "the profile makes a difference"
    source = KINDS[kind](inked(), icc_profile=press_of_odd_inks())
    assert mean_difference(expected, rendered(source)) < 2


def test_a_profile_of_other_channels_is_ignored_for_inks() -> None:
    profile = icc.rgb_profile(icc.SRGB_WHITE, icc.SRGB_PRIMARIES, 1.0)
    expected = in_srgb(inked(), coated_paper_profile())
    assert difference(expected, rendered(saved(inked(), "JPEG", icc_profile=profile))) < 6


GRAYS: dict[str, Maker] = {
    "JPEG": partial(saved, kind="JPEG"),
    "PNG": partial(saved, kind="PNG"),
    "PNG with alpha": lambda gray, **options: saved(gray.convert("LA"), "PNG", **options),
    "PNG of 16 bits": lambda gray, **options: saved(of_16_bits(gray), "PNG", **options),
    "TIFF of 16 bits": lambda gray, **options: saved(of_16_bits(gray), "TIFF", **options),
    "TIFF": partial(saved, kind="TIFF"),
}


def of_16_bits(gray: Image.Image) -> Image.Image:
    return Image.frombytes("I;16", gray.size, b"".join(bytes((level, level)) for level in gray.tobytes()))


@pytest.mark.parametrize("max_side", [64, 1024])
@pytest.mark.parametrize("kind", GRAYS)
def test_gray_with_a_profile_is_converted_by_it(kind: str, max_side: int) -> None:
    gray, profile = quarters(320, 160).convert("L"), icc.gray_profile(1.0)
    expected = in_srgb(gray, profile)
    assert difference(expected, gray) > 30, "the profile makes a difference"
    image = rendered(GRAYS[kind](gray, icc_profile=profile), max_side=max_side)
    assert difference(expected.resize((64, 32), Image.Resampling.BOX), image.resize((64, 32), Image.Resampling.BOX)) < 3
