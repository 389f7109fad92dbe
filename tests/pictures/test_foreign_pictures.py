"""A thousand pictures that nobody made for this app, many of them broken: those on which Pillow itself is tested."""

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
MOST_MEMORY = 256 * 1024**2  # bytes above what the process held before; the largest here has 10 megapixels
MEANS_OTHER_COLOURS = {"icc_profile", "gamma", "chromaticity", "srgb"}
# Pixels of the shorter side. JPEG keeps colour at half the size: of fewer, nothing is left to compare.
SMALLEST = 32
OF_8_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
ALIKE = 16  # of 255, in the mean of a thumbnail


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


def test_every_file_becomes_a_picture_or_a_reason_and_costs_little(verdicts: dict[Path, Verdict]) -> None:
    assert len(verdicts) > 1000
    assert {path.name: str(verdict) for path, verdict in verdicts.items() if not verdict.is_expected} == {}
    greedy = {path.name: verdict.memory for path, verdict in verdicts.items() if verdict.memory > MOST_MEMORY}
    assert greedy == {}
    print(Counter(verdict.outcome for verdict in verdicts.values()))
    for what in ("cpu", "memory"):
        path, verdict = max(verdicts.items(), key=lambda found: getattr(found[1], what))
        print(f"most {what}: {path.name}: {verdict}")


def test_every_reason_begins_with_words_that_a_photographer_knows(verdicts: dict[Path, Verdict]) -> None:
    for verdict in verdicts.values():
        if verdict.outcome != "picture":
            assert verdict.detail.startswith(("The file ", "The picture ", "This is a HEIC picture"))
            assert "upload" in verdict.detail.lower() or "Pictures are taken as" in verdict.detail


def decoded(path: Path) -> Image.Image | None:
    """Return what Pillow alone makes of a file of a kind that we take; None where it makes nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(BytesIO(path.read_bytes()), formats=(*FORMATS, "MPO"))
            image.load()
            return ImageOps.exif_transpose(image)
        except Exception:  # noqa: BLE001 - whatever it cannot do
            return None


def on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    flat = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(flat, image).convert("RGB")


def test_what_pillow_can_show_is_shown_and_looks_the_same(verdicts: dict[Path, Verdict]) -> None:
    compared, different = 0, {}
    for path, verdict in verdicts.items():
        image = decoded(path)
        if image is None or image.width * image.height > USUAL_LIMITS.max_pixels:
            continue
        assert verdict.outcome == "picture", f"{path.name}: {verdict}"
        if image.mode not in OF_8_BITS or min(image.size) < SMALLEST or MEANS_OTHER_COLOURS & set(image.info):
            continue
        shown = Image.open(BytesIO(verdict.content))
        few = [thumbnail.resize((8, 8), Image.Resampling.BOX) for thumbnail in (on_white(image), shown)]
        found = max(ImageStat.Stat(ImageChops.difference(*few)).mean)
        compared += 1
        if found > ALIKE:
            different[path.name] = found
    assert compared > 500
    assert different == {}
