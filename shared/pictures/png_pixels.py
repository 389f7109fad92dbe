"""Decodes the pixels of a PNG and notices missing rows. Pure.

Pillow leaves rows black that the packed pixels do not hold, and refuses complete rows for a wrong sum after them.
"""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from shared.pictures import png

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WHOLE = ((0, 0, 1, 1),)
_HEADER_AT, _ZLIB_HEADER, _SUM = 16, 2, 4  # bytes: where the size is; before and after the packed pixels
_CHUNK_HEAD = 8  # bytes
_MARKS = 64  # pixels
_LEVELS = 0x9E3779B97F4A7C15  # its bits look random
_READ, _STEP = 64 * 1024, 1024 * 1024  # bytes of one step, packed and unpacked


class _Rows(NamedTuple):
    """Describes the packed rows of a PNG: where they end, and the sum that should follow; empty if more does."""

    total: bytes
    end: int


def load(image: PngImageFile) -> None:
    """Decode ``image``; what follows its last row may be missing or wrong, as in viewers.

    Raises:
        OSError: the palette or rows are missing, or damaged.
    """
    if image.mode == "P" and not image.palette:
        raise OSError("the palette is missing")
    if not image.tile:
        raise OSError("the pixels are missing")
    content = image.fp.getvalue()  # type: ignore[union-attr] # always a BytesIO
    points = list(_last_points(image.size, content))
    marks = _marked(image, points)
    problem = _problem(image)
    if not problem and _values(image, points) == marks and not _packed_rows(content):
        raise OSError("image file is truncated: rows are missing")
    if problem:
        rows = _packed_rows(content)
        if not rows or not rows.total or not _are_vouched_for(rows, content):
            raise problem
        image.im = Image.new(image.mode, (1, 1)).im  # frees the pixels
        with PngImageFile(BytesIO(_with_sum(content, rows))) as repaired:
            repaired.load()
            image.im, image.tile = repaired.im, []


def _problem(image: PngImageFile) -> OSError | None:
    """Decode ``image``; return what is wrong, without its traceback, which would hold the pixels."""
    try:
        image.load()
    except OSError as error:
        return error.with_traceback(None)
    return None


def _passes(content: bytes) -> tuple[tuple[int, int, int, int], ...]:
    return _ADAM7 if content[_HEADER_AT + 12] else _WHOLE


def _last_points(size: tuple[int, int], content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the pixels that are decoded last."""
    width, height = size
    left, top, right, down = [p for p in _passes(content) if p[0] < width and p[1] < height][-1]
    y = top + (height - 1 - top) // down * down
    columns = range(left, width, right)
    yield from ((x, y) for x in columns[-_MARKS:])


def _marked(image: PngImageFile, points: list[tuple[int, int]]) -> list[object]:
    """Give the pixels that are decoded last a pattern of their own, which only decoding can replace."""
    image.im = Image.new(image.mode, image.size).im
    for number, point in enumerate(points):
        level = 255 * (_LEVELS >> number & 1)
        ink = (level, 255 - level, level, 255 - level)[: len(image.getbands())]
        image.im.putpixel(point, ink if len(ink) > 1 else level)
    return _values(image, points)


def _values(image: PngImageFile, points: list[tuple[int, int]]) -> list[object]:
    return [image.im.getpixel(point) for point in points]


def _pixels(content: bytes) -> list[png.Chunk]:
    return [chunk for chunk in png.chunks(content) if chunk.kind == b"IDAT"]


def _packed_rows(content: bytes) -> _Rows | None:
    """Return what describes the packed rows; None if rows are missing."""
    missing, total = _bytes_of_rows(content), 1
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    for piece, end in _packed(content):
        packed, is_pending = piece, True
        while is_pending:
            limit = min(_STEP, missing + 1)
            try:
                rows = unpacking.decompress(packed, limit)
            except zlib.error:
                return None
            missing, total, packed = missing - len(rows), zlib.adler32(rows, total), unpacking.unconsumed_tail
            if missing < 0:
                return _Rows(b"", end)
            if unpacking.eof:
                return None if missing else _Rows(total.to_bytes(_SUM), end - len(unpacking.unused_data))
            is_pending = len(rows) == limit
    return None if missing else _Rows(b"", len(content))


def _with_sum(content: bytes, rows: _Rows) -> bytes:
    """Return a PNG of the rows, with their right sum; nobody reads the checksum after it."""
    pixels = _pixels(content)
    packed = b"".join(content[chunk.start : min(chunk.end, rows.end)] for chunk in pixels) + rows.total
    head = content[: pixels[0].start - _CHUNK_HEAD]
    return b"".join((head, len(packed).to_bytes(4), b"IDAT", packed, bytes(4), png.END))


def _packed(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the packed rows in small pieces, without the header before them, and where each ends."""
    before = _ZLIB_HEADER
    for chunk in _pixels(content):
        for start in range(chunk.start, chunk.end, _READ):
            end = min(start + _READ, chunk.end)
            yield content[min(start + before, end) : end], end
            before = max(0, before - (end - start))


def _are_vouched_for(rows: _Rows, content: bytes) -> bool:
    """Whether nothing but the sum after the rows can be wrong.

    A wrong checksum of a chunk alone does no harm, nor does a wrong sum alone; together they show damaged pixels,
    unless the checksum is right for the right sum. A file that is cut short has no checksum for its last chunk.
    """
    view, (*chunks, last) = memoryview(content), _pixels(content)
    if not all(png.is_sound(view, chunk) for chunk in chunks):
        return False
    stored = content[last.end : last.end + _SUM]
    if stored == bytes(_SUM) or png.is_sound(view, last):
        return True
    before_sum = zlib.crc32(b"IDAT" + content[last.start : last.end - _SUM])
    return zlib.crc32(rows.total, before_sum) == int.from_bytes(stored)


def _bytes_of_rows(content: bytes) -> int:
    """Return the number of bytes in all rows, each of which begins with the number of its filter."""
    width, height = (int.from_bytes(content[at : at + 4]) for at in (_HEADER_AT, _HEADER_AT + 4))
    bits = content[_HEADER_AT + 8] * _CHANNELS[content[_HEADER_AT + 9]]
    sizes = ((-(-(width - x) // right), -(-(height - y) // down)) for x, y, right, down in _passes(content))
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)
