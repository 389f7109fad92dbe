"""HEIC is taken where pillow-heif is installed; without it the app works, and says what to do."""

import subprocess
import sys
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shared.errors import Permanent
from shared.pictures.render import render
from tests.support.pictures import (
    BACKGROUND,
    assert_near,
    colour_at,
    difference,
    oriented,
    quarters,
    saved,
    shown,
)
from tests.support.wide_gamut import PROFILES, chart, mean_difference, seen

ROOT = Path(__file__).parents[2]
WITHOUT_IT = """
import sys
sys.modules["pillow_heif"] = None  # as if it were not installed

from shared.errors import Permanent
from shared.pictures.render import render

print(render(sys.stdin.buffer.read()).width)
for brand in (b"heic", b"heix", b"mif1"):
    try:
        render(b"\\0\\0\\0\\x18ftyp" + brand + bytes(4) + b"mif1heic")
    except Permanent as failure:
        print(failure.reason.value, failure.detail)
"""
needs_it = pytest.mark.skipif(not find_spec("pillow_heif"), reason="pillow-heif is not installed, as in the app")


def test_without_the_package_the_app_works_and_says_how_heic_is_enabled() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_IT],
        cwd=ROOT,
        input=saved(quarters(), "PNG"),
        capture_output=True,
        check=True,
    )
    width, *refusals = run.stdout.decode().splitlines()
    assert width == "64"
    assert len(refusals) == 3
    for refusal in refusals:
        assert refusal.startswith("not_an_image ")
        assert "HEIC" in refusal
        assert "Export it as JPEG" in refusal
        assert "pillow-heif to its requirements" in refusal


def heic(picture: Image.Image, **options: Any) -> bytes:
    return saved(picture, "HEIF", **{"quality": 95, "chroma": 444, **options})


@needs_it
def test_with_the_package_heic_comes_out_as_it_was_drawn() -> None:
    assert heic(quarters())[4:11] == b"ftyphei"
    assert difference(quarters(256, 128), shown(heic(quarters(256, 128)))) < 3
    assert difference(quarters(120, 60), shown(heic(quarters(960, 480)), max_side=120)) < 6


@needs_it
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_with_the_package_heic_is_upright(orientation: int) -> None:
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    upright = quarters(256, 128)
    lying = upright.transpose(turns[orientation]) if orientation in turns else upright
    assert difference(upright, shown(heic(lying, exif=oriented(orientation).tobytes()))) < 6


@needs_it
def test_with_the_package_the_profile_and_the_transparency_of_heic_are_kept() -> None:
    picture = chart(640, 480)
    expected = seen(picture, PROFILES["Display P3"]).resize((160, 120), Image.Resampling.BOX)
    source = heic(picture, icc_profile=PROFILES["Display P3"])
    assert mean_difference(expected, shown(source, max_side=160)) < 1
    clear = Image.new("RGBA", (128, 128), (255, 0, 255, 0))
    clear.paste((85, 85, 85, 255), (32, 32, 96, 96))
    image = shown(heic(clear))
    assert_near(BACKGROUND, colour_at(image, 8, 8), 8)
    assert_near((85, 85, 85), colour_at(image, 64, 64), 8)


@needs_it
def test_with_the_package_half_a_heic_is_no_image() -> None:
    whole = heic(quarters(256, 128))
    with pytest.raises(Permanent):
        render(whole[: len(whole) // 2])
    assert Image.open(BytesIO(whole)).format == "HEIF"
