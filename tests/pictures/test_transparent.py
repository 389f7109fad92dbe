"""A picture of which nothing would show is refused, in every format; one pixel that shows is enough."""

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import Reason
from tests.support.image_writers import png
from tests.support.pictures import RED, assert_near, colour_at, refused, rendered, saved, with_transparent_colour

KINDS = ["PNG", "WEBP", "AVIF", "GIF", "JPEG2000"]
INVISIBLE = "The picture is completely transparent"


def clear(mode: str = "RGBA", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Return a picture whose hidden pixels are red."""
    return Image.new("RGBA", size, (*RED, 0)).convert(mode)


@pytest.mark.parametrize("profile", [None, adobe_rgb_profile()])
@pytest.mark.parametrize("kind", KINDS)
def test_a_completely_transparent_picture_is_refused(kind: str, profile: bytes | None) -> None:
    options = {"icc_profile": profile} if profile and kind not in ("GIF", "JPEG2000") else {}
    assert INVISIBLE in refused(saved(clear(), kind, **options), Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("profile", [None, adobe_rgb_profile()])
def test_a_tiff_with_an_empty_alpha_shows_its_colours(profile: bytes | None) -> None:
    """Programs write the channel and leave it empty."""
    options = {"icc_profile": profile} if profile else {}
    image = rendered(saved(Image.new("RGBA", (64, 48), (90, 90, 90, 0)), "TIFF", **options))
    assert_near((90, 90, 90), colour_at(image, 32, 24))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF"])
def test_an_animation_that_begins_with_nothing_is_refused(kind: str) -> None:
    later = Image.new("RGBA", (64, 48), (*RED, 255))
    source = saved(clear(), kind, save_all=True, append_images=[later])
    assert "first of its frames" in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("mode", ["LA", "P", "L", "RGB"])
def test_every_kind_of_transparency_counts(mode: str) -> None:
    if mode == "LA":
        source = saved(clear("LA"), "PNG")
    else:
        source = with_transparent_colour(mode, {"P": 0, "L": 7, "RGB": RED}[mode], {"P": 0, "L": 7, "RGB": RED}[mode])
    assert INVISIBLE in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_16_bits_of_nothing_are_refused(mode: str, depth: int) -> None:
    assert INVISIBLE in refused(png(clear(mode), depth), Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_strips_of_nothing_do_not_matter_if_one_shows(kind: str) -> None:
    """The picture is so large that it is flattened in several strips, of which only the last shows."""
    picture = clear(size=(1500, 1200))
    picture.paste((*RED, 255), (0, 1150, 1500, 1200))
    image = rendered(saved(picture, kind, **({"quality": 100, "method": 0} if kind == "WEBP" else {})), max_side=300)
    assert_near((10, 200, 30), colour_at(image, 150, 10))
    assert_near(RED, colour_at(image, 150, 236), 12)


def test_a_large_picture_of_nothing_is_refused() -> None:
    assert INVISIBLE in refused(saved(clear(size=(1500, 1200)), "PNG"), Reason.NOT_AN_IMAGE)


def test_an_opaque_picture_of_one_colour_is_a_picture() -> None:
    white = Image.new("RGBA", (64, 48), (255, 255, 255, 255))
    assert_near((255, 255, 255), colour_at(rendered(saved(white, "PNG")), 30, 20))


def test_a_single_pixel_that_shows_is_enough() -> None:
    picture = clear()
    picture.putpixel((10, 10), (*RED, 255))
    assert rendered(saved(picture, "PNG")).size == (64, 48)
