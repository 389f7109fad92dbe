"""HEIC is accepted where pillow-heif is installed; elsewhere the app works, and says how to enable it."""

import struct
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shared.errors import Reason
from tests.support.pictures import (
    BACKGROUND,
    assert_near,
    colour_at,
    difference,
    oriented,
    quarters,
    refused,
    rendered,
    saved,
)
from tests.support.wide_gamut import PROFILES, chart, in_srgb, mean_difference

ROOT = Path(__file__).parents[2]
WITHOUT_PACKAGE = """
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
# Stands for pillow-heif: its class shows one red picture, and whoever calls its functions changes Pillow.
STAND_IN = """
import sys, types
from PIL import Image, ImageFile

class HeifImageFile(ImageFile.ImageFile):
    format = "HEIF"

    def _open(self):
        self._size, self._mode, self.tile = (64, 32), "RGB", []

    def load(self):
        self.im = Image.core.fill("RGB", (64, 32), (200, 30, 30))
        return super().load()

def register_heif_opener(**options):
    Image.register_open("HEIF", HeifImageFile)

package = types.ModuleType("pillow_heif")
package.HeifImageFile, package.register_heif_opener = HeifImageFile, register_heif_opener
sys.modules["pillow_heif"] = package
"""
RENDERING = """
import sys
from PIL import Image

def registry():
    tables = (Image.OPEN, Image.SAVE, Image.SAVE_ALL, Image.EXTENSION, Image.MIME)
    return list(Image.ID), [dict(table) for table in tables]

Image.init()
before = registry()
import shared.pictures.sources, shared.pictures.render
assert registry() == before, "importing our modules changed Pillow"
print(shared.pictures.render.render(sys.stdin.buffer.read()).width)
assert registry() == before, "rendering changed Pillow"
assert "HEIF" not in Image.OPEN
print("pillow_heif" in sys.modules)
"""
HEIC_HEADER = b"\0\0\0\x18ftypheic" + bytes(4) + b"mif1heic"
is_installed = find_spec("pillow_heif") is not None
needs_package = pytest.mark.skipif(not is_installed, reason="pillow-heif is not installed, as in the app")


def printed_by(code: str, source: bytes) -> list[str]:
    """Return the lines that ``code`` prints in a new process with ``source`` as its input."""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=source, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode().splitlines()


def test_without_the_package_the_app_says_how_to_enable_heic() -> None:
    width, *refusals = printed_by(WITHOUT_PACKAGE, saved(quarters(), "PNG"))
    assert width == "64"
    assert len(refusals) == 3
    for refusal in refusals:
        assert refusal.startswith("not_an_image ")
        assert "HEIC" in refusal
        assert "Export it as JPEG" in refusal
        assert "pillow-heif to its requirements" in refusal


def test_a_picture_without_the_package_leaves_pillow_unchanged() -> None:
    width, has_package = printed_by(RENDERING, saved(quarters(), "PNG"))
    assert (width, has_package) == ("64", str(is_installed))


def test_the_package_is_used_without_a_change_to_pillow() -> None:
    assert printed_by(STAND_IN + RENDERING, HEIC_HEADER) == ["64", "True"]


def heic(picture: Image.Image, **options: Any) -> bytes:
    file = BytesIO()
    import_module("pillow_heif").from_pillow(picture).save(file, **{"quality": 95, "chroma": 444, **options})
    return file.getvalue()


@needs_package
def test_rendering_heic_leaves_pillow_unchanged() -> None:
    assert printed_by(RENDERING, heic(quarters())) == ["64", "True"]


@needs_package
def test_heic_comes_out_as_it_was_drawn() -> None:
    assert heic(quarters())[4:11] == b"ftyphei"
    assert difference(quarters(256, 128), rendered(heic(quarters(256, 128)))) < 3
    assert difference(quarters(120, 60), rendered(heic(quarters(960, 480)), max_side=120)) < 6


@needs_package
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_comes_out_upright(orientation: int) -> None:
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    upright = quarters(256, 128)
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    assert difference(upright, rendered(heic(stored, exif=oriented(orientation).tobytes()))) < 6


@needs_package
def test_profile_and_transparency_of_heic_count() -> None:
    picture = chart(640, 480)
    expected = in_srgb(picture, PROFILES["Display P3"]).resize((160, 120), Image.Resampling.BOX)
    source = heic(picture, icc_profile=PROFILES["Display P3"])
    assert mean_difference(expected, rendered(source, max_side=160)) < 1
    clear = Image.new("RGBA", (128, 128), (255, 0, 255, 0))
    clear.paste((85, 85, 85, 255), (32, 32, 96, 96))
    image = rendered(heic(clear))
    assert_near(BACKGROUND, colour_at(image, 8, 8), 8)
    assert_near((85, 85, 85), colour_at(image, 64, 64), 8)


@needs_package
def test_half_a_heic_is_not_an_image() -> None:
    complete = heic(quarters(256, 128))
    detail = refused(complete[: len(complete) // 2], Reason.NOT_AN_IMAGE)
    assert "pillow-heif" not in detail, "the package is installed"
    assert import_module("pillow_heif").open_heif(complete).size == (256, 128)


@needs_package
def test_heic_obeys_the_pixel_limit() -> None:
    source = heic(quarters(256, 128)).replace(struct.pack(">LL", 256, 128), struct.pack(">LL", 20_000, 20_000))
    assert "20000 × 20000" in refused(source, Reason.TOO_LARGE)
