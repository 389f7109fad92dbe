"""Hostile files give a picture or a reason, and cost little.

Cost is the processor time and the peak memory of a separate process; elapsed time would show how busy the machine is.
No honest picture of the largest size comes near the limit of 10 s of processor time.
"""

import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from PIL import Image

from tests.support.image_writers import tiff
from tests.support.mutations import (
    adobe_rgb_profile,
    jpeg_segments,
    metadata,
    png_chunks,
    repaired,
    rle_bitmap,
    saved,
    tiff_entries,
)
from tests.support.render_process import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")
MIB = 1024 * 1024
LARGE = (30_000, 30_000)
RED = (200, 30, 30)  # the upper half of the picture that ``saved`` draws


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as process:
        yield process


# --- making them -------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png_with(*chunks: bytes, before: bytes = b"IDAT") -> bytes:
    parts = png_chunks(saved("PNG"))
    at = next(n for n, part in enumerate(parts) if part[4:8] == before)
    return b"".join((*parts[:at], *chunks, *parts[at:]))


def packed_text(kind: bytes, head: bytes, size: int) -> bytes:
    return chunk(kind, head + zlib.compress(bytes(size)))


def blank_png(width: int, height: int) -> bytes:
    packer = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0)
    return png_chunks(saved("PNG"))[0] + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    jpeg = saved("JPEG")
    added = (struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments)
    return jpeg[:2] + b"".join(added) + jpeg[2:]


def jpeg_of_scans(count: int, size: tuple[int, int] = (9000, 9000), hidden: bytes = b"") -> bytes:
    """Return a progressive JPEG that repeats its last scan ``count`` times."""
    file = BytesIO()
    Image.new("L", size, 90).save(file, "JPEG", progressive=True)
    jpeg = file.getvalue()
    tables = jpeg.rindex(b"\xff\xc4", 0, jpeg.rindex(b"\xff\xda"))
    return jpeg[:-2] + (hidden + jpeg[tables:-2]) * count + jpeg[-2:]


def tiff_of(width: int, height: int, compression: str) -> bytes:
    """Return a TIFF that claims this size but holds 48 × 40 pixels."""
    parts = tiff_entries(saved("TIFF", compression=compression))
    sides = {256: width, 257: height}
    claims = [
        struct.pack("<HHLL", tag, 4, 1, sides[tag])
        if len(part) == 12 and (tag := int.from_bytes(part[:2], "little")) in sides
        else part
        for part in parts
    ]
    return b"".join(claims)


def looped_tiff() -> bytes:
    tiff = saved("TIFF", "RGB", 2)
    start = int.from_bytes(tiff[4:8], "little")
    after = start + 2 + 12 * int.from_bytes(tiff[start : start + 2], "little")
    return tiff[:after] + struct.pack("<L", start) + tiff[after + 4 :]


def tiff_of_tags(count: int) -> bytes:
    """Return a BigTIFF with ``count`` meaningless tags."""
    tiff = saved("TIFF", big_tiff=True)
    start = int.from_bytes(tiff[8:16], "little")
    old = int.from_bytes(tiff[start : start + 8], "little")
    entries = tiff[start + 8 : start + 8 + 20 * old]
    more = b"".join(struct.pack("<HHQQ", 60_000 + n % 5_000, 4, 1, n) for n in range(count))
    directory = struct.pack("<Q", old + count) + entries + more + bytes(8)
    return tiff[:8] + struct.pack("<Q", len(tiff)) + tiff[16:] + directory


def webp_of(width: int, height: int) -> bytes:
    webp = saved("WEBP")
    assert webp[12:16] == b"VP8 "
    return webp[:26] + struct.pack("<HH", width, height) + webp[30:]


def iso_of(kind: str, side: int) -> bytes:
    file = saved(kind)
    for size in ((48, 40), (40, 48)):
        file = file.replace(struct.pack(">LL", *size), struct.pack(">LL", side, side))
    return file


def gif_of_frames(count: int) -> bytes:
    """Return a GIF with ``count`` more frames, each of full size and damaged."""
    gif = saved("GIF", "P")
    frame = b"," + struct.pack("<HHHHB", 0, 0, 48, 40, 0) + b"\x08\x04\xff\xff\xff\xff\0"
    assert gif.endswith(b"\0;")
    return gif[:-1] + frame * count + b";"


def bitmap_of(width: int, height: int) -> bytes:
    bitmap = rle_bitmap()
    return bitmap[:18] + struct.pack("<ll", width, height) + bitmap[26:]


def nested_mpo(count: int) -> bytes:
    """Return an MPO whose list names pictures nested in one another."""
    mpo = saved("MPO", "RGB", 2)
    for _ in range(count):
        mpo = mpo[:-2] + mpo[:4096] + mpo[-2:]
    return mpo


def mpo_with_false_count() -> bytes:
    mpo = saved("MPO", "RGB", 2)
    number = struct.pack("<HHLL", 0xB001, 4, 1, 2)
    assert number in mpo
    return mpo.replace(number, struct.pack("<HHLL", 0xB001, 4, 1, 0x7FFFFFFF))


# --- beyond a limit ----------------------------------------------------------------------------------------------

TOO_LARGE: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG of 900 megapixels": (lambda: blank_png(*LARGE), "more than 178 megapixels; the limit is 100 megapixels"),
    "PNG of 120 megapixels": (
        lambda: blank_png(12_000, 10_000),
        "12000 × 10000 pixels (120 megapixels); the limit is 100 megapixels",
    ),
    "TIFF that claims it": (lambda: tiff_of(*LARGE, "tiff_lzw"), "pixels"),
    "WebP that claims it": (lambda: webp_of(16_383, 16_383), "pixels"),
    "JPEG 2000 that claims it": (lambda: iso_of("JPEG2000", 1_000_000), "pixels"),
    "AVIF that claims it": (lambda: iso_of("AVIF", 12_000), "12000 × 12000 pixels"),
    "BMP that claims it": (lambda: bitmap_of(*LARGE), "pixels"),
    "65 MiB": (lambda: saved("JPEG") + bytes(65 * MIB), "The file is 65.1 MiB; the limit is 64 MiB."),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_too_large_files_are_refused_at_no_cost(case: str, worker: Worker) -> None:
    make, words = TOO_LARGE[case]
    verdict = worker.render(make())
    assert verdict.outcome == "too_large", verdict
    assert verdict.is_expected, verdict
    assert words in verdict.detail
    assert verdict.detail.endswith(("Upload a smaller version.", "Upload a smaller version of the picture."))
    assert verdict.memory < 4 * MIB
    assert verdict.cpu < 1


def test_a_png_of_900_megapixels_is_small() -> None:
    assert len(blank_png(*LARGE)) < 200_000


# --- false claims within the limits ------------------------------------------------------------------------------

PRETENDED: dict[str, Callable[[], bytes]] = {
    "TIFF strips": lambda: tiff_of(9_000, 9_000, "tiff_lzw"),
    "raw TIFF": lambda: tiff_of(9_000, 9_000, "raw"),
    "WebP": lambda: webp_of(9_000, 9_000),
    "JPEG 2000": lambda: iso_of("JPEG2000", 9_000),
    "BMP": lambda: bitmap_of(9_000, 9_000),
    "scans": lambda: jpeg_of_scans(1_000),
    "scans behind a false end": lambda: jpeg_of_scans(1_000, hidden=b"\xff\xfe\0\4\xff\xd9"),
    "scans behind markers without a length": lambda: jpeg_of_scans(1_000, hidden=b"\xff\x01"),
    "scans of a small picture": lambda: jpeg_of_scans(5_000, (64, 64)),
    "millions of comments": lambda: jpeg_with(*[(0xFE, b"")] * 5_000_000),
    "padding": lambda: (jpeg := saved("JPEG"))[:2] + b"\xff" * 40 * MIB + jpeg[2:],
    "PNG in bits": lambda: png_with(*[chunk(b"IDAT", b"\0")] * 2_000_000),
    "PNG of empty chunks": lambda: png_with(*[chunk(b"abCd", b"")] * 3_000_000),
}


@pytest.mark.parametrize("case", PRETENDED)
def test_a_false_claim_is_not_an_image_and_costs_little(case: str, worker: Worker) -> None:
    verdict = worker.render(PRETENDED[case]())
    assert verdict.outcome == "not_an_image", verdict
    assert verdict.is_expected, verdict
    assert verdict.detail.startswith(("The file ", "The picture "))
    assert verdict.memory < 13 * 81 * MIB  # a WebP of this size, the largest case here
    assert verdict.cpu < 5


# --- absurd extras in a sound file -------------------------------------------------------------------------------

EXIF = b"Exif\0\0II*\0\x08\0\0\0"
ABSURD: dict[str, Callable[[], bytes]] = {
    "GIF of 10,000 frames": lambda: gif_of_frames(10_000),
    "GIF of a million comments": lambda: (gif := saved("GIF", "P")).replace(
        b",\0\0\0\0", b"!\xfe\0" * 10**6 + gif[gif.rindex(b",\0\0\0\0") :][:5], 1
    ),
    "APNG without frames": lambda: png_with(chunk(b"acTL", bytes(8)), chunk(b"fcTL", bytes(26))),
    "JPEG, profiles of 50 MB": lambda: jpeg_with(
        *((0xE2, b"ICC_PROFILE\0" + bytes((n % 255 + 1, 255)) + bytes(65_000)) for n in range(765))
    ),
    "PNG, profile of 50 MiB": lambda: png_with(packed_text(b"iCCP", b"profile\0\0", 50 * MIB)),
    "WebP, profile of 50 MiB": lambda: saved("WEBP", icc_profile=adobe_rgb_profile() + bytes(50 * MIB)),
    "TIFF, profile of 50 MiB": lambda: saved("TIFF", icc_profile=adobe_rgb_profile() + bytes(50 * MIB)),
    "AVIF, profile of 50 MiB": lambda: saved("AVIF", icc_profile=adobe_rgb_profile() + bytes(50 * MIB)),
    "JPEG, EXIF of 40 MB": lambda: jpeg_with(*[(0xE1, EXIF + bytes(65_000))] * 640),
    "JPEG, XMP of 12 MB": lambda: jpeg_with(*[(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 60_000)] * 200),
    "WebP, EXIF of 20 MiB": lambda: saved("WEBP", exif=EXIF + b"\xff\xff" + bytes(20 * MIB)),
    "PNG, EXIF of 20 MiB": lambda: png_with(chunk(b"eXIf", EXIF[6:] + b"\xff\xff" + bytes(20 * MIB))),
    "TIFF, XMP of 20 MiB": lambda: saved("TIFF", tiffinfo={700: bytes(20 * MIB)}),
    "PNG, zTXt of 300 MiB": lambda: png_with(packed_text(b"zTXt", b"text\0\0", 300 * MIB)),
    "PNG, zTXt of 300 MiB at the end": lambda: png_with(packed_text(b"zTXt", b"text\0\0", 300 * MIB), before=b"IEND"),
    "PNG, iTXt of 300 MiB": lambda: png_with(packed_text(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0", 300 * MIB)),
    "PNG, tEXt of 40 MiB": lambda: png_with(chunk(b"tEXt", b"text\0" + b"a" * 40 * MIB)),
    "PNG, a thousand texts": lambda: png_with(*[packed_text(b"zTXt", b"text\0\0", 1_000_000)] * 1000),
    "PNG, endless pixels": lambda: png_with(chunk(b"IDAT", zlib.compress(bytes(300 * MIB))), before=b"IEND"),
    "TIFF in a loop": looped_tiff,
    "TIFF of 100,000 tags": lambda: tiff_of_tags(100_000),
    "MPO nested in itself": lambda: nested_mpo(200),
    "MPO of two billion pictures": mpo_with_false_count,
    "WebP of empty chunks": lambda: repaired(
        (webp := saved("WEBP", **metadata()))[:30] + struct.pack("<4sL", b"none", 0) * 10**6 + webp[30:]
    ),
}


@pytest.mark.parametrize("case", ABSURD)
def test_absurd_extras_do_not_spoil_the_picture(case: str, worker: Worker) -> None:
    source = ABSURD[case]()
    verdict = worker.render(source)
    assert verdict.outcome == "picture", verdict
    assert verdict.is_expected, verdict
    assert verdict.memory < 4 * len(source) + 16 * MIB  # extras may be copied, but not unpacked
    assert verdict.cpu < 5
    image = Image.open(BytesIO(verdict.content))
    assert sorted(image.size) == [40, 48]
    side = (24, 6) if image.width == 48 else (34, 24)  # EXIF turns some
    assert max(abs(a - b) for a, b in zip(RED, image.getpixel(side), strict=True)) < 40


def test_endless_padding_within_a_jpeg_costs_little(worker: Worker) -> None:
    jpeg = saved("JPEG")
    verdict = worker.render(jpeg[:-2] + b"\xff" * (40 * MIB) + jpeg[-2:])
    assert verdict.outcome == "picture", verdict
    assert verdict.cpu < 5


def test_a_huge_tile_is_refused_by_the_header_alone(worker: Worker) -> None:
    picture = tiff(Image.new("RGB", (64, 64)), tile=64)
    tags = {322: 23168, 323: 23168}
    huge = bytearray(picture)
    for tag, side in tags.items():
        at = picture.rindex(struct.pack("<HHLL", tag, 4, 1, 64))
        huge[at : at + 12] = struct.pack("<HHLL", tag, 4, 1, side)
    verdict = worker.render(bytes(huge))
    assert verdict.outcome == "too_large", verdict
    assert "tiles of 23168 × 23168 pixels (536.8 megapixels); the limit is 100 megapixels." in verdict.detail
    assert verdict.memory < 20 * MIB


def test_a_huge_side_is_refused_by_the_header_alone(worker: Worker) -> None:
    verdict = worker.render(blank_png(2_000_000, 1))
    assert verdict.outcome == "too_large", verdict
    assert "2000000 × 1 pixels; the limit for a side is 1,000,000 pixels." in verdict.detail


def test_only_the_first_frame_is_even_searched_for(worker: Worker) -> None:
    two, many = (worker.render(gif_of_frames(count)) for count in (1, 1_000_000))
    assert two.content == many.content
    assert many.cpu < 0.5, "a million frames would take seconds to find, and minutes to decode"
    apng, webp = saved("PNG", "RGB", 3), saved("WEBP", "RGB", 3)
    for source in (apng.replace(b"fdAT", b"fdXX"), webp[: webp.rindex(b"ANMF") + 40]):
        assert worker.render(repaired(source)).is_expected


# --- very wide, very high ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGBA", "P", "I;16"])
@pytest.mark.parametrize("size", [(500_000, 60), (60, 500_000)])
def test_an_odd_shape_takes_no_more_memory_than_usual(mode: str, size: tuple[int, int], worker: Worker) -> None:
    file = BytesIO()
    Image.new(mode, size).save(file, "PNG", compress_level=1, **({"transparency": 0} if mode == "P" else {}))
    verdict = worker.render(file.getvalue())
    assert verdict.outcome == "picture", verdict
    assert verdict.memory < size[0] * size[1] * 4 + 16 * MIB


# --- truncated files ---------------------------------------------------------------------------------------------

TILES = {"compression": "tiff_lzw", "tiffinfo": {322: 32, 323: 32}}
CUT: dict[str, bytes] = {
    "JPEG": saved("JPEG"),
    "progressive JPEG": saved("JPEG", progressive=True),
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
# Bytes after the last pixel: PNG's end of packing, checksums and IEND, the ends of GIF's blocks and of a row in RLE.
AFTER_PIXELS = {"PNG": 24, "GIF": 2, "RLE BMP": 2}
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


def test_the_helpers_make_the_files_they_describe() -> None:
    assert [len(part) for part in jpeg_segments(jpeg_with((0xFE, b"ab")))][1] == 6
    assert jpeg_of_scans(100, (64, 64)).count(b"\xff\xda") > 100
    with Image.open(BytesIO(tiff_of(9_000, 8_000, "tiff_lzw"))) as tiff:
        assert tiff.size == (9_000, 8_000)
    with Image.open(BytesIO(webp_of(90, 80))) as webp:
        assert webp.size == (90, 80)
