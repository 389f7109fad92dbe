"""Renders the thousand pictures on which Pillow itself is tested, many of them broken."""

import sys
import warnings
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from devstack.machine import setup
from shared.pictures.rendition import USUAL_LIMITS
from shared.pictures.sources import FORMATS
from tests.support.render_process import Verdict, Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")
MOST_MEMORY = 256 * 1024**2  # bytes above the memory held before; the largest picture here has 10 megapixels
MEANS_OTHER_COLOURS = {"icc_profile", "gamma", "chromaticity", "srgb"}
# Pixels of the shorter side. JPEG keeps colour at half the size, which leaves too little of smaller pictures.
SMALLEST = 32
DAMAGED = ("badrle.bmp",)  # its runs are too long for their rows: Pillow lets them shift the next
NO_PICTURE = ("10ct_32bit_128.tiff",)  # angles from -3.14 to 3.14, which clipped mean nothing: refused by name
OF_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
TOLERANCE = 16  # of 255, the mean difference of two thumbnails


@pytest.fixture(scope="module")
def pictures() -> Path:
    try:
        return setup.pillow_pictures()
    except SystemExit as end:
        pytest.skip(f"Pillow's own pictures cannot be fetched: {end}")


@pytest.fixture(scope="module")
def verdicts(pictures: Path) -> dict[Path, Verdict]:
    with Worker() as worker:
        return {path: worker.render(path.read_bytes()) for path in pictures.rglob("*") if path.is_file()}


def test_every_file_cheaply_gives_a_picture_or_a_reason(verdicts: dict[Path, Verdict]) -> None:
    assert len(verdicts) > 1000
    assert {path.name: str(verdict) for path, verdict in verdicts.items() if not verdict.is_expected} == {}
    greedy = {path.name: verdict.memory for path, verdict in verdicts.items() if verdict.memory > MOST_MEMORY}
    assert greedy == {}
    print(Counter(verdict.outcome for verdict in verdicts.values()))
    for cost in ("cpu", "memory"):
        path, verdict = max(verdicts.items(), key=lambda item: getattr(item[1], cost))
        print(f"most {cost}: {path.name}: {verdict}")


def test_every_reason_begins_in_plain_words(verdicts: dict[Path, Verdict]) -> None:
    for verdict in verdicts.values():
        if verdict.outcome != "picture":
            assert verdict.detail.startswith(("The file ", "The picture ", "This is a HEIC picture"))
            assert "upload" in verdict.detail.lower() or "Accepted formats: JPEG, " in verdict.detail


def decoded(path: Path) -> Image.Image | None:
    """Return what Pillow alone makes of a file in an accepted format; None if it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(BytesIO(path.read_bytes()), formats=(*FORMATS, "MPO"))
            image.load()
            if image.format == "BMP" and is_invisible(image):
                image.putalpha(255)  # unused, as every viewer knows
            return ImageOps.exif_transpose(image)
        except Exception:  # noqa: BLE001 - whatever Pillow cannot do
            return None


def is_invisible(image: Image.Image) -> bool:
    return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() == (0, 0)


def on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    flat = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(flat, image).convert("RGB")


def test_all_that_pillow_can_decode_looks_the_same(verdicts: dict[Path, Verdict]) -> None:
    compared, different = 0, {}
    for path, verdict in verdicts.items():
        image = decoded(path)
        if image is None or image.width * image.height > USUAL_LIMITS.max_pixels:
            continue
        if is_invisible(image):
            assert "completely transparent" in verdict.detail, f"{path.name}: {verdict}"
            continue
        if path.name in NO_PICTURE:
            assert "floating point numbers" in verdict.detail, f"{path.name}: {verdict}"
            continue
        assert verdict.outcome == "picture", f"{path.name}: {verdict}"
        if (
            path.name in DAMAGED
            or image.mode not in OF_8_BITS
            or min(image.size) < SMALLEST
            or MEANS_OTHER_COLOURS & set(image.info)
        ):
            continue
        picture = Image.open(BytesIO(verdict.content))
        thumbnails = [side.resize((8, 8), Image.Resampling.BOX) for side in (on_white(image), picture)]
        difference = max(ImageStat.Stat(ImageChops.difference(*thumbnails)).mean)
        compared += 1
        if difference > TOLERANCE:
            different[path.name] = difference
    assert compared > 500
    assert different == {}
