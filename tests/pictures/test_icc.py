"""Computed profiles match the published ones."""

from io import BytesIO

import pytest
from PIL import ImageCms

from shared.pictures import icc
from tests.support.wide_gamut import ADOBE_RGB, DISPLAY_P3, PROPHOTO

D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
TRIANGLE = icc.SRGB_PRIMARIES
# White, and red, green and blue: SMPTE EG 432-1; Adobe RGB (1998), 4.3; ISO 22028-2 (ROMM).
CASES = {
    "Display P3": (D65, ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), DISPLAY_P3),
    "Adobe RGB": (D65, ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), ADOBE_RGB),
    "ProPhoto RGB": (D50, ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), PROPHOTO),
}


@pytest.mark.parametrize("name", CASES)
def test_adapted_primaries_are_as_published(name: str) -> None:
    white, primaries, published = CASES[name]
    content = icc.rgb_profile(white, primaries, 2.2)
    assert content is not None
    profile = ImageCms.ImageCmsProfile(BytesIO(content)).profile
    colorants = (profile.red_colorant, profile.green_colorant, profile.blue_colorant)
    for colour, colorant in zip(published, colorants, strict=True):
        assert colorant is not None
        assert colour == pytest.approx(colorant[0], abs=0.0005)


@pytest.mark.parametrize(
    ("white", "primaries"),
    [
        ((0.0, 0.0), TRIANGLE),
        ((0.9, 0.05), TRIANGLE),
        (D65, ((0.0, 0.0), *TRIANGLE[1:])),
        (D65, (TRIANGLE[0], TRIANGLE[0], TRIANGLE[2])),
        (D65, (TRIANGLE[0], TRIANGLE[0], TRIANGLE[0])),
        (D65, ((0.9, 0.9), *TRIANGLE[1:])),
        (D65, ((42949.67, 42949.67), *TRIANGLE[1:])),
        (D65, ((0.2, 0.3290), (0.35, 0.329000001), (0.5, 0.3290))),
        ((0.2, 0.5), TRIANGLE),
    ],
)
def test_impossible_displays_have_no_profile(white: icc.Point, primaries: tuple[icc.Point, ...]) -> None:
    assert icc.rgb_profile(white, primaries, 2.2) is None
