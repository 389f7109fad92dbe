"""Bitmaps in every usual layout look right; rare ones are refused by name."""

import struct

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import EndsEarly, Reason
from shared.pictures.render import render
from tests.support.bitmap_writers import (
    CORNERS,
    FIELDS,
    FIELDS_WITH_ALPHA,
    HEIGHT,
    PALETTE,
    RUNS_OF_8,
    Masks,
    assert_corners,
    drawn,
    entries,
    field_numbers,
    file,
    indexed,
    palette_numbers,
    rows_of,
    runs_of_8,
)
from tests.support.pictures import (
    BACKGROUND,
    RED,
    assert_near,
    colour_at,
    difference,
    quarters,
    refused,
    rendered,
)
from tests.support.wide_gamut import in_srgb

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
