"""CMYK without a profile looks like offset print on coated paper; littleCMS, an independent implementation, judges."""

import subprocess
import sys
from io import BytesIO
from itertools import product
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from shared.pictures.cmyk import coated_paper_profile

Inks = tuple[int, int, int, int]
NONE, FULL = 0, 255  # as Pillow counts ink
C, M, Y, K = (FULL, 0, 0, 0), (0, FULL, 0, 0), (0, 0, FULL, 0), (0, 0, 0, FULL)
R, G, B = (0, FULL, FULL, 0), (FULL, 0, FULL, 0), (FULL, FULL, 0, 0)
# ISO 12647-2:2004/Amd 1, paper types 1 and 2, measured on white.
PUBLISHED = {
    "paper": ((0, 0, 0, 0), (95, 0, -2)),
    "cyan": (C, (55, -37, -50)),
    "magenta": (M, (48, 74, -3)),
    "yellow": (Y, (89, -5, 93)),
    "black": (K, (16, 0, 0)),
    "red": (R, (47, 68, 48)),
    "green": (G, (50, -65, 27)),
    "blue": (B, (24, 22, -46)),
    "all three": ((FULL, FULL, FULL, 0), (23, 0, 0)),
}
INTENTS = (ImageCms.Intent.PERCEPTUAL, ImageCms.Intent.RELATIVE_COLORIMETRIC)


def profile_in_littlecms() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(coated_paper_profile()))


def converted(inks: list[Inks], to: str, intent: ImageCms.Intent) -> list[tuple[int, ...]]:
    picture = Image.frombytes("CMYK", (len(inks), 1), bytes(value for colour in inks for value in colour))
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB" if to == "LAB" else "sRGB"))
    result = ImageCms.profileToProfile(picture, profile_in_littlecms(), target, intent, outputMode=to)
    assert result is not None
    pixels = result.tobytes()
    return [tuple(pixels[at : at + 3]) for at in range(0, len(pixels), 3)]


def measured(inks: Inks) -> tuple[float, float, float]:
    """Return CIELAB including the tint of the paper, as an instrument measures it."""
    ((lightness, a, b),) = converted([inks], "LAB", ImageCms.Intent.ABSOLUTE_COLORIMETRIC)
    return lightness / 2.55, (a + 128) % 256 - 128, (b + 128) % 256 - 128


@pytest.mark.parametrize("intent", INTENTS)
def test_no_ink_is_pure_white(intent: ImageCms.Intent) -> None:
    assert converted([(NONE, NONE, NONE, NONE)], "RGB", intent) == [(255, 255, 255)]


@pytest.mark.parametrize("intent", INTENTS)
def test_full_black_is_near_black_and_neutral(intent: ImageCms.Intent) -> None:
    (black,) = converted([K], "RGB", intent)
    assert max(black) < 45
    assert max(black) - min(black) <= 3


@pytest.mark.parametrize("name", PUBLISHED)
def test_solids_and_overprints_measure_as_published(name: str) -> None:
    inks, published = PUBLISHED[name]
    actual = measured(inks)
    difference = sum((a - b) ** 2 for a, b in zip(actual, published, strict=True)) ** 0.5
    assert difference < 1.5, actual  # CIE 1976, the stricter formula; Lab in 8 bits accounts for 0.7


@pytest.mark.parametrize(("ink", "increase"), [(0, 0.13), (1, 0.13), (2, 0.13), (3, 0.16)])
def test_tone_value_increase_is_as_published(ink: int, increase: float) -> None:
    """Compute the covered area by Murray and Davies: the light lost, relative to the light that the solid absorbs."""
    half, solid = ([0, 0, 0, 0] for _ in range(2))
    half[ink], solid[ink] = 128, FULL
    part = 2 if ink == 2 else 0 if ink == 0 else 1  # yellow is measured in blue light, cyan in red, the others in green
    paper, tone, full = (_light(measured((c, m, y, k)))[part] for c, m, y, k in ((0, 0, 0, 0), half, solid))
    assert (paper - tone) / (paper - full) == pytest.approx(128 / 255 + increase, abs=0.015)


def _light(lab: tuple[float, float, float]) -> list[float]:
    """Return X, Y, Z relative to white, for colours that are not near black."""
    y = (lab[0] + 16) / 116
    return [max(f, 4 / 29) ** 3 for f in (y + lab[1] / 500, y, y - lab[2] / 200)]


def test_more_ink_is_never_lighter() -> None:
    steps = range(0, FULL + 1, 51)
    grid: list[Inks] = list(product(steps, repeat=4))
    labs = converted(grid, "LAB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    lightness = dict(zip(grid, (lab[0] for lab in labs), strict=True))
    for inks, ink in product(grid, range(4)):
        more = (*inks[:ink], inks[ink] + 51, *inks[ink + 1 :])
        assert lightness.get(more, 0) <= lightness[inks], (inks, more)


def test_every_process_makes_the_same_bytes() -> None:
    code = "import sys; from shared.pictures.cmyk import coated_paper_profile as p; sys.stdout.buffer.write(p())"
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert run.stdout == coated_paper_profile()


def test_littlecms_opens_the_profile_as_cmyk_to_lab() -> None:
    profile = profile_in_littlecms().profile
    assert (profile.xcolor_space.strip(), profile.connection_space.strip()) == ("CMYK", "Lab")
    assert len(coated_paper_profile()) == int.from_bytes(coated_paper_profile()[:4], "big")
