"""Writes PNG, TIFF and BMP in variants that Pillow cannot: odd depths, interlaced, tiled, any byte order or chunk."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from PIL import Image

Chunk = tuple[bytes, bytes]
_COLOUR_TYPES = {"1": 0, "L": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WHOLE = ((0, 0, 1, 1),)


def png(image: Image.Image, depth: int = 8, *chunks: Chunk, interlaced: bool = False) -> bytes:
    """Return a PNG of ``image`` with ``depth`` bits a sample and ``chunks`` before its pixels."""
    header = struct.pack(">IIBBBBB", *image.size, depth, _COLOUR_TYPES[image.mode], 0, 0, interlaced)
    passes = _ADAM7 if interlaced else _WHOLE
    body = b"".join(b"\0" + row for row in _rows(image, depth, passes))
    palette = [(b"PLTE", bytes(image.getpalette() or b"")[:768])] if image.mode == "P" else []
    before, after = [c for c in chunks if c[0] != b"tRNS"], [c for c in chunks if c[0] == b"tRNS"]
    parts = [(b"IHDR", header), *before, *palette, *after, (b"IDAT", zlib.compress(body, 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rows(image: Image.Image, depth: int, passes: Iterable[tuple[int, int, int, int]]) -> Iterator[bytes]:
    channels, samples = len(image.getbands()), _samples(image, depth)
    length = image.width * channels
    for left, top, right, down in passes:
        for y in range(top, image.height if left < image.width else 0, down):
            row = samples[y * length : (y + 1) * length]
            pixels = (row[x * channels : (x + 1) * channels] for x in range(left, image.width, right))
            yield packed(chain.from_iterable(pixels) if right > 1 else row, depth)


def _samples(image: Image.Image, depth: int) -> Sequence[int]:
    data = (image.convert("L") if image.mode == "1" else image).tobytes()
    top = (1 << depth) - 1
    return data if image.mode == "P" or depth == 8 else [(level * top + 127) // 255 for level in data]


def packed(samples: Iterable[int], depth: int) -> bytes:
    """Return ``samples`` side by side, the first in the highest bits, filled up to whole bytes."""
    if depth == 8:
        return bytes(samples)
    if depth == 16:
        numbers = list(samples)
        return struct.pack(f">{len(numbers)}H", *numbers)
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))


_PHOTOMETRIC = {"L": 1, "RGB": 2, "RGBA": 2, "CMYK": 5}


def tiff(
    image: Image.Image,
    depth: int = 8,
    order: str = "<",
    tile: int = 0,
    *,
    deflate: bool = False,
    planar: bool = False,
    negative: bool = False,
) -> bytes:
    """Return a TIFF of ``image`` (L, RGB, RGBA, CMYK) with ``depth`` 8, 12, 16 or 32 (floating point, 0 to 1)."""
    channels = len(image.getbands())
    planes = image.split() if planar else (image,)
    width, height = (tile, tile) if tile else image.size
    corners = [(x, y) for y in range(0, image.height, height) for x in range(0, image.width, width)]
    boxes = [(x, y, x + width, y + height) for x, y in corners]
    parts = [_numbers(plane.crop(box), depth, order) for plane in planes for box in boxes]
    parts = [zlib.compress(part) for part in parts] if deflate else parts
    tags: dict[int, Sequence[int]] = {
        256: [image.width],
        257: [image.height],
        258: [depth] * channels,
        259: [8 if deflate else 1],
        262: [0 if negative else _PHOTOMETRIC[image.mode]],
        277: [channels],
        284: [2 if planar else 1],
        324 if tile else 273: [8 + sum(map(len, parts[:index])) for index in range(len(parts))],
        325 if tile else 279: [len(part) for part in parts],
        339: [3 if depth == 32 else 1] * channels,
        **({322: [tile], 323: [tile]} if tile else {278: [image.height]}),
        **({338: [2]} if image.mode == "RGBA" else {}),
    }
    pixels = b"".join(parts)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(pixels))
    return head + pixels + _directory(tags, order, 8 + len(pixels))


def _numbers(image: Image.Image, depth: int, order: str) -> bytes:
    data = image.tobytes()
    if depth == 8:
        return data
    if depth == 12:
        return packed([(level * 4095 + 127) // 255 for level in data], depth)
    if depth == 16:
        # The two bytes of a number differ, so swapping them shows.
        return struct.pack(f"{order}{len(data)}H", *(level * 256 + 16 for level in data))
    return struct.pack(f"{order}{len(data)}f", *(level / 255 for level in data))


def _directory(tags: dict[int, Sequence[int]], order: str, start: int) -> bytes:
    entries, beyond = struct.pack(f"{order}H", len(tags)), b""
    after = start + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags.items()):
        value = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(value) > 4:
            value, beyond = struct.pack(f"{order}I", after + len(beyond)), beyond + value
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + value
    return entries + bytes(4) + beyond


def bmp(image: Image.Image, depth: int, *, top_down: bool = False, masks: Sequence[int] = ()) -> bytes:
    """Return a BMP of ``image``: with a palette (mode P, 1, 4 or 8 bits) or ``masks`` for each colour (16, 32 bits)."""
    rows = [_bmp_row(image.crop((0, y, image.width, y + 1)), depth, masks) for y in range(image.height)]
    pixels = b"".join(rows if top_down else reversed(rows))
    extra = struct.pack(f"<{len(masks)}I", *masks)
    if image.mode == "P":
        colours = (image.getpalette() or [])[: 3 << depth]
        extra = b"".join(bytes((*colours[at : at + 3][::-1], 0)) for at in range(0, len(colours), 3))
    start = 54 + len(extra)
    height = -image.height if top_down else image.height
    used = len(extra) // 4 if image.mode == "P" else 0
    info = struct.pack("<IiiHHIIiiII", 40, image.width, height, 1, depth, 3 if masks else 0, 0, 0, 0, used, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + extra + pixels


def _bmp_row(row: Image.Image, depth: int, masks: Sequence[int]) -> bytes:
    data = row.tobytes()
    if row.mode == "P":
        content = packed(data, depth)
    else:
        pixels = (data[at : at + 3] for at in range(0, len(data), 3))
        numbers = (_masked(pixel, masks or (0x7C00, 0x3E0, 0x1F)) for pixel in pixels)
        content = b"".join(number.to_bytes(depth // 8, "little") for number in numbers)
    return content + bytes(-len(content) % 4)


def _masked(pixel: bytes, masks: Sequence[int]) -> int:
    number = 0
    for level, mask in zip(pixel, masks, strict=True):
        lowest = mask & -mask
        number |= (level * (mask // lowest) + 127) // 255 * lowest
    return number
