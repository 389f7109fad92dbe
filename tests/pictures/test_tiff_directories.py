"""A TIFF's directory may state anything: no value costs more memory or time than pixels need."""

import struct
import sys

import pytest

from shared.errors import Reason
from tests.support.pictures import assert_near, colour_at, refused, rendered
from tests.support.render_process import Worker
from tests.support.tiff_writer import DEFLATE, Kind, Value, file, shorts_or_longs, tiff

MEBIBYTE = 1 << 20
SIZE = (16, 16)
PLAIN = {256: [16], 257: [16], 258: [8], 259: [1], 262: [1], 273: [8], 277: [1], 278: [16], 279: [256]}
linux = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")


def at_pixels(kind: int, count: int) -> Value:
    """Return a value that begins where the pixels do, at byte 8."""
    return kind, count, struct.pack("<I", 8)


def stated(pixels: bytes, **tags: Value) -> bytes:
    """Return a gray picture of 16 × 16 pixels, with more or other tags."""
    plain = {tag: shorts_or_longs("<", *numbers) for tag, numbers in PLAIN.items()}
    return file("<", pixels, plain | {int(name[1:]): value for name, value in tags.items()})


OPTIONS = (266, 274, 284, 292, 293, 317, 332, 338, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532)
FORGED = {
    "tags as long as the file": {f"t{tag}": at_pixels(1, 30 * MEBIBYTE) for tag in OPTIONS},
    "a depth for each of many samples": {"t258": at_pixels(3, 15 * MEBIBYTE), "t339": at_pixels(3, 15 * MEBIBYTE)},
    "a long colour map": {"t262": shorts_or_longs("<", 3), "t320": at_pixels(3, 15 * MEBIBYTE)},
    "many strips": {"t273": at_pixels(4, 7 * MEBIBYTE), "t279": at_pixels(4, 7 * MEBIBYTE)},
    "many tiles": {f"t{tag}": at_pixels(4, 7 * MEBIBYTE) for tag in (322, 323, 324, 325)},
    "more strips than rows": {"t273": at_pixels(4, 999_999), "t279": at_pixels(4, 999_999)},
    "as many strips as stated rows": {
        "t257": shorts_or_longs("<", 1 << 30),
        "t278": shorts_or_longs("<", 1),
        "t273": at_pixels(4, 999_999),
        "t279": at_pixels(4, 999_999),
    },
    "a value beyond the end": {f"t{tag}": at_pixels(1, 30 * MEBIBYTE) for tag in OPTIONS}
    | {"t258": (3, 9, b"\xff\xff\xff\xff")},
    "pixels beyond the end": {f"t{tag}": at_pixels(1, 30 * MEBIBYTE) for tag in OPTIONS}
    | {"t279": shorts_or_longs("<", 1 << 30)},
}


@linux
@pytest.mark.parametrize("name", FORGED)
def test_forged_values_cost_no_more_than_the_file(name: str, worker: Worker) -> None:
    source = stated(b"\x01\0\0\0" * (30 * MEBIBYTE // 4), **FORGED[name])
    verdict = worker.render(source)
    assert verdict.is_expected, verdict
    assert verdict.memory < 3 * len(source) + 100 * MEBIBYTE, verdict
    assert verdict.cpu < 3, verdict


def test_more_strips_than_a_picture_has_are_refused() -> None:
    source = stated(bytes(5_000_000), t273=at_pixels(4, 1_100_000), t279=at_pixels(4, 1_100_000))
    assert "damaged TIFF" in refused(source, Reason.NOT_AN_IMAGE)


def test_places_beyond_the_last_row_do_not_matter() -> None:
    source = stated(bytes([200]) * 256, t273=shorts_or_longs("<", 8, 900, 900), t279=shorts_or_longs("<", 256, 9, 9))
    assert_near((200,) * 3, colour_at(rendered(source), 8, 15))


@pytest.mark.parametrize("kind", [Kind(1, 8, 1), Kind(1, 32, 1, 3), Kind(1, 8, 1, compression=DEFLATE)])
def test_strips_of_no_rows_are_one_strip(kind: Kind) -> None:
    image = rendered(tiff(kind, SIZE, lambda *_: 0.5, t278=shorts_or_longs("<", 0)))
    assert_near((128,) * 3, colour_at(image, 8, 12))


@linux
@pytest.mark.parametrize("planar", [False, True])
def test_many_strips_cost_little_time(worker: Worker, *, planar: bool) -> None:
    """Rows of samples that Pillow cannot read, each in a strip of its own."""
    height = 300_000
    numbers = {
        256: [2],
        257: [height],
        258: [8, 8],
        259: [1],
        262: [1],
        277: [2],
        284: [1 + planar],
        278: [1],
        338: [0],
    }
    width = 2 if planar else 4
    starts = [8 + width * n for n in range(height * (1 + planar))]
    numbers |= {273: starts, 279: [width] * len(starts)}
    tags = {tag: shorts_or_longs("<", *values) for tag, values in numbers.items()}
    verdict = worker.render(file("<", b"\xc8" * (4 * height), tags))
    assert verdict.outcome == "picture", verdict
    assert verdict.cpu < 5, verdict
