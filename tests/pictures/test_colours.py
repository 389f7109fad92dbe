"""Colours come out as they are meant: by their profile, their depth, their inks, and on the background."""

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
    difference,
    keyed,
    opened,
    quarters,
    saved,
    shown,
)

ICC_TAG = 34675  # of TIFF


def on_nothing(mode: str) -> Image.Image:
    """Return a solid square in the middle of nothing."""
    picture = Image.new(mode, (60, 60), 0)
    picture.paste((60, 60, 60, 255) if mode == "RGBA" else (60, 255), (15, 15, 45, 45))
    return picture


TRANSPARENT = {
    "RGBA PNG": (saved(on_nothing("RGBA"), "PNG"), 60),
    "RGBA WebP": (saved(on_nothing("RGBA"), "WEBP"), 60),
    "RGBA TIFF": (saved(on_nothing("RGBA"), "TIFF"), 60),
    "LA PNG": (saved(on_nothing("LA"), "PNG"), 60),
    "palette PNG": (keyed("P", 0, 1), 60),
    "palette GIF": (keyed("P", 0, 1, "GIF"), 60),
    "keyed RGB PNG": (keyed("RGB", (255, 0, 255), (60, 60, 60)), 60),
    "keyed gray PNG": (keyed("L", 255, 60), 60),
    "keyed 1-bit PNG": (keyed("1", 1, 0), 0),
}


@pytest.mark.parametrize("case", TRANSPARENT)
def test_what_is_transparent_shows_the_background(case: str) -> None:
    source, solid = TRANSPARENT[case]
    image = shown(source)
    assert_near(BACKGROUND, colour_at(image, 4, 4))
    assert_near((solid, solid, solid), colour_at(image, 30, 30))


def test_the_background_is_white_unless_set() -> None:
    assert_near((255, 255, 255), colour_at(opened(render(TRANSPARENT["RGBA PNG"][0])), 4, 4))


def test_half_transparent_is_half_background() -> None:
    image = shown(saved(Image.new("RGBA", (40, 40), (0, 0, 0, 128)), "PNG"), background=(200, 100, 50))
    assert_near((100, 50, 25), colour_at(image, 20, 20), 3)


@pytest.mark.parametrize("profile", [None, adobe_rgb_profile()])
def test_no_dark_rim_is_left_where_transparent_pixels_were_black(profile: bytes | None) -> None:
    picture = Image.new("RGBA", (1001, 1001), (0, 0, 0, 0))
    picture.paste((255, 255, 255, 255), (251, 251, 751, 751))
    source = saved(picture, "PNG", icc_profile=profile)
    low, _ = shown(source, max_side=100, background=(255, 255, 255)).convert("L").getextrema()
    assert low > 245


@pytest.mark.parametrize(("mode", "kind"), [("I;16", "PNG"), ("I;16", "TIFF"), ("I;16B", "TIFF")])
def test_16_bit_gray_is_scaled_not_clipped(mode: str, kind: str) -> None:
    levels = [x * 65535 // 255 for x in range(256)]
    rows = struct.pack(f"{'>' if mode.endswith('B') else '<'}256H", *levels) * 16
    image = shown(saved(Image.frombytes(mode, (256, 16), rows), kind))
    for x in (0, 20, 128, 200, 255):
        assert_near((x, x, x), colour_at(image, x, 8), 4)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_a_gray_is_the_same_gray_in_every_mode(mode: str) -> None:
    gray = 255 if mode == "1" else 150
    source = Image.new("RGB", (32, 32), (gray,) * 3).convert(mode, palette=Image.Palette.ADAPTIVE)
    image = shown(saved(source, "TIFF"))
    assert_near((gray,) * 3, colour_at(image, 16, 16), 3)


@pytest.mark.parametrize(
    ("inks", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        # As printers know these inks on a screen: #1D1D1B, #009FE3, #E6007E, #FFED00, #E30613.
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
        assert_near(colour, colour_at(shown(jpeg), 16, 16), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_embedded_profile_is_honoured(kind: str) -> None:
    numbers, profile = wide_gamut(quarters())
    assert difference(numbers, quarters()) > 8, "without the profile it would look dull"
    assert difference(quarters(), shown(saved(numbers, kind, icc_profile=profile))) < 6


def test_a_profile_leaves_transparency_alone() -> None:
    numbers, profile = wide_gamut(quarters())
    numbers.putalpha(Image.linear_gradient("L").resize(numbers.size).point(lambda v: 255 * (v > 127)))
    image = shown(saved(numbers, "PNG", icc_profile=profile))
    assert_near(BACKGROUND, colour_at(image, 4, 3))
    assert_near(YELLOW, colour_at(image, 56, 28), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("profile", [b"no profile", adobe_rgb_profile()[:200], bytes(4000)])
def test_a_broken_profile_leaves_the_numbers_as_they_are(profile: bytes, kind: str) -> None:
    assert difference(quarters(), shown(saved(quarters(), kind, icc_profile=profile))) < 6


def test_a_profile_of_the_wrong_type_leaves_the_numbers_as_they_are() -> None:
    tags = ImageFileDirectory_v2()
    tags[ICC_TAG] = "no profile"
    tags.tagtype[ICC_TAG] = TiffTags.ASCII
    source = saved(quarters(), "TIFF", tiffinfo=tags)
    assert isinstance(Image.open(BytesIO(source)).info["icc_profile"], str)
    assert difference(quarters(), shown(source)) < 6


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_profile_of_other_channels_is_left_out(mode: str) -> None:
    source = saved(Image.new("RGB", (32, 32), (150,) * 3).convert(mode), "TIFF", icc_profile=adobe_rgb_profile())
    assert_near((150,) * 3, colour_at(shown(source), 16, 16), 3)
