"""Rare kinds of JPEG come out right, or are refused by name."""

from io import BytesIO

import pytest
from PIL import Image

from shared.errors import Reason
from shared.pictures.render import render
from tests.support.jpeg_writers import (
    ADOBE_RGB_COMPONENTS,
    JFIF,
    arithmetic,
    lossless,
    scan_bounds,
    segment,
    with_segments,
    without_segments,
)
from tests.support.mutations import jpeg_segments
from tests.support.pictures import difference, noise, quarters, refused, rendered, saved

PLAIN = saved(quarters(), "JPEG")
SAVE_AS = "which we cannot read; save it as an ordinary JPEG (baseline, 8 bits) or as PNG, and upload that."
ADOBE = segment(0xEE, ADOBE_RGB_COMPONENTS)


def patched(jpeg: bytes, at: int, new: bytes, marker: int = 0xC0) -> bytes:
    """Return ``jpeg`` with other bytes in its frame, which begins with ``marker``."""
    at += jpeg.index(bytes((0xFF, marker)))
    return jpeg[:at] + new + jpeg[at + len(new) :]


@pytest.mark.parametrize("segments", [(), (ADOBE,)], ids=["unmarked", "Adobe"])
@pytest.mark.parametrize("ids", [b"\1\2\3", b"RGB"])
def test_lossless_colours_come_out_as_drawn(ids: bytes, segments: tuple[bytes, ...]) -> None:
    assert difference(quarters(), rendered(lossless(quarters(), 8, *segments, ids=ids))) < 6
    large = lossless(quarters(128, 64), 8, *segments, ids=ids)
    assert difference(quarters(), rendered(large, max_side=64)) < 6


def test_lossless_gray_comes_out_as_drawn() -> None:
    for segments in ((), (segment(0xE0, JFIF),), (ADOBE,)):
        picture = rendered(lossless(quarters().convert("L"), 8, *segments))
        assert difference(quarters().convert("L"), picture) < 6


REFUSED: dict[str, tuple[bytes, str]] = {
    "lossless YCbCr": (lossless(quarters(), 8, segment(0xE0, JFIF)), "a lossless JPEG, "),
    "lossless, unknown channels": (lossless(quarters(), ids=b"xyz"), "a lossless JPEG, "),
    "lossless CMYK": (lossless(quarters().convert("CMYK")), "a lossless JPEG, "),
    "lossless, 12 bits": (lossless(quarters().convert("L"), 12), "a lossless JPEG of 12 bits a colour, "),
    "lossless, 16 bits": (lossless(quarters(), 16), "a lossless JPEG of 16 bits a colour, "),
    "lossless, arithmetic": (lossless(quarters(), marker=0xCB), "a lossless JPEG in arithmetic coding, "),
    "12 bits": (patched(PLAIN, 4, b"\x0c"), "a JPEG of 12 bits a colour, "),
    "progressive, 12 bits": (
        patched(saved(quarters(), "JPEG", progressive=True), 4, b"\x0c", 0xC2),
        "a JPEG of 12 bits a colour, ",
    ),
    **{
        f"SOF{marker & 15}": (patched(PLAIN, 1, bytes((marker,))), "a hierarchical JPEG, ")
        for marker in (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
    },
    "hierarchy": (
        with_segments(PLAIN, segment(0xDE, b"\x08\0\x20\0\x40\3\1\x11\0\2\x11\0\3\x11\0")),
        "a hierarchical JPEG, ",
    ),
    "two channels": (lossless(Image.merge("LA", quarters().split()[:2])), "a lossless JPEG of 2 channels, "),
    "five channels": (
        patched(PLAIN, 2, b"\0\x17\x08\0\x20\0\x40\5" + bytes(9)).replace(
            bytes(9), b"\1\x11\0\2\x11\0\3\x11\0\4\x11\0\5\x11\0"
        ),
        "a JPEG of 5 channels, ",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_kind_that_would_come_out_wrong_is_named(kind: str) -> None:
    source, name = REFUSED[kind]
    assert f"The picture is {name}{SAVE_AS}" == refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("progressive", [False, True])
def test_arithmetic_coding_comes_out_as_drawn(progressive: bool) -> None:
    source = arithmetic(progressive=progressive)
    assert difference(quarters(), rendered(source)) < 6
    # Pillow hands the file over in pieces of 64 KiB; this one ends within the pixels.
    start = scan_bounds(source)[0][0]
    for filler in (65536 - start - 4 - 20, 65536 - start - 4 - 60):
        pieces = (segment(0xFE, bytes(filler // 2)), segment(0xFE, bytes(filler - filler // 2 - 4)))
        assert difference(quarters(), rendered(with_segments(source, *pieces, at=2))) < 6


def test_a_height_behind_the_pixels_counts() -> None:
    lines = segment(0xDC, (32).to_bytes(2))
    source = patched(PLAIN, 5, b"\0\0")[:-2] + lines + b"\xff\xd9"
    assert difference(quarters(), rendered(source)) < 6


def test_a_height_that_is_nowhere_is_refused() -> None:
    refused(patched(PLAIN, 5, b"\0\0"), Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_picture_without_pixels_is_refused(progressive: bool) -> None:
    source = saved(noise(64, 64), "JPEG", progressive=progressive)
    start = scan_bounds(source)[0][0]
    detail = refused(source[:start] + b"\xff\xd9", Reason.NOT_AN_IMAGE)
    assert detail.startswith("The picture is damaged: its pixels are missing; export it again")


def test_an_end_before_the_pixels_is_refused() -> None:
    start, *parts, _ = jpeg_segments(PLAIN)
    refused(b"".join((start, *parts, b"\xff\xd9")), Reason.NOT_AN_IMAGE)


def test_wrong_restart_markers_do_not_stop_the_decoder() -> None:
    source = saved(quarters(), "JPEG", restart_marker_blocks=4, comment=b"a")
    swapped = source.replace(b"\xff\xd0", b"\xff\xd9"[:1] + b"\xd5", 1)
    assert rendered(swapped).size == (64, 32)
    assert difference(quarters(), rendered(source)) < 6


def test_wide_quantization_tables_come_out_as_drawn() -> None:
    def widened(part: bytes) -> bytes:
        return segment(0xDB, bytes((part[4] | 0x10,)) + b"".join(bytes((0, number)) for number in part[5:]))

    parts = [widened(part) if part[1] == 0xDB else part for part in jpeg_segments(PLAIN)]
    assert difference(quarters(), rendered(b"".join(parts))) < 6


def test_components_may_have_any_ids() -> None:
    source = without_segments(PLAIN, 0xE0)
    frame, scan = source.index(b"\xff\xc0"), source.index(b"\xff\xda")
    content = bytearray(source)
    for index, name in enumerate(b"\0\7\x63"):
        content[frame + 10 + 3 * index] = content[scan + 5 + 2 * index] = name
    assert difference(quarters(), rendered(bytes(content))) < 6


# --- passed through ----------------------------------------------------------------------------------------------

FINISHED = {
    "baseline": saved(noise(80, 60), "JPEG"),
    "baseline 4:2:0": saved(noise(80, 60), "JPEG", subsampling=2, restart_marker_blocks=2),
    "progressive": saved(noise(80, 60), "JPEG", progressive=True),
    "progressive 4:2:0": saved(noise(80, 60), "JPEG", progressive=True, subsampling=2),
}


@pytest.mark.parametrize("kind", FINISHED)
def test_finished_pictures_pass_byte_for_byte(kind: str) -> None:
    assert render(FINISHED[kind]).content == FINISHED[kind]


@pytest.mark.parametrize("kind", FINISHED)
def test_a_finished_picture_without_tables_is_refused(kind: str) -> None:
    refused(without_segments(FINISHED[kind], 0xDB), Reason.NOT_AN_IMAGE)
    if kind.startswith("progressive"):  # a baseline JPEG may rely on the usual Huffman tables, as those of video do
        refused(without_segments(FINISHED[kind], 0xC4), Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", FINISHED)
def test_a_scan_that_no_decoder_accepts_is_refused(kind: str) -> None:
    source = bytearray(FINISHED[kind])
    start = scan_bounds(FINISHED[kind])[-1][0]
    source[start - 2] = 70  # the last coefficient, of 64, or in baseline an ignored number
    source[start - 1] = 0xEE
    if kind.startswith("progressive"):
        refused(bytes(source), Reason.NOT_AN_IMAGE)
    else:
        assert rendered(bytes(source)).size == (80, 60)


def test_an_empty_last_scan_is_not_passed_through() -> None:
    source = FINISHED["progressive"]
    start, end = scan_bounds(source)[-1]
    assert render(source[:start] + source[end:]).quality is not None


def test_the_writer_of_lossless_pictures_is_right() -> None:
    with Image.open(BytesIO(lossless(noise(20, 10), 8, ADOBE))) as image:
        assert image.tobytes() == noise(20, 10).tobytes()
