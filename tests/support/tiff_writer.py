"""Writes TIFFs in any combination of colours, depths, planes, extra samples, orders, compressions and predictors."""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.image_writers import packed

UNSIGNED, SIGNED, FLOATING = 1, 2, 3
RAW, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773
_FLOATS = {16: "e", 32: "f", 64: "d"}
_INTEGERS = {8: "B", 16: "H", 32: "I", 64: "Q"}

Level = float  # of a sample, from 0 to 1
Value = tuple[int, int, bytes]  # of a tag: type, number, bytes


@dataclass(frozen=True)
class Kind:
    """Says how samples are stored; ``samples`` counts those of the colour and ``extra`` ones."""

    photometric: int
    bits: int
    samples: int
    sample_format: int = UNSIGNED
    order: str = "<"
    planar: bool = False
    compression: int = RAW
    predictor: int = 1
    extra: tuple[int, ...] = ()
    fill_order: int = 1
    tile: int = 0
    rows: int = 0  # of a strip; 0 for all


def tiff(kind: Kind, size: tuple[int, int], level: Callable[[int, int, int], Level], **tags: Value) -> bytes:
    """Return a TIFF whose sample ``n`` at x, y is ``level(x, y, n)``; ``tags`` are more of them, such as ``t700``."""
    width, height = size
    planes = [[n] for n in range(kind.samples)] if kind.planar else [list(range(kind.samples))]
    tile_width, tile_height = (kind.tile, kind.tile) if kind.tile else (width, kind.rows or height)
    corners = [(x, y) for y in range(0, height, tile_height) for x in range(0, width, tile_width)]
    parts = []
    for plane in planes:
        for left, top in corners:
            rows = range(top, top + tile_height if kind.tile else min(top + tile_height, height))
            content = b""
            for y in rows:
                pixels = [(min(x, width - 1), min(y, height - 1)) for x in range(left, left + tile_width)]
                content += _row([level(x, y, n) for x, y in pixels for n in plane], len(plane), kind)
            parts.append(_compressed(content, tile_width * len(plane) * kind.bits // 8 or 1, kind))
    starts = [8 + sum(map(len, parts[:n])) for n in range(len(parts))]
    numbers: dict[int, Sequence[int]] = {
        256: [width],
        257: [height],
        258: [kind.bits] * kind.samples,
        259: [kind.compression],
        262: [kind.photometric],
        277: [kind.samples],
        284: [2 if kind.planar else 1],
        324 if kind.tile else 273: starts,
        325 if kind.tile else 279: [len(part) for part in parts],
        **({322: [kind.tile], 323: [kind.tile]} if kind.tile else {278: [tile_height]}),
        **({266: [2]} if kind.fill_order == 2 else {}),
        **({317: [kind.predictor]} if kind.predictor != 1 else {}),
        **({338: list(kind.extra)} if kind.extra else {}),
        **({339: [kind.sample_format] * kind.samples} if kind.sample_format != UNSIGNED else {}),
    }
    values = {tag: shorts_or_longs(kind.order, *value) for tag, value in numbers.items()}
    values |= {int(name[1:]): value for name, value in tags.items()}
    return file(kind.order, b"".join(parts), values)


def shorts_or_longs(order: str, *numbers: int) -> Value:
    letter, kind = ("H", 3) if max(numbers) < 65536 else ("I", 4)
    return kind, len(numbers), struct.pack(f"{order}{len(numbers)}{letter}", *numbers)


def file(order: str, pixels: bytes, *pages: dict[int, Value]) -> bytes:
    """Return a TIFF of ``pixels``, which begin at byte 8, and its ``pages``."""
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(pixels)) + pixels
    for number, tags in enumerate(pages):
        after = len(content) + 2 + 12 * len(tags) + 4
        entries, values = struct.pack(f"{order}H", len(tags)), b""
        for tag, (kind, count, data) in sorted(tags.items()):
            place = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(f"{order}I", after + len(values))
            values += data if len(data) > 4 else b""
            entries += struct.pack(f"{order}HHI", tag, kind, count) + place
        following = after + len(values) if number + 1 < len(pages) else 0
        content += entries + struct.pack(f"{order}I", following) + values
    return content


def _row(levels: list[Level], step: int, kind: Kind) -> bytes:
    if kind.bits not in _INTEGERS and not (kind.sample_format == FLOATING and kind.bits in _FLOATS):
        return packed([round(level * ((1 << kind.bits) - 1)) for level in levels], kind.bits)
    order = "<" if kind.predictor != 1 else kind.order
    if kind.sample_format == FLOATING and kind.bits in _FLOATS:
        row = struct.pack(f"{order}{len(levels)}{_FLOATS[kind.bits]}", *levels)
    else:
        row = struct.pack(f"{order}{len(levels)}{_INTEGERS[kind.bits]}", *_integers(levels, kind))
    return _differences(row, step, kind) if kind.predictor != 1 else row


def _integers(levels: list[Level], kind: Kind) -> list[int]:
    """Return whole numbers; signed ones begin at the least, as two's complement."""
    top = (1 << kind.bits) - 1
    offset = 1 << kind.bits - 1 if kind.sample_format == SIGNED else 0
    return [(round(level * top) - offset) & top for level in levels]


def _differences(row: bytes, step: int, kind: Kind) -> bytes:
    """Replace every number by its difference to the one before (TIFF 6.0, 14; Adobe's Technical Note 3)."""
    width = kind.bits // 8
    if kind.predictor == 3:
        row = b"".join(row[n::width] for n in reversed(range(width)))
        return bytes((row[n] - (row[n - step] if n >= step else 0)) & 255 for n in range(len(row)))
    numbers = struct.unpack(f"<{len(row) // width}{_INTEGERS[kind.bits]}", row)
    top = (1 << kind.bits) - 1
    differences = [(number - (numbers[n - step] if n >= step else 0)) & top for n, number in enumerate(numbers)]
    return struct.pack(f"{kind.order}{len(numbers)}{_INTEGERS[kind.bits]}", *differences)


def _compressed(content: bytes, row: int, kind: Kind) -> bytes:
    if kind.compression == DEFLATE:
        content = zlib.compress(content)
    elif kind.compression == PACKBITS:  # of literals alone; no run crosses a row
        rows = [content[at : at + row] for at in range(0, len(content), row)]
        runs = [line[at : at + 128] for line in rows for at in range(0, len(line), 128)]
        content = b"".join(bytes((len(run) - 1,)) + run for run in runs)
    elif kind.compression == LZW:  # so many clearing codes that every code has 9 bits
        codes = [code for at in range(0, len(content), 200) for code in (256, *content[at : at + 200])]
        content = packed([*codes, 257], 9)
    if kind.fill_order == 2:
        content = content.translate(bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256)))
    return content
