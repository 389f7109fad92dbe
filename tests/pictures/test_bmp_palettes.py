"""Bitmaps with palettes look right, packed in runs or not."""

import struct

import pytest

from shared.errors import EndsEarly
from shared.pictures.render import render
from tests.support.bitmap_writers import (
    HEIGHT,
    PALETTE,
    RUNS_OF_4,
    RUNS_OF_8,
    WIDTH,
    assert_corners,
    entries,
    file,
    indexed,
    palette_numbers,
    rows_of,
    runs_of_4,
    runs_of_8,
)
from tests.support.pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    assert_near,
    colour_at,
    rendered,
)


@pytest.mark.parametrize("header", [12, 16, 40, 64, 108, 124])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_palettes_with_every_header_look_right(bits: int, header: int) -> None:
    size = 3 if header == 12 else 4
    palette = entries(PALETTE, size).ljust(size << bits, b"\0")
    assert_corners(rendered(file(rows_of(palette_numbers(indexed()), bits), bits, header=header, beyond=palette)))


@pytest.mark.parametrize("header", [12, 16, 40, 108])
def test_one_bit_with_colours_looks_right(header: int) -> None:
    numbers = [[n % 2 for n in row] for row in palette_numbers(indexed())]
    palette = entries([*RED, *GREEN], 3 if header == 12 else 4)
    image = rendered(file(rows_of(numbers, 1), 1, header=header, beyond=palette))
    assert_near(RED, colour_at(image, 3, 3))
    assert_near(GREEN, colour_at(image, 57, 26))


@pytest.mark.parametrize("colours", [4, 256, 300, 70_000, 2**31])
def test_a_wrong_number_of_colours_does_no_harm(colours: int) -> None:
    beyond = entries(PALETTE).ljust(4 * min(colours, 300), b"\0")
    assert_corners(rendered(file(rows_of(palette_numbers(indexed()), 8), 8, beyond=beyond, colours=colours)))


@pytest.mark.parametrize("header", [40, 64, 108])
def test_runs_of_8_and_of_4_bits_look_right(header: int) -> None:
    of_8 = file(runs_of_8(), 8, RUNS_OF_8, header=header, beyond=entries(PALETTE), colours=4)
    of_4 = file(runs_of_4(), 4, RUNS_OF_4, header=header, beyond=entries(PALETTE), colours=4)
    for source in (of_8, of_4):
        assert_corners(rendered(source))


def test_runs_of_two_colours_by_turns() -> None:
    row = bytes((WIDTH, 0x01, 0, 0))
    source = file(row * HEIGHT + b"\0\1", 4, RUNS_OF_4, beyond=entries([0, 0, 0, 255, 255, 255]), colours=2)
    image = rendered(source, max_side=10)
    assert_near((125, 125, 125), colour_at(image, 5, 2), 12)


def test_runs_may_leave_out_pixels_and_rows() -> None:
    """The lower half is drawn, with a skip to the right and up; the rest has the first colour."""
    rows = bytes((30, 2, 31, 3, 0, 0)) * (HEIGHT // 2) + bytes((0, 2, 0, 4))
    rows += bytes((0, 2, 40, 0, 10, 1, 0, 0)) * 8 + bytes((0, 1))
    image = rendered(file(rows, 8, RUNS_OF_8, beyond=entries(PALETTE), colours=4))
    assert_near(BLUE, colour_at(image, 3, 26))
    assert_near(YELLOW, colour_at(image, 57, 26))
    assert_near(GREEN, colour_at(image, 45, HEIGHT // 2 - 8))
    assert_near(RED, colour_at(image, 3, 3))
    assert_near(RED, colour_at(image, 57, 3))


def test_runs_beyond_a_row_do_not_shift_the_next() -> None:
    rows = bytes((30, 2, 90, 3, 0, 0)) * (HEIGHT // 2) + bytes((30, 0, 90, 1, 0, 0)) * (HEIGHT // 2) + b"\0\1"
    assert_corners(rendered(file(rows, 8, RUNS_OF_8, beyond=entries(PALETTE), colours=4)))


def test_many_runs_in_a_row_are_all_read() -> None:
    """The picture is one row of 10,000 pixels, each a run of its own; the first half is black."""
    runs = bytes((1, 0)) * 5000 + bytes((1, 1)) * 5000 + b"\0\0\0\1"
    info = struct.pack("<IiiHHIIiiII", 40, 10_000, 1, 1, 8, RUNS_OF_8, 0, 0, 0, 2, 0)
    palette = entries([0, 0, 0, 255, 255, 255])
    image = rendered(b"BM" + struct.pack("<IHHI", 0, 0, 0, 62) + info + palette + runs, max_side=100)
    assert_near((0, 0, 0), colour_at(image, 45, 0))
    assert_near((255, 255, 255), colour_at(image, 55, 0))


@pytest.mark.parametrize("runs", [b"", bytes((30, 2, 31, 3, 0, 0)) * 5, bytes((0, 2, 0, 29))])
def test_runs_that_leave_out_most_rows_end_too_early(runs: bytes) -> None:
    with pytest.raises(EndsEarly):
        render(file(runs + b"\0\1", 8, RUNS_OF_8, beyond=entries(PALETTE), colours=4))
