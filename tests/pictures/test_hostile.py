"""Hostile files give a picture or a reason, and cost little.

Cost is the processor time and the peak memory of a separate process; elapsed time would show how busy the machine is.
No honest picture of the largest size comes near the limit of 10 s of processor time.
"""

import struct
import sys
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from tests.pictures.hostile_files import (
    bitmap_of,
    blank_png,
    chunk,
    gif_of_frames,
    iso_of,
    jpeg_of_scans,
    jpeg_with,
    looped_tiff,
    mpo_with_false_count,
    nested_mpo,
    packed_text,
    png_with,
    tiff_of,
    tiff_of_tags,
    webp_of,
)
from tests.support.image_writers import tiff
from tests.support.mutations import adobe_rgb_profile, jpeg_segments, metadata, repaired, saved
from tests.support.render_process import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")
MIB = 1024 * 1024
LARGE = (30_000, 30_000)
RED = (200, 30, 30)  # the upper half of the picture that ``saved`` draws


# --- beyond a limit ----------------------------------------------------------------------------------------------

TOO_LARGE: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG of 900 megapixels": (lambda: blank_png(*LARGE), "more than 178 megapixels; the limit is 120 megapixels"),
    "PNG of 130 megapixels": (
        lambda: blank_png(13_000, 10_000),
        "13000 × 10000 pixels (130 megapixels); the limit is 120 megapixels",
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


def jpeg_with_wrong_length(content: bytes) -> bytes:
    """Return a JPEG behind a segment that claims 64 KiB; what it holds leads nowhere."""
    jpeg = saved("JPEG")
    return jpeg[:2] + b"\xff\xe5\xff\xf0" + content + b"QQQ" + jpeg[2:]


PRETENDED: dict[str, Callable[[], bytes]] = {
    "TIFF strips": lambda: tiff_of(9_000, 9_000, "tiff_lzw"),
    "raw TIFF": lambda: tiff_of(9_000, 9_000, "raw"),
    "WebP": lambda: webp_of(8_200, 8_200),  # 67 megapixels, just below what the memory budget admits
    "JPEG 2000": lambda: iso_of("JPEG2000", 5_500),  # 30 megapixels
    "BMP": lambda: bitmap_of(9_000, 9_000),
    "scans": lambda: jpeg_of_scans(1_000),
    "scans behind a false end": lambda: jpeg_of_scans(1_000, hidden=b"\xff\xfe\0\4\xff\xd9"),
    "scans behind markers without a length": lambda: jpeg_of_scans(1_000, hidden=b"\xff\x01"),
    "scans of a small picture": lambda: jpeg_of_scans(5_000, (64, 64)),
    "millions of comments": lambda: jpeg_with(*[(0xFE, b"")] * 5_000_000),
    "millions of comments in a wrong length": lambda: jpeg_with_wrong_length(b"\xff\xfe\0\2" * 15_000_000),
    "megabytes between segments": lambda: jpeg_with_wrong_length(b"Q" * 60_000_000),
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
    assert verdict.memory < 13 * 64 * MIB  # a WebP of this size, the largest case here
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
    "JPEG, 9,000 comments in a wrong length": lambda: jpeg_with_wrong_length(b"\xff\xfe\0\2" * 9_000),
    "JPEG, long jumps in a wrong length": lambda: jpeg_with_wrong_length(b"\xff\xe5\x40\2" * 9_000),
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


def test_a_cut_picture_is_not_decoded_time_and_again(worker: Worker) -> None:
    file = BytesIO()
    Image.effect_noise((5000, 4000), 60).convert("RGB").save(file, "JPEG", progressive=True, quality=90)
    whole = worker.render(file.getvalue())
    verdict = worker.render(file.getvalue()[:-6] + bytes(64))
    assert verdict.outcome == "not_an_image", verdict
    assert verdict.is_expected, verdict
    assert verdict.cpu < 12 * whole.cpu, "each try decodes all scans at full size, a whole file once and reduced"


def test_a_huge_tile_is_refused_by_the_header_alone(worker: Worker) -> None:
    picture = tiff(Image.new("RGB", (64, 64)), tile=64)
    tags = {322: 23168, 323: 23168}
    huge = bytearray(picture)
    for tag, side in tags.items():
        at = picture.rindex(struct.pack("<HHLL", tag, 4, 1, 64))
        huge[at : at + 12] = struct.pack("<HHLL", tag, 4, 1, side)
    verdict = worker.render(bytes(huge))
    assert verdict.outcome == "too_large", verdict
    assert "tiles of 23168 × 23168 pixels (536.8 megapixels); the limit is 120 megapixels." in verdict.detail
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
    picture = Image.new(mode, size)
    picture.paste({"RGBA": (1, 2, 3, 255), "P": 1, "I;16": 1}[mode], (0, 0, 30, 30))  # something must show
    picture.save(file, "PNG", compress_level=1, **({"transparency": 0} if mode == "P" else {}))
    verdict = worker.render(file.getvalue())
    assert verdict.outcome == "picture", verdict
    assert verdict.memory < size[0] * size[1] * 4 + 16 * MIB


def test_the_helpers_make_the_files_they_describe() -> None:
    assert [len(part) for part in jpeg_segments(jpeg_with((0xFE, b"ab")))][1] == 6
    assert jpeg_of_scans(100, (64, 64)).count(b"\xff\xda") > 100
    with Image.open(BytesIO(tiff_of(9_000, 8_000, "tiff_lzw"))) as tiff:
        assert tiff.size == (9_000, 8_000)
    with Image.open(BytesIO(webp_of(90, 80))) as webp:
        assert webp.size == (90, 80)
