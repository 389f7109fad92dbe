"""Wide gamuts come out in sRGB as littleCMS converts the full picture, even if it is decoded at a reduced scale."""

from collections.abc import Callable

import pytest
from PIL import Image

from tests.support.ciede2000 import Lab, ciede2000
from tests.support.pictures import rendered, saved
from tests.support.wide_gamut import PROFILES, chart, in_srgb, mean_difference

LARGE, SMALL = (1600, 1200), (160, 120)


# Sharma, Wu, Dalal: The CIEDE2000 color-difference formula (2005), table 1: pairs 1, 4, 7, 13, 16, 17, 20, 25, 33.
@pytest.mark.parametrize(
    ("first", "second", "published"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, -0.0010, 2.4900), (50, 0.0009, -2.4900), 4.8045),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ],
)
def test_ciede2000_gives_the_published_values(first: Lab, second: Lab, published: float) -> None:
    assert published == pytest.approx(ciede2000(first, second), abs=5e-5)
    assert published == pytest.approx(ciede2000(second, first), abs=5e-5)


FILES: dict[str, Callable[[Image.Image, bytes], bytes]] = {
    "JPEG": lambda picture, profile: saved(picture, "JPEG", icc_profile=profile),
    "JPEG 4:2:0, progressive": lambda picture, profile: saved(
        picture, "JPEG", icc_profile=profile, subsampling=2, progressive=True
    ),
    "JPEG in RGB": lambda picture, profile: saved(picture, "JPEG", icc_profile=profile, keep_rgb=True),
    "PNG": lambda picture, profile: saved(picture, "PNG", icc_profile=profile, compress_level=1),
    "PNG with alpha": lambda picture, profile: saved(
        picture.convert("RGBA"), "PNG", icc_profile=profile, compress_level=1
    ),
    "WebP": lambda picture, profile: saved(picture, "WEBP", icc_profile=profile, lossless=False, quality=95, method=0),
    "AVIF": lambda picture, profile: saved(picture, "AVIF", icc_profile=profile),
    "TIFF": lambda picture, profile: saved(picture, "TIFF", icc_profile=profile),
}


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("kind", FILES)
def test_a_wide_gamut_comes_out_as_littlecms_converts_it(kind: str, name: str) -> None:
    picture, profile = chart(*LARGE), PROFILES[name]
    expected = in_srgb(picture, profile).resize(SMALL, Image.Resampling.BOX)
    unconverted = mean_difference(expected, picture.resize(SMALL, Image.Resampling.BOX))
    assert mean_difference(expected, rendered(FILES[kind](picture, profile), max_side=SMALL[0])) < 1 < unconverted


@pytest.mark.parametrize("name", PROFILES)
def test_an_unreduced_wide_gamut_is_converted_alike(name: str) -> None:
    picture, profile = chart(*SMALL), PROFILES[name]
    expected = in_srgb(picture, profile)
    for kind, make in FILES.items():
        assert mean_difference(expected, rendered(make(picture, profile))) < 2, kind
