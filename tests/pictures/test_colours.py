"""Colours come out as intended: by profile, depth and inks, and on the background."""

import struct
from io import BytesIO

import pytest
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from devstack.drawing.encodings import adobe_rgb_profile, wide_gamut
from shared.pictures.render import render
from tests.support.formats import without_adobe
from tests.support.pictures import (
    BACKGROUND,
    YELLOW,
    Colour,
    assert_near,
    colour_at,
    decoded,
    difference,
    quarters,
    rendered,
    saved,
    with_transparent_colour,
)

ICC_TAG = 34675  # of TIFF


def square_on_transparency(mode: str) -> Image.Image:
    """Return a solid square surrounded by transparency."""
    picture = Image.new(mode, (60, 60), 0)
    picture.paste((60, 60, 60, 255) if mode == "RGBA" else (60, 255), (15, 15, 45, 45))
    return picture


TRANSPARENT = {
    "RGBA PNG": (saved(square_on_transparency("RGBA"), "PNG"), 60),
    "RGBA WebP": (saved(square_on_transparency("RGBA"), "WEBP"), 60),
    "RGBA TIFF": (saved(square_on_transparency("RGBA"), "TIFF"), 60),
    "LA PNG": (saved(square_on_transparency("LA"), "PNG"), 60),
    "palette PNG": (with_transparent_colour("P", 0, 1), 60),
    "palette GIF": (with_transparent_colour("P", 0, 1, "GIF"), 60),
    "RGB PNG with a transparent colour": (with_transparent_colour("RGB", (255, 0, 255), (60, 60, 60)), 60),
    "gray PNG with a transparent colour": (with_transparent_colour("L", 255, 60), 60),
    "1-bit PNG with a transparent colour": (with_transparent_colour("1", 1, 0), 0),
}


@pytest.mark.parametrize("case", TRANSPARENT)
def test_transparent_areas_show_the_background(case: str) -> None:
    source, solid = TRANSPARENT[case]
    image = rendered(source)
    assert_near(BACKGROUND, colour_at(image, 4, 4))
    assert_near((solid, solid, solid), colour_at(image, 30, 30))


def test_the_background_is_white_unless_set() -> None:
    assert_near((255, 255, 255), colour_at(decoded(render(TRANSPARENT["RGBA PNG"][0])), 4, 4))


def test_half_transparent_is_half_background() -> None:
    image = rendered(saved(Image.new("RGBA", (40, 40), (0, 0, 0, 128)), "PNG"), background=(200, 100, 50))
    assert_near((100, 50, 25), colour_at(image, 20, 20), 3)


@pytest.mark.parametrize("profile", [None, adobe_rgb_profile()])
def test_black_transparent_pixels_leave_no_dark_rim(profile: bytes | None) -> None:
    picture = Image.new("RGBA", (1001, 1001), (0, 0, 0, 0))
    picture.paste((255, 255, 255, 255), (251, 251, 751, 751))
    source = saved(picture, "PNG", icc_profile=profile)
    low, _ = rendered(source, max_side=100, background=(255, 255, 255)).convert("L").getextrema()
    assert low > 245


@pytest.mark.parametrize(("mode", "kind"), [("I;16", "PNG"), ("I;16", "TIFF"), ("I;16B", "TIFF")])
def test_16_bit_gray_is_scaled_not_clipped(mode: str, kind: str) -> None:
    levels = [x * 65535 // 255 for x in range(256)]
    rows = struct.pack(f"{'>' if mode.endswith('B') else '<'}256H", *levels) * 16
    image = rendered(saved(Image.frombytes(mode, (256, 16), rows), kind))
    for x in (0, 20, 128, 200, 255):
        assert_near((x, x, x), colour_at(image, x, 8), 4)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_a_gray_is_the_same_gray_in_every_mode(mode: str) -> None:
    gray = 255 if mode == "1" else 150
    source = Image.new("RGB", (32, 32), (gray,) * 3).convert(mode, palette=Image.Palette.ADAPTIVE)
    image = rendered(saved(source, "TIFF"))
    assert_near((gray,) * 3, colour_at(image, 16, 16), 3)


@pytest.mark.parametrize(
    ("inks", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        # The usual screen values of these inks: #1D1D1B, #009FE3, #E6007E, #FFED00, #E30613.
        ((0, 0, 0, 255), (29, 29, 27)),
        ((255, 0, 0, 0), (0, 159, 227)),
        ((0, 255, 0, 0), (230, 0, 126)),
        ((0, 0, 255, 0), (255, 237, 0)),
        ((0, 255, 255, 0), (227, 6, 19)),
    ],
)
def test_inks_become_the_colour_they_print(inks: tuple[int, ...], colour: Colour) -> None:
    source = saved(Image.new("CMYK", (32, 32), inks), "JPEG")
    assert "adobe" in Image.open(BytesIO(source)).info
    assert "adobe" not in Image.open(BytesIO(without_adobe(source))).info
    for jpeg in (source, without_adobe(source)):
        assert_near(colour, colour_at(rendered(jpeg), 16, 16), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_embedded_profile_is_honoured(kind: str) -> None:
    numbers, profile = wide_gamut(quarters())
    assert difference(numbers, quarters()) > 8, "without the profile it would look dull"
    assert difference(quarters(), rendered(saved(numbers, kind, icc_profile=profile))) < 6


def test_a_profile_leaves_transparency_unchanged() -> None:
    numbers, profile = wide_gamut(quarters())
    numbers.putalpha(Image.linear_gradient("L").resize(numbers.size).point(lambda v: 255 * (v > 127)))
    image = rendered(saved(numbers, "PNG", icc_profile=profile))
    assert_near(BACKGROUND, colour_at(image, 4, 3))
    assert_near(YELLOW, colour_at(image, 56, 28), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("profile", [b"no profile", adobe_rgb_profile()[:200], bytes(4000)])
def test_a_broken_profile_leaves_colours_unchanged(profile: bytes, kind: str) -> None:
    assert difference(quarters(), rendered(saved(quarters(), kind, icc_profile=profile))) < 6


def test_a_profile_of_the_wrong_type_leaves_colours_unchanged() -> None:
    tags = ImageFileDirectory_v2()
    tags[ICC_TAG] = "no profile"
    tags.tagtype[ICC_TAG] = TiffTags.ASCII
    source = saved(quarters(), "TIFF", tiffinfo=tags)
    assert isinstance(Image.open(BytesIO(source)).info["icc_profile"], str)
    assert difference(quarters(), rendered(source)) < 6


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_profile_of_other_channels_is_ignored(mode: str) -> None:
    source = saved(Image.new("RGB", (32, 32), (150,) * 3).convert(mode), "TIFF", icc_profile=adobe_rgb_profile())
    assert_near((150,) * 3, colour_at(rendered(source), 16, 16), 3)
