"""What stands beside the pixels of a TIFF does not spoil it: other pages, metadata, colour maps, orientation."""

import struct
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile, wide_gamut
from shared.errors import EndsEarly, Permanent, Reason
from shared.pictures.render import render
from tests.support.pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    assert_near,
    colour_at,
    difference,
    quarters,
    rendered,
)
from tests.support.pictures import saved as encoded
from tests.support.tiff_writer import DEFLATE, RAW, Kind, Value, file, shorts_or_longs, tiff

SIZE = (64, 32)
RGB = Kind(2, 8, 3)


def drawn(x: int, y: int, sample: int) -> float:
    return ((RED, GREEN), (BLUE, YELLOW))[y >= SIZE[1] // 2][x >= SIZE[0] // 2][sample] / 255


def assert_drawn(source: bytes, tolerance: float = 4) -> None:
    assert difference(quarters(*SIZE), rendered(source)) < tolerance


def with_offset(kind: int, count: int, offset: int) -> Value:
    """Return a value of four bytes, which the type and count make an offset."""
    return kind, count, struct.pack("<I", offset)


METADATA = {"XMP": 700, "IPTC": 33723, "Photoshop": 34377, "EXIF": 34665, "GPS": 34853, "ICC": 34675, "software": 305}


@pytest.mark.parametrize("kind", range(1, 14))
@pytest.mark.parametrize("name", METADATA)
def test_metadata_of_any_type_leaves_the_picture(name: str, kind: int) -> None:
    sizes = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
    data = bytes(range(1, 17))
    value = kind, 16 // sizes.get(kind, 1), data
    assert_drawn(tiff(RGB, SIZE, drawn, **{f"t{METADATA[name]}": value}))


@pytest.mark.parametrize("offset", [9_999_999, 0xFFFFFFF0])
@pytest.mark.parametrize("kind", [1, 2, 4, 7, 12])
@pytest.mark.parametrize("name", METADATA)
def test_metadata_beyond_the_file_leaves_the_picture(name: str, kind: int, offset: int) -> None:
    assert_drawn(tiff(RGB, SIZE, drawn, **{f"t{METADATA[name]}": with_offset(kind, 5000, offset)}))


@pytest.mark.parametrize("scale", [1, 257])
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [RAW, DEFLATE])
def test_colour_maps_may_go_to_255(compression: int, order: str, bits: int, scale: int) -> None:
    colours = [RED, GREEN, BLUE, YELLOW, *[(0, 0, 0)] * ((1 << bits) - 4)]
    colour_map = shorts_or_longs(order, *(colour[n] * scale for n in range(3) for colour in colours))
    kind = Kind(3, bits, 1, order=order, compression=compression)
    top = (1 << bits) - 1
    source = tiff(kind, SIZE, lambda x, y, _: ((x >= 32) + 2 * (y >= 16)) / top, t320=colour_map)
    assert_drawn(source)


def test_a_profile_reaches_samples_that_pillow_cannot_read() -> None:
    numbers, profile = wide_gamut(quarters(*SIZE))
    levels = numbers.load()
    assert levels is not None
    for kind in (RGB, Kind(2, 32, 3, 3), Kind(2, 16, 3, planar=True)):
        source = tiff(kind, SIZE, lambda x, y, n: levels[x, y][n] / 255, t34675=(7, len(profile), profile))  # type: ignore[index]
        assert_drawn(source, 6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [RGB, Kind(2, 32, 3, 3), Kind(2, 8, 3, planar=True)])
def test_every_layout_is_turned_upright(kind: Kind, orientation: int) -> None:
    source = tiff(kind, SIZE, drawn, t274=(3, 1, struct.pack("<H", orientation)))
    image = rendered(source)
    corners = {1: RED, 2: GREEN, 3: YELLOW, 4: BLUE, 5: RED, 6: BLUE, 7: YELLOW, 8: GREEN}
    assert image.size == (SIZE if orientation < 5 else SIZE[::-1])
    assert_near(corners[orientation], colour_at(image, 4, 4))


@pytest.mark.parametrize("kind", [RGB, Kind(2, 32, 3, 3), Kind(2, 8, 3, planar=True)])
@pytest.mark.parametrize("value", [(4, 1, 70_000), (8, 1, 0xFFFF), (9, 1, 0xFFFFFFFF), (3, 1, 0), (3, 1, 9)])
def test_an_orientation_that_is_none_does_not_matter(value: tuple[int, int, int], kind: Kind) -> None:
    assert_drawn(tiff(kind, SIZE, drawn, t274=with_offset(*value)))


def pages(*sources: bytes, flags: tuple[int, ...]) -> bytes:
    """Return the pages of several files of one byte order in one file, each with its subfile type."""
    pixels, all_tags = b"", []
    for source, flag in zip(sources, flags, strict=True):
        with Image.open(BytesIO(source)) as image:
            (start,), (length,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
            numbers = {tag: image.tag_v2[tag] for tag in (256, 257, 258, 259, 262, 277, 284, 278)}  # type: ignore[attr-defined]
        tags = {tag: shorts_or_longs("<", *(n if isinstance(n, tuple) else (n,))) for tag, n in numbers.items()}
        tags |= {254: shorts_or_longs("<", flag), 273: shorts_or_longs("<", 8 + len(pixels))}
        all_tags.append(tags | {279: shorts_or_longs("<", length)})
        pixels += source[start : start + length]
    return file("<", pixels, *all_tags)


SMALL = tiff(RGB, (16, 8), lambda *_: 0.5)
LARGE = tiff(RGB, SIZE, drawn)


@pytest.mark.parametrize("flag", [1, 4, 5])
def test_a_thumbnail_or_mask_before_the_picture_is_skipped(flag: int) -> None:
    assert_drawn(pages(SMALL, LARGE, flags=(flag, 0)))


def test_the_first_whole_page_is_the_picture() -> None:
    assert_drawn(pages(LARGE, SMALL, flags=(0, 0)))
    assert_drawn(pages(LARGE, SMALL, flags=(2, 2)))
    assert rendered(pages(SMALL, SMALL, flags=(1, 1))).size == (16, 8)


def ycc(x: int, y: int) -> tuple[int, int, int]:
    red, green, blue = (drawn(x, y, n) * 255 for n in range(3))
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    return round(brightness), round(128 + (blue - brightness) / 1.772), round(128 + (red - brightness) / 1.402)


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("across", [1, 2, 4])
@pytest.mark.parametrize("down", [1, 2])
def test_uncompressed_colours_may_be_subsampled(down: int, across: int, *, said: bool) -> None:
    """By default, one pair of colours belongs to two by two pixels, unless there are bytes for more."""
    if not said and (across, down) not in ((2, 2), (1, 1)):
        return
    pixels = b""
    for y in range(0, SIZE[1], down):
        for x in range(0, SIZE[0], across):
            pixels += bytes(ycc(x + i, y + j)[0] for j in range(down) for i in range(across)) + bytes(ycc(x, y)[1:])
    numbers = {
        256: [64],
        257: [32],
        258: [8, 8, 8],
        259: [1],
        262: [6],
        273: [8],
        277: [3],
        278: [32],
        279: [len(pixels)],
    }
    tags = {tag: shorts_or_longs("<", *value) for tag, value in numbers.items()}
    if said:
        tags[530] = shorts_or_longs("<", across, down)
    assert_drawn(file("<", pixels, tags))


def test_uncompressed_colours_keep_their_range() -> None:
    """Video's black is 16 and its white 235, as ReferenceBlackWhite says."""
    kind = Kind(6, 8, 3)
    black_white = struct.pack("<12I", 16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1)
    levels = (235, 128, 128)
    source = tiff(
        kind, SIZE, lambda *place: levels[place[2]] / 255, t530=shorts_or_longs("<", 1, 1), t532=(5, 6, black_white)
    )
    assert_near((255, 255, 255), colour_at(rendered(source), 10, 10))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_alpha_that_is_zero_everywhere_is_ignored(bits: int) -> None:
    for extra in ((), (2,)):
        kind = Kind(2, bits, 4, extra=extra)
        assert_drawn(tiff(kind, SIZE, lambda x, y, n: 0 if n == 3 else drawn(x, y, n)))


@pytest.mark.parametrize(
    "kind", [RGB, Kind(2, 32, 3, 3), Kind(2, 8, 3, planar=True), Kind(2, 16, 3, planar=True, tile=16)]
)
@pytest.mark.parametrize("compression", [RAW, DEFLATE])
def test_samples_that_are_cut_short_end_too_early(kind: Kind, compression: int) -> None:
    """The directory stands at the end, so it is moved before the pixels."""
    source = tiff(replace(kind, compression=compression), SIZE, drawn)
    (at,) = struct.unpack_from("<I", source, 4)
    shifted = bytearray(source[at:])
    count = struct.unpack_from("<H", shifted)[0]
    move = len(source) - at
    for entry in range(2, 2 + 12 * count, 12):
        tag, number_kind, number, value = struct.unpack_from("<HHII", shifted, entry)
        size = number * {3: 2, 4: 4}[number_kind]
        if size > 4:
            struct.pack_into("<I", shifted, entry + 8, value - at + 8)
        if tag in (273, 324):
            place = value - at if size > 4 else entry + 8
            letter = "H" if number_kind == 3 else "I"
            starts = struct.unpack_from(f"<{number}{letter}", shifted, place)
            struct.pack_into(f"<{number}{letter}", shifted, place, *(start + move for start in starts))
    whole = b"II*\0" + struct.pack("<I", 8) + bytes(shifted) + source[8:at]
    assert_drawn(whole)
    for size in (len(whole) - 1, len(whole) - 50, move + 8 + 20):
        with pytest.raises(EndsEarly):
            render(whole[:size])


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_within_a_tiff_keeps_its_colours(mode: str) -> None:
    picture = quarters(*SIZE).convert(mode)
    together = rendered(encoded(picture, "TIFF"))
    assert difference(together, rendered(encoded(picture, "TIFF", compression="jpeg", quality=95))) < 6


def test_big_tiff_is_read_as_any_other() -> None:
    assert_drawn(encoded(quarters(*SIZE), "TIFF", big_tiff=True, icc_profile=adobe_rgb_profile()[:100]))


def test_a_single_large_strip_is_refused_before_unpacking() -> None:
    with pytest.raises(Permanent) as failure:
        render(tiff(replace(Kind(2, 32, 3, 3), compression=DEFLATE), (1, 1), lambda *_: 0)
               .replace(struct.pack("<HHIHH", 256, 3, 1, 1, 0), struct.pack("<HHIHH", 256, 3, 1, 5000, 0))
               .replace(struct.pack("<HHIHH", 257, 3, 1, 1, 0), struct.pack("<HHIHH", 257, 3, 1, 5000, 0))
               .replace(struct.pack("<HHIHH", 278, 3, 1, 1, 0), struct.pack("<HHIHH", 278, 3, 1, 5000, 0)))  # fmt: skip
    assert failure.value.reason is Reason.TOO_LARGE
