"""Truncated files are called so, and damaged ones too, unless all their pixels can be rendered."""

import sys

import pytest

from tests.support.mutations import rle_bitmap, saved
from tests.support.render_process import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")


# --- truncated files ---------------------------------------------------------------------------------------------

TILES = {"compression": "tiff_lzw", "tiffinfo": {322: 32, 323: 32}}
CUT: dict[str, bytes] = {
    "JPEG": saved("JPEG", comment=b"so that it is not passed through"),
    "progressive JPEG": saved("JPEG", comment=b"so that it is not passed through", progressive=True),
    "PNG": saved("PNG"),
    "WebP": saved("WEBP"),
    "lossless WebP": saved("WEBP", lossless=True),
    "AVIF": saved("AVIF"),
    "raw TIFF": saved("TIFF"),
    "TIFF in strips": saved("TIFF", compression="tiff_adobe_deflate"),
    "TIFF in tiles": saved("TIFF", **TILES),
    "TIFF of JPEGs": saved("TIFF", compression="jpeg"),
    "GIF": saved("GIF", "P"),
    "BMP": saved("BMP"),
    "RLE BMP": rle_bitmap()[:-2],
    "JPEG 2000": saved("JPEG2000"),
    "JPEG 2000 without boxes": saved("JPEG2000", no_jp2=True),
}
# Bytes after the last pixel: JPEG's end marker; PNG's end of packing, checksums and IEND; padding; GIF's block ends;
# the end of a row in RLE.
AFTER_PIXELS = {"JPEG": 2, "progressive JPEG": 2, "PNG": 24, "lossless WebP": 1, "GIF": 2, "RLE BMP": 2}
ENDS_EARLY = "The file ends too early, probably because the upload was interrupted; upload it again."


@pytest.mark.parametrize("kind", CUT)
def test_a_file_that_lacks_a_pixel_ends_too_early(kind: str, worker: Worker) -> None:
    source = CUT[kind]
    last = len(source) - AFTER_PIXELS.get(kind, 0) - 1
    for size in (1, 10, 30, 60, *(len(source) * n // 10 for n in range(1, 10)), last - 20, last):
        verdict = worker.render(source[:size])
        assert verdict.outcome == "not_an_image", f"{size} of {len(source)}: {verdict}"
        assert verdict.detail.startswith(ENDS_EARLY), f"{size} of {len(source)}: {verdict}"


@pytest.mark.parametrize("kind", AFTER_PIXELS)
def test_a_file_with_all_pixels_may_lack_its_last_byte(kind: str, worker: Worker) -> None:
    complete = worker.render(CUT[kind])
    assert complete.outcome == "picture"
    assert worker.render(CUT[kind][:-1]).content == complete.content


# --- damaged files -----------------------------------------------------------------------------------------------


def overwritten(source: bytes, start: float, end: float) -> bytes:
    first, last = int(len(source) * start), int(len(source) * end)
    return source[:first] + b"\xa5" * (last - first) + source[last:]


@pytest.mark.parametrize("kind", CUT)
def test_a_damaged_file_is_called_damaged_or_rendered(kind: str, worker: Worker) -> None:
    """Nobody can refuse damage that a decoder cannot notice, such as changed pixels in a file without checksums."""
    for n in range(10):
        verdict = worker.render(overwritten(CUT[kind], n / 10, n / 10 + 0.05))
        assert verdict.is_expected, verdict
        if verdict.outcome == "not_an_image":
            assert verdict.detail.startswith(("The picture is damaged", "The file ")), verdict
            assert "BytesIO" not in verdict.detail
