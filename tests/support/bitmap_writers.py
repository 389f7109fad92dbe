"""Writes Windows and OS/2 bitmaps of every kind, with a colour in each corner."""

import struct
from collections.abc import Sequence

from PIL import Image

from tests.support.image_writers import packed
from tests.support.pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    assert_near,
    colour_at,
    quarters,
)

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
