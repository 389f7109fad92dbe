"""Bitmaps in every usual variant look right; rare ones are refused by name."""

import struct
from collections.abc import Sequence

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import EndsEarly, Reason
from shared.pictures.render import render
from tests.support.image_writers import packed
from tests.support.pictures import (
    BACKGROUND,
    BLUE,
    GREEN,
    RED,
    YELLOW,
    assert_near,
    colour_at,
    difference,
    quarters,
    refused,
    rendered,
)
from tests.support.wide_gamut import in_srgb

WIDTH, HEIGHT = 61, 30  # rows whose bytes need padding
CORNERS = {(3, 3): RED, (57, 3): GREEN, (3, 26): BLUE, (57, 26): YELLOW}
PALETTE = [*RED, *GREEN, *BLUE, *YELLOW]
RAW, RUNS_OF_8, RUNS_OF_4, FIELDS, FIELDS_WITH_ALPHA = 0, 1, 2, 3, 6
Masks = tuple[int, int, int, int]


def drawn() -> Image.Image:
    return quarters(WIDTH, HEIGHT)


def indexed() -> Image.Image:
    image = Image.new("P", (WIDTH, HEIGHT), 0)
    image.putpalette(PALETTE)
    image.paste(1, (WIDTH // 2, 0, WIDTH, HEIGHT))
    image.paste(2, (0, HEIGHT // 2, WIDTH // 2, HEIGHT))
    image.paste(3, (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))
    return image


def file(  # noqa: PLR0913 - each is a field of the format
    pixels: bytes,
    bits: int,
    compression: int = RAW,
    *,
    header: int = 40,
    extra: bytes = b"",
    beyond: bytes = b"",
    height: int = HEIGHT,
    colours: int = 0,
) -> bytes:
    """Return a bitmap; ``extra`` fills the header after its first 40 bytes, ``beyond`` follows it."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, WIDTH, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, compression, 0, 0, 0, colours, 0)
        info = (info + extra)[:header].ljust(header, b"\0")
    start = 14 + len(info) + len(beyond)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + beyond + pixels


def rows_of(numbers: Sequence[Sequence[int]], bits: int, *, top_down: bool = False) -> bytes:
    """Return rows of pixels that are numbers, each filled up to four bytes."""
    rows = []
    for row in numbers if top_down else reversed(numbers):
        content = packed(row, bits) if bits <= 8 else b"".join(n.to_bytes(bits // 8, "little") for n in row)
        rows.append(content + bytes(-len(content) % 4))
    return b"".join(rows)


def field_numbers(image: Image.Image, masks: Masks, alpha: int = 255) -> list[list[int]]:
    """Return each pixel as a number that consists of fields."""

    def number(pixel: tuple[int, ...]) -> int:
        total = 0
        for level, mask in zip((*pixel, alpha), masks, strict=True):
            lowest = mask & -mask or 1
            total |= (level * (mask // lowest) + 127) // 255 * lowest
        return total

    pixels = image.load()
    assert pixels
    return [[number(pixels[x, y]) for x in range(WIDTH)] for y in range(HEIGHT)]  # type: ignore[arg-type] # of RGB


def palette_numbers(image: Image.Image) -> list[list[int]]:
    data = image.tobytes()
    return [list(data[y * WIDTH : (y + 1) * WIDTH]) for y in range(HEIGHT)]


def entries(colours: Sequence[int], size: int = 4) -> bytes:
    triples = [bytes(colours[at : at + 3][::-1]) for at in range(0, len(colours), 3)]
    return b"".join(triple.ljust(size, b"\0") for triple in triples)


def assert_corners(image: Image.Image, tolerance: int = 6) -> None:
    assert image.size == (WIDTH, HEIGHT)
    for point, colour in CORNERS.items():
        assert_near(colour, colour_at(image, *point), tolerance)


# --- bit fields --------------------------------------------------------------------------------------------------

OF_16: dict[str, Masks] = {
    "555": (0x7C00, 0x3E0, 0x1F, 0),
    "565": (0xF800, 0x7E0, 0x1F, 0),
    "444": (0xF00, 0xF0, 0xF, 0),
    "1555": (0x7C00, 0x3E0, 0x1F, 0x8000),
    "4444": (0xF00, 0xF0, 0xF, 0xF000),
    "5551": (0xF800, 0x7C0, 0x3E, 1),
    "565, blue first": (0x1F, 0x7E0, 0xF800, 0),
    "664": (0xFC00, 0x3F0, 0xF, 0),
}
OF_32: dict[str, Masks] = {
    "BGRX": (0xFF0000, 0xFF00, 0xFF, 0),
    "BGRA": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "RGBX": (0xFF, 0xFF00, 0xFF0000, 0),
    "RGBA": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "XRGB": (0xFF00, 0xFF0000, 0xFF000000, 0),
    "ARGB": (0xFF00, 0xFF0000, 0xFF000000, 0xFF),
    "ABGR": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    "BGXR": (0xFF000000, 0xFF00, 0xFF, 0),
    "GRB": (0xFF00, 0xFF0000, 0xFF, 0),
    "10 bits each": (0x3FF00000, 0xFFC00, 0x3FF, 0),
    "10 bits each and 2 of alpha": (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000),
    "10 bits each, blue first, and alpha": (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000),
    "11, 11 and 10 bits": (0xFFE00000, 0x1FFC00, 0x3FF, 0),
    "5, 6 and 5 bits": (0xF800, 0x7E0, 0x1F, 0),
    "1, 16 and 8 bits": (0x80000000, 0xFFFF00, 0xFF, 0),
}
FIELD_CASES = [(16, name) for name in OF_16] + [(32, name) for name in OF_32]


def tolerance_for(masks: Masks) -> int:
    fewest = min(mask.bit_count() for mask in masks[:3])
    return 6 + 128 // (2**fewest - 1)


def with_fields(bits: int, masks: Masks, header: int, *, alpha: int = 255, top_down: bool = False) -> bytes:
    numbers = field_numbers(drawn(), masks, alpha)
    inside, after = struct.pack("<4I", *masks), b""
    compression = FIELDS
    if header == 40:
        compression = FIELDS_WITH_ALPHA if masks[3] else FIELDS
        inside, after = b"", inside if masks[3] else inside[:12]
    height = -HEIGHT if top_down else HEIGHT
    rows = rows_of(numbers, bits, top_down=top_down)
    return file(rows, bits, compression, header=header, extra=inside, beyond=after, height=height)


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(("bits", "name"), FIELD_CASES)
def test_bit_fields_of_any_layout_look_right(bits: int, name: str, header: int, top_down: bool) -> None:
    masks = {16: OF_16, 32: OF_32}[bits][name]
    assert_corners(rendered(with_fields(bits, masks, header, top_down=top_down)), tolerance_for(masks))


@pytest.mark.parametrize("header", [40, 56, 108, 124])
@pytest.mark.parametrize(
    ("bits", "name"), [case for case in FIELD_CASES if {16: OF_16, 32: OF_32}[case[0]][case[1]][3]]
)
def test_alpha_of_zero_everywhere_is_not_alpha(bits: int, name: str, header: int) -> None:
    masks = {16: OF_16, 32: OF_32}[bits][name]
    assert_corners(rendered(with_fields(bits, masks, header, alpha=0)), tolerance_for(masks))


@pytest.mark.parametrize(("bits", "name"), [(16, "4444"), (16, "1555"), (32, "BGRA"), (32, "ARGB")])
def test_alpha_that_varies_is_transparency(bits: int, name: str) -> None:
    masks = {16: OF_16, 32: OF_32}[bits][name]
    numbers = field_numbers(drawn(), masks)
    numbers = [row if y < HEIGHT // 2 else [n & ~masks[3] for n in row] for y, row in enumerate(numbers)]
    image = rendered(file(rows_of(numbers, bits), bits, FIELDS, header=108, extra=struct.pack("<4I", *masks)))
    assert_near(RED, colour_at(image, 3, 3), tolerance_for(masks))
    assert_near(BACKGROUND, colour_at(image, 3, 26))


def test_a_large_bitmap_of_fields_is_put_together_from_strips() -> None:
    picture = quarters(1024, 700)
    rows = [picture.crop((0, y, 1024, y + 1)).convert("RGBA").tobytes() for y in reversed(range(700))]
    info = struct.pack("<IiiHHIIiiII", 40, 1024, 700, 1, 32, 3, 0, 0, 0, 0, 0)
    masks = struct.pack("<3I", 0xFF, 0xFF00, 0xFF0000)
    head = b"BM" + struct.pack("<IHHI", 0, 0, 0, 66)
    assert difference(picture, rendered(head + info + masks + b"".join(rows))) < 2


# --- palettes and runs -------------------------------------------------------------------------------------------


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


def runs_of_8(*, marks_end: bool = True) -> bytes:
    """Return runs and pixels as they are, by turns."""
    content = b""
    for y in reversed(range(HEIGHT)):
        first, second = (0, 1) if y < HEIGHT // 2 else (2, 3)
        if y % 2:
            content += bytes((30, first, 31, second))
        else:
            pixels = bytes([first] * 30 + [second] * 31)
            content += bytes((0, WIDTH)) + pixels + bytes(WIDTH % 2)
        content += b"\0\0"
    return content + (b"\0\1" if marks_end else b"")


def runs_of_4() -> bytes:
    content = b""
    for y in reversed(range(HEIGHT)):
        first, second = (0, 1) if y < HEIGHT // 2 else (2, 3)
        if y % 2:
            content += bytes((30, first * 17, 31, second * 17, 0, 0))
        else:
            pixels = packed([first] * 30 + [second] * 31, 4)
            content += bytes((0, WIDTH)) + pixels + bytes(len(pixels) % 2) + b"\0\0"
    return content + b"\0\1"


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


# --- ends and refusals -------------------------------------------------------------------------------------------

WHOLE: dict[str, bytes] = {
    "555": with_fields(16, OF_16["555"], 40),
    "4444": with_fields(16, OF_16["4444"], 108),
    "10 bits": with_fields(32, OF_32["10 bits each"], 40),
    "BGRA": with_fields(32, OF_32["BGRA"], 124),
    "2 bits": file(rows_of(palette_numbers(indexed()), 2), 2, beyond=entries(PALETTE)),
    "OS/2": file(rows_of(palette_numbers(indexed()), 8), 8, header=12, beyond=entries(PALETTE, 3).ljust(768, b"\0")),
    "short OS/2 2": file(
        rows_of(palette_numbers(indexed()), 4), 4, header=16, beyond=entries(PALETTE).ljust(64, b"\0")
    ),
    "runs": file(runs_of_8(marks_end=False)[:-2], 8, RUNS_OF_8, beyond=entries(PALETTE), colours=4),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_bitmap_that_is_cut_short_ends_too_early(kind: str) -> None:
    source = WHOLE[kind]
    assert_corners(rendered(source), 20)
    for size in (2, 10, 20, 40, 60, len(source) // 2, len(source) - 4):
        with pytest.raises(EndsEarly):
            render(source[:size])


def test_missing_padding_after_the_last_row_does_no_harm() -> None:
    source = with_fields(16, OF_16["4444"], 108)
    assert_corners(rendered(source[:-2]), 20)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (file(b"\xff\xd8\xff", 0, 4), "a JPEG"),
        (file(b"\x89PNG", 0, 5), "a PNG"),
        (file(bytes(1000), 1, 3, header=64), "Huffman"),
        (file(bytes(9000), 24, 4, header=64), "runs of 24 bits"),
        (file(bytes(64000), 64), "64 bits"),
        (with_fields(32, (0xF0F0, 0xFF0000, 0xFF000000, 0), 40), "gaps"),
        (file(bytes(9000), 24, FIELDS, beyond=struct.pack("<3I", 0xFF, 0xFF00, 0xFF0000)), "bit fields in 24 bits"),
    ],
)
def test_rare_variants_are_refused_by_name(source: bytes, name: str) -> None:
    detail = refused(source, Reason.NOT_AN_IMAGE)
    assert name in detail
    assert "export it again" in detail


def test_a_profile_in_the_newest_header_counts() -> None:
    profile = adobe_rgb_profile()
    rows = drawn().transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRX")
    extra = bytes(16) + b"DEBM" + bytes(52) + struct.pack("<II", 124 + len(rows), len(profile))
    source = file(rows, 32, header=124, extra=extra) + profile
    expected, image = in_srgb(drawn(), profile), rendered(source)
    assert difference(expected, drawn()) > 3, "the profile makes a difference"
    for point in CORNERS:
        assert_near(colour_at(expected, *point), colour_at(image, *point))
