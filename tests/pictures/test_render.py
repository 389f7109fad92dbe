"""Photographs become pictures for Business Central, and all other bytes a reason; nothing else happens."""

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from shared.errors import Permanent, Reason
from shared.pictures.render import Picture, render
from shared.pictures.rendition import Rendition, SourceLimits
from shared.pictures.sources import check_bytes
from tests.support.pictures import (
    decoded,
    noise,
    quarters,
    refused,
    rendered,
    saved,
    with_metadata,
    with_transparent_colour,
)

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")


# --- size --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 1500), st.integers(1, 1500), st.integers(64, 400), st.sampled_from(["JPEG", "PNG"]))
@example(1, 5000, 64, "JPEG")
@example(5000, 1, 64, "JPEG")
@example(3, 30_000, 1024, "JPEG")
@example(1, 65_000, 1024, "PNG")
@example(1, 1, 64, "PNG")
@settings(max_examples=60, deadline=None)
def test_a_picture_keeps_its_shape_and_is_never_enlarged(width: int, height: int, max_side: int, kind: str) -> None:
    source = saved(Image.new("L", (width, height), 90), kind)
    picture = render(source, Rendition(max_side=max_side))
    scale = min(1, max_side / max(width, height))
    assert max(picture.width, picture.height) == min(max_side, max(width, height))
    assert abs(picture.width - width * scale) <= 1
    assert abs(picture.height - height * scale) <= 1
    assert min(picture.width, picture.height) >= 1


def test_a_photograph_is_resampled_cleanly() -> None:
    stripes = Image.new("L", (2000, 2000))
    for x in range(0, 2000, 2):
        stripes.paste(255, (x, 0, x + 1, 2000))
    low, high = rendered(saved(stripes, "PNG"), max_side=500).convert("L").getextrema()
    assert 110 < low <= high < 145, "fine stripes become gray, not a pattern"


# --- bytes -------------------------------------------------------------------------------------------------------


def test_the_configured_quality_is_used_if_it_fits() -> None:
    for quality in (50, 85, 95):
        picture = render(saved(quarters(), "PNG"), Rendition(quality=quality))
        expected = Image.open(BytesIO(saved(quarters(), "JPEG", quality=quality))).quantization
        assert expected == Image.open(BytesIO(picture.content)).quantization


def test_first_the_quality_goes_down_then_the_size() -> None:
    source = saved(noise(600, 400), "PNG")
    sizes = {quality: len(saved(noise(600, 400), "JPEG", quality=quality, subsampling=-1)) for quality in (38, 60, 85)}
    lower = render(source, Rendition(max_bytes=sizes[60]))
    assert len(lower.content) <= sizes[60]
    assert (lower.width, lower.height) == (600, 400)
    smaller = render(source, Rendition(max_bytes=sizes[38] * 2 // 3))
    assert len(smaller.content) <= sizes[38] * 2 // 3
    assert 256 <= smaller.width < 600
    assert abs(smaller.height - smaller.width * 2 / 3) <= 1


def test_a_picture_too_long_at_the_lowest_quality_is_too_large() -> None:
    detail = refused(saved(noise(600, 400), "PNG"), Reason.TOO_LARGE, max_bytes=4096)
    assert detail == "Even at 256 pixels the picture stays above 4 KiB (PICTURE_MAX_BYTES)."


def test_the_same_source_always_gives_the_same_bytes() -> None:
    assert render(with_metadata("JPEG")) == render(with_metadata("JPEG"))


# --- limits, before anything is decoded --------------------------------------------------------------------------


def png_header(width: int, height: int, depth: int = 8, colours: int = 2) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def jpeg_that_claims(width: int, height: int) -> bytes:
    jpeg = bytearray(saved(quarters(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


GIF_HEADER = b"GIF89a" + struct.pack("<HHBBB", 20000, 20000, 0, 0, 0)
HUGE = {
    "PNG header": png_header(20000, 20000) + b"\0\0\0\0IDAT",
    "PNG of one bit": png_header(13000, 10000, 1, 0) + b"\0\0\0\0IDAT",
    "GIF header": GIF_HEADER + b"," + struct.pack("<HHHHB", 0, 0, 9, 9, 0) + b"\2",
    "GIF with a huge frame": b"GIF89a\1\0\1\0\0\0\0," + struct.pack("<HHHHB", 0, 0, 20000, 20000, 0) + b"\2\0;",
    "JPEG": jpeg_that_claims(65500, 65500),
    "complete PNG": saved(Image.new("1", (13000, 10000)), "PNG"),
}


@pytest.mark.parametrize("case", HUGE)
def test_too_many_pixels_are_refused_by_the_header_alone(case: str) -> None:
    assert "pixels" in refused(HUGE[case], Reason.TOO_LARGE)


def test_the_pixel_limit_itself_is_allowed() -> None:
    source = saved(quarters(), "PNG")
    assert render(source, limits=SourceLimits(max_pixels=64 * 32)).width == 64
    assert "64 × 32" in refused(source, Reason.TOO_LARGE, SourceLimits(max_pixels=64 * 32 - 1))


def test_the_byte_limit_is_checked_first() -> None:
    source = saved(quarters(), "PNG")
    assert render(source, limits=SourceLimits(max_bytes=len(source)))
    assert "1,001 bytes" in refused(bytes(1001), Reason.TOO_LARGE, SourceLimits(max_bytes=1000))


@pytest.mark.parametrize(
    ("size", "limit", "words"),
    [
        (64 * 1024**2 + 1, 64 * 1024**2, "The file is 64.1 MiB; the limit is 64 MiB."),
        (300 * 1024**2, 70_000_000, "The file is 300 MiB; the limit is 66.7 MiB."),
        (70_000_001, 70_000_000, "The file is 66.8 MiB; the limit is 66.7 MiB."),
        (2049, 2048, "The file is 2.1 KiB; the limit is 2 KiB."),
        (2000, 1000, "The file is 2 KiB; the limit is 1,000 bytes."),
    ],
)
def test_a_byte_limit_is_told_in_readable_sizes(size: int, limit: int, words: str) -> None:
    with pytest.raises(Permanent) as failure:
        check_bytes(size, SourceLimits(max_bytes=limit))
    assert failure.value.detail == f"{words} Upload a smaller version of the picture."


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (120_000_000, "The picture has 20000 × 20000 pixels (400 megapixels); the limit is 120 megapixels."),
        (12_345_678, "The picture has 20000 × 20000 pixels (400 megapixels); the limit is 12.3 megapixels."),
        (2047, "The picture has 20000 × 20000 pixels (400 megapixels); the limit is 2,047 pixels."),
    ],
)
def test_a_pixel_limit_is_told_in_readable_sizes(limit: int, words: str) -> None:
    source = jpeg_that_claims(20000, 20000)
    detail = refused(source, Reason.TOO_LARGE, SourceLimits(max_pixels=limit))
    assert detail == f"{words} Upload a smaller version."


# --- no pictures -----------------------------------------------------------------------------------------------

OTHERS = {
    "text": b"Dear all, please find the picture attached.",
    "HTML": b"<!doctype html><html><body>404</body></html>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "zeros": bytes(500),
    "PPM": saved(quarters(), "PPM"),
    "TGA": saved(quarters(), "TGA"),
    "ICO": saved(quarters(), "ICO"),
    "JPEG marker": b"\xff\xd8\xff",
    "PNG header": png_header(9, 9),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_files_are_not_images(case: str) -> None:
    refused(OTHERS[case], Reason.NOT_AN_IMAGE)


def test_an_empty_file_is_called_empty() -> None:
    assert "empty" in refused(b"", Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", FORMATS)
def test_half_a_file_is_not_an_image(kind: str) -> None:
    source = saved(noise(64, 64), kind)
    assert "again" in refused(source[: len(source) // 2], Reason.NOT_AN_IMAGE)


# --- damage ------------------------------------------------------------------------------------------------------

SEEDS = [
    *(saved(quarters(), kind) for kind in FORMATS),
    *(with_metadata(kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")),
    saved(quarters(), "JPEG", progressive=True),
    saved(quarters().convert("CMYK"), "JPEG"),
    saved(quarters().convert("I;16"), "PNG"),
    saved(quarters(), "TIFF", compression="tiff_adobe_deflate"),
    saved(quarters(), "MPO", save_all=True, append_images=[quarters()]),
    with_transparent_colour("P", 0, 1),
    with_transparent_colour("P", 0, 1, "GIF"),
]
FRACTION = st.floats(0, 1, exclude_max=True)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's warnings about damaged metadata
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.one_of(FRACTION, st.floats(0, 0.2)), st.integers(1, 255)), max_size=12),
    st.one_of(st.just(1.0), FRACTION),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_damage_gives_a_picture_or_a_reason(seed: bytes, flips: list[tuple[float, int]], part: float) -> None:
    damaged = bytearray(seed)
    for position, bits in flips:
        damaged[int(position * len(seed))] ^= bits
    result: Picture | Permanent
    try:
        result = render(bytes(damaged[: int(part * len(seed))]), limits=SourceLimits(max_pixels=4_000_000))
    except Permanent as failure:
        result = failure
    if isinstance(result, Picture):
        decoded(result)
    else:
        assert result.reason in (Reason.NOT_AN_IMAGE, Reason.TOO_LARGE)
        assert result.detail


def test_pillows_global_limits_stay_as_they_are() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    render(saved(quarters(), "PNG"), limits=SourceLimits(max_pixels=4000))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (89_478_485, False)
