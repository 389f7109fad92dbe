"""What would take more memory than the whole budget is refused from its header; the largest pictures still fit."""

import re
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from shared.errors import Permanent, Reason
from shared.pictures.memory import USUAL_SIZE, MemoryBudget
from shared.pictures.render import render
from tests.pictures.hostile_files import iso_of, webp_of
from tests.support.image_writers import tiff
from tests.support.render_process import Worker

MIB = 1024 * 1024
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")

# A picture of just under 120 megapixels, and the bytes a pixel that its decoder was measured to take.
GREEDY: dict[str, tuple[Callable[[], bytes], int]] = {
    "WebP": (lambda: webp_of(10_900, 10_900), 13),
    "AVIF": (lambda: iso_of("AVIF", 10_900), 15),
    "JPEG 2000": (lambda: iso_of("JPEG2000", 10_900), 25),
}


def too_large(source: bytes, budget: int = USUAL_SIZE) -> str:
    with pytest.raises(Permanent) as failure:
        render(source, memory=MemoryBudget(budget))
    assert failure.value.reason is Reason.TOO_LARGE
    return failure.value.detail


def flat(kind: str, mode: str, size: tuple[int, int], **options: Any) -> bytes:
    file = BytesIO()
    Image.new(mode, size, "gray").save(file, kind, **options)
    return file.getvalue()


@on_linux
@pytest.mark.parametrize("kind", GREEDY)
def test_greedy_formats_are_refused_before_decoding(kind: str, worker: Worker) -> None:
    make, _ = GREEDY[kind]
    verdict = worker.render(make())
    assert verdict.outcome == "too_large", verdict
    assert verdict.memory < 20 * MIB


@pytest.mark.parametrize("kind", GREEDY)
def test_the_note_names_the_limit_of_that_format(kind: str) -> None:
    make, pixel_bytes = GREEDY[kind]
    detail = too_large(make())
    assert f"10900 × 10900 pixels (118.9 megapixels); the limit for {kind} is" in detail
    assert "Save it as JPEG" in detail
    (limit,) = re.findall(r"is ([0-9.]+) megapixels", detail)
    assert 0.9 * USUAL_SIZE < float(limit) * 1e6 * pixel_bytes < USUAL_SIZE


@pytest.mark.parametrize(("kind", "side"), [("WebP", 8200), ("JPEG 2000", 5900)])
def test_pictures_just_below_their_limit_are_decoded(kind: str, side: int) -> None:
    source = webp_of(side, side) if kind == "WebP" else iso_of(kind.replace(" ", ""), side)
    with pytest.raises(Permanent) as failure:
        render(source)
    assert failure.value.reason is Reason.NOT_AN_IMAGE, "its pixels are not those that its header claims"


LARGEST: dict[str, Callable[[], bytes]] = {
    "108 megapixels, baseline JPEG": lambda: flat("JPEG", "RGB", (12_000, 9_000)),
    "120 megapixels, baseline JPEG": lambda: flat("JPEG", "RGB", (12_000, 10_000), subsampling=0),
    "120 megapixels, progressive JPEG 4:4:4": lambda: flat(
        "JPEG", "RGB", (12_000, 10_000), subsampling=0, progressive=True
    ),
    "120 megapixels, PNG": lambda: flat("PNG", "RGB", (12_000, 10_000), compress_level=1),
    "120 megapixels, transparent PNG": lambda: flat("PNG", "RGBA", (12_000, 10_000), compress_level=1),
}


@on_linux
@pytest.mark.parametrize("kind", LARGEST)
def test_largest_pictures_fit_into_the_usual_budget(kind: str, worker: Worker) -> None:
    verdict = worker.render(LARGEST[kind]())
    assert verdict.outcome == "picture", verdict
    assert verdict.memory < USUAL_SIZE


def test_progressive_jpeg_is_told_to_be_saved_as_baseline() -> None:
    source = flat("JPEG", "RGB", (3000, 3000), subsampling=0, progressive=True)
    detail = too_large(source, 60 * MIB)
    assert "the limit for a JPEG saved in several passes (progressive) is" in detail
    assert "Save it as a baseline JPEG" in detail
    assert render(flat("JPEG", "RGB", (3000, 3000)), memory=MemoryBudget(60 * MIB)).width == 1024


def test_tiff_in_one_huge_tile_counts_its_depth() -> None:
    source = tiff(Image.new("RGB", (64, 64)), 16, tile=4096, deflate=True)
    detail = too_large(source, 64 * MIB)
    assert "64 × 64 pixels" in detail
    assert "the limit for a TIFF saved like this is" in detail


def test_a_refused_picture_holds_no_memory() -> None:
    budget = MemoryBudget(64 * MIB)
    for _ in range(2):
        with pytest.raises(Permanent):
            render(flat("PNG", "RGB", (5000, 5000)), memory=budget)
    with budget.reserve(64 * MIB):
        pass
