"""A PNG is rendered if all its rows are there, whatever follows them, and only then."""

import struct
import zlib

import pytest
from PIL import Image

from shared.errors import EndsEarly, Reason
from shared.pictures.render import render
from tests.pictures.test_png_extras import assert_as_drawn, chunk
from tests.support.image_writers import png
from tests.support.pictures import difference, noise, quarters, refused, rendered

MODES = [("L", 1), ("L", 2), ("L", 8), ("L", 16), ("LA", 8), ("P", 4), ("RGB", 8), ("RGB", 16), ("RGBA", 16)]


def drawn(mode: str) -> Image.Image:
    return quarters(61, 33).convert(mode, palette=Image.Palette.ADAPTIVE, colors=8)


def pixels_of(source: bytes) -> tuple[bytes, bytes]:
    """Return what precedes the pixels, and the packed pixels."""
    start = source.index(b"IDAT") - 4
    return source[:start], source[start + 8 : source.index(b"IEND") - 8]


END = chunk(b"IEND", b"")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("mode", "depth"), MODES)
def test_wrong_or_missing_ends_do_not_spoil_whole_pixels(mode: str, depth: int, interlaced: bool) -> None:
    source = png(drawn(mode), depth, interlaced=interlaced)
    expected = rendered(source)
    head, packed = pixels_of(source)
    wrong_sum = packed[:-4] + bytes(255 - byte for byte in packed[-4:])
    cases = {
        "sum": head + chunk(b"IDAT", wrong_sum) + END,
        "sum, no end": head + chunk(b"IDAT", wrong_sum),
        "sum, and the checksum for the right one": head + source[len(head) :].replace(packed, wrong_sum),
        "sum in two chunks": head + chunk(b"IDAT", wrong_sum[:-2]) + chunk(b"IDAT", wrong_sum[-2:]) + END,
        "no sum": head + chunk(b"IDAT", packed[:-4]) + END,
        "zeros": head + chunk(b"IDAT", packed[:-4] + bytes(4)) + bytes(12),
        "more": head + chunk(b"IDAT", packed + b"more") + END,
        "checksum": head + chunk(b"IDAT", packed, checksum_off=1) + END,
        **{f"cut by {size}": source[:-size] for size in range(1, 21)},
    }
    for case, damaged in cases.items():
        assert difference(expected, rendered(damaged)) == 0, case


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("mode", "depth"), MODES)
def test_missing_rows_end_too_early(mode: str, depth: int, interlaced: bool) -> None:
    head, packed = pixels_of(png(drawn(mode), depth, interlaced=interlaced))
    rows = zlib.decompress(packed)
    for kept in (0, 1, len(rows) // 2, len(rows) - 1):
        source = head + chunk(b"IDAT", zlib.compress(rows[:kept])) + END
        with pytest.raises(EndsEarly):
            render(source)


def test_rows_beyond_the_last_do_no_harm() -> None:
    head, packed = pixels_of(png(quarters()))
    more = zlib.compress(zlib.decompress(packed) + bytes(1000))
    assert_as_drawn(rendered(head + chunk(b"IDAT", more) + END))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 5)])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("level", [0, 255])
def test_small_pictures_of_one_colour_are_whole(size: tuple[int, int], interlaced: bool, level: int) -> None:
    image = rendered(png(Image.new("L", size, level), 1, interlaced=interlaced))
    assert image.size == size
    assert image.convert("L").getextrema() == (level, level)


def test_changed_pixels_are_refused() -> None:
    """Both sums are wrong then, and no viewer based on libpng shows them."""
    head, _ = pixels_of(source := png(noise(64, 64)))
    damaged = bytearray(source)
    damaged[len(head) + 5000] ^= 0x55
    assert "damaged" in refused(bytes(damaged), Reason.NOT_AN_IMAGE)


def test_pixels_that_cannot_be_unpacked_are_refused() -> None:
    head, packed = pixels_of(png(noise(64, 64)))
    source = head + chunk(b"IDAT", b"\0\0" + packed[2:]) + END
    assert "damaged" in refused(source, Reason.NOT_AN_IMAGE)


def test_pixels_without_a_chunk_are_refused() -> None:
    head, _ = pixels_of(png(quarters()))
    assert "pixels are missing" in refused(head + END, Reason.NOT_AN_IMAGE)


def test_a_header_alone_ends_too_early() -> None:
    head, _ = pixels_of(png(quarters()))
    for size in (8, 20, 33, len(head)):
        with pytest.raises(EndsEarly):
            render(head[:size])


def test_what_precedes_the_right_header_does_no_harm() -> None:
    source = png(quarters())
    header = source[8:33]
    other = chunk(b"IHDR", struct.pack(">IIBBBBB", 4000, 4000, 8, 2, 0, 0, 0))
    broken = chunk(b"IHDR", struct.pack(">IIBBBBB", 4000, 4000, 8, 2, 0, 0, 0), checksum_off=1)
    stray = chunk(b"IDAT", b"stray")
    for before in (header, other, broken, stray, stray + other):
        assert_as_drawn(rendered(source[:8] + before + source[8:]))
    for after in (header, broken):
        assert_as_drawn(rendered(source[:33] + after + source[33:]))
