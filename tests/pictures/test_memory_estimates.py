"""The memory estimate from the header is an upper bound, so the memory budget keeps its promise."""

import re
import struct
import sys
from io import BytesIO
from itertools import count
from random import Random
from typing import Any

import pytest
from PIL import Image

from shared.pictures import estimates, resampling
from shared.pictures.cmyk import coated_paper_profile
from shared.pictures.rendition import USUAL_LIMITS
from shared.pictures.sources import opened
from tests.support.image_writers import tiff
from tests.support.render_process import Worker
from tests.support.tiff_writer import file as tiff_file
from tests.support.tiff_writer import shorts_or_longs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")
SIZE = (3000, 2000)
PICTURE = Image.effect_noise(SIZE, 40)  # noise, so that no decoder has an easy task
SIDE = 1024
INKS = 5


def saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    file = BytesIO()
    PICTURE.convert(mode).save(file, kind, **options)
    return file.getvalue()


def scan_by_scan() -> bytes:
    """Return a sequential JPEG, 4:4:4, with a scan for each component."""
    gray = saved("JPEG", "L", quality=60)
    frame, scan = gray.index(b"\xff\xc0"), gray.index(b"\xff\xda")
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    head = struct.pack(">HHBHHB", 0xFFC0, 17, 8, SIZE[1], SIZE[0], 3) + components
    after_frame = gray[frame + 2 + int.from_bytes(gray[frame + 2 : frame + 4]) : scan]
    data = gray[scan + 2 + int.from_bytes(gray[scan + 2 : scan + 4]) : -2]
    scans = (struct.pack(">HHBBBBBB", 0xFFDA, 8, 1, number, 0, 0, 63, 0) + data for number in (1, 2, 3))
    return gray[:frame] + head + after_frame + b"".join(scans) + gray[-2:]


def planes(photometric: int, samples: int, extra: int = 0, bits: int = 8) -> bytes:
    """Return a TIFF of noise whose samples we put together ourselves, with a profile if they are inks."""
    pixels = PICTURE.convert("L").tobytes() * (samples * bits // 8)
    length = SIZE[0] * SIZE[1] * bits // 8
    numbers: dict[int, list[int]] = {
        256: [SIZE[0]],
        257: [SIZE[1]],
        258: [bits] * samples,
        259: [1],
        262: [photometric],
        277: [samples],
    }
    numbers |= {278: [SIZE[1]], 284: [2], 338: [extra] * bool(extra)}
    numbers |= {273: [8 + n * length for n in range(samples)], 279: [length] * samples}
    values = {tag: shorts_or_longs("<", *value) for tag, value in numbers.items() if value}
    if photometric == INKS:
        profile = coated_paper_profile()
        values[34675] = 7, len(profile), profile
    return tiff_file("<", pixels, values)


SOURCES = {
    "baseline JPEG": lambda: saved("JPEG"),
    "progressive JPEG": lambda: saved("JPEG", progressive=True, subsampling=0),
    "JPEG, scan by scan": scan_by_scan,
    "PNG": lambda: saved("PNG", "RGBA", compress_level=1),
    "WebP": lambda: saved("WEBP", method=0),
    "WebP, transparent": lambda: saved("WEBP", "RGBA", method=0),
    "AVIF": lambda: saved("AVIF", speed=10),
    "AVIF, transparent": lambda: saved("AVIF", "RGBA", speed=10),
    "JPEG 2000": lambda: saved("JPEG2000"),
    "JPEG 2000, transparent": lambda: saved("JPEG2000", "RGBA"),
    "TIFF, one deflated strip of 16 bits": lambda: tiff(PICTURE.convert("RGBA"), 16, deflate=True),
    "TIFF, one tile": lambda: tiff(PICTURE.convert("RGB"), tile=3008, deflate=True),
    "GIF": lambda: saved("GIF", "P"),
    "BMP": lambda: saved("BMP"),
}


PLANES = {
    "inks": lambda: planes(INKS, 4),
    "inks and alpha": lambda: planes(INKS, 5, 2),
    "inks and premultiplied alpha": lambda: planes(INKS, 5, 1),
    "Lab and alpha": lambda: planes(8, 4, 2),
    "RGB and alpha": lambda: planes(2, 4, 2, bits=16),
    "RGB and premultiplied alpha": lambda: planes(2, 4, 1),
}


def estimate(source: bytes) -> estimates.Estimate:
    with opened(source, USUAL_LIMITS) as image:
        size = resampling.fitted_size(image.size, SIDE)
        reduction = resampling.set_scale(image, SIDE, is_srgb=True)
        return estimates.estimate(image, reduction, size)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_render_stays_within_its_estimate(kind: str, worker: Worker) -> None:
    source = SOURCES[kind]()
    verdict = worker.render(source)
    assert verdict.outcome == "picture", verdict
    # A process never releases all the memory that it has ever held.
    assert verdict.memory <= 1.1 * estimate(source).total, f"{verdict}, estimated {estimate(source)}"


@pytest.mark.parametrize("kind", PLANES)
def test_planes_are_put_together_within_the_estimate(kind: str, worker: Worker) -> None:
    """Of a picture with many more pixels, what the estimate adds for the reduced one would be next to nothing."""
    source = PLANES[kind]()
    verdict = worker.render(source)
    assert verdict.outcome == "picture", verdict
    assert verdict.memory <= estimate(source).for_pixels, f"{verdict}, estimated {estimate(source)}"


LAST_BYTES = {"stuffed": rb"\xff\0", "another": rb"[^\0]"}  # of the pixels


def noise(height: int, seed: int) -> Image.Image:
    size = (6000, height)
    gray = Image.frombytes("L", size, Random(seed).randbytes(size[0] * height))
    channels = [gray, gray.transpose(Image.Transpose.FLIP_LEFT_RIGHT), gray.transpose(Image.Transpose.ROTATE_180)]
    return Image.merge("RGB", channels)


def as_long_jpeg(image: Image.Image) -> bytes:
    """Save a JPEG in which no row of blocks depends on the one before."""
    file = BytesIO()
    image.save(file, "JPEG", quality=80, subsampling=0, restart_marker_rows=1)
    return file.getvalue()


@pytest.mark.parametrize("ending", LAST_BYTES.values(), ids=LAST_BYTES.keys())
def test_a_long_jpeg_without_its_end_stays_within_it(ending: bytes, worker: Worker) -> None:
    ends = re.compile(ending + rb"\xff\xd9\Z", re.DOTALL)
    rows = next(row for seed in count() if ends.search(as_long_jpeg(row := noise(8, seed))))
    picture = noise(5504, 1)
    picture.paste(rows, (0, picture.height - rows.height))
    source = as_long_jpeg(picture)
    assert ends.search(source)
    source = source[:-2] + bytes(50)
    assert 30 * 1024**2 < len(source) < 64 * 1024**2
    verdict = worker.render(source)
    assert verdict.outcome == "picture", verdict
    assert verdict.memory <= 1.1 * estimate(source).total, f"{verdict}, estimated {estimate(source)}"


def test_the_scan_by_scan_jpeg_is_a_valid_picture() -> None:
    image = Image.open(BytesIO(scan_by_scan()))
    assert (image.mode, image.size, "progressive" in image.info) == ("RGB", SIZE, False)
    image.load()
