"""Unpacks the samples of a TIFF in bands of rows, as plain bytes. Pure.

libtiff only unpacks them: it is shown each band as a gray picture of single bytes. So a band, not the picture,
determines the memory.
"""

from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from math import ceil

from PIL.TiffImagePlugin import TiffImageFile

from shared.pictures import tiff_directory as tags
from shared.pictures.tiff_layout import DIFFERENCES, FLOAT_DIFFERENCES, RAW, Layout

_BAND = 1 << 20  # bytes to unpack at once, if strips allow it

_LOWEST_BIT_FIRST = 2  # a fill order
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def byte_order(layout: Layout) -> str:
    """Return the byte order of the samples that ``bands`` yields."""
    if layout.predictor == DIFFERENCES:
        return "<"
    return ">" if layout.predictor == FLOAT_DIFFERENCES else layout.directory.order


def bands(source: bytes, layout: Layout, plane: int) -> Iterator[tuple[int, bytes]]:
    """Yield rows of one plane (0 if all samples are stored together), unpacked, with the number of the first."""
    if layout.compression == RAW and not layout.is_tiled:
        yield from _raw_bands(source, layout, plane)
        return
    for top, rows, body in _parts(source, layout, plane):
        view = _view(layout, rows, body)
        if layout.predictor != 1:
            view = _without_predictor(layout, view, len(view) // rows)
        yield top, view


def _raw_bands(source: bytes, layout: Layout, plane: int) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of strips that are not packed; a band may join many of them, or be a part of one."""
    height, strip_rows, row_bytes = layout.size[1], layout.tile[1], layout.size[0] * layout.unit
    offsets, data = layout.directory.numbers(tags.STRIP_OFFSETS), memoryview(source)
    first, band_rows = plane * ceil(height / strip_rows), max(1, _BAND // row_bytes)
    is_reversed = layout.directory.number(tags.FILL_ORDER, 1) == _LOWEST_BIT_FIRST
    for top in range(0, height, band_rows):
        row, end, parts = top, min(height, top + band_rows), []
        while row < end:
            strip, skipped = divmod(row, strip_rows)
            count = min(strip_rows - skipped, end - row)
            parts.append(_part(data, offsets[first + strip] + skipped * row_bytes, count * row_bytes))
            row += count
        band = b"".join(parts)
        yield top, band.translate(_REVERSED) if is_reversed else band


def _parts(source: bytes, layout: Layout, plane: int) -> Iterator[tuple[int, int, list[memoryview]]]:
    """Yield the first row, the number of rows and the packed strips or tiles of every band."""
    (width, height), (tile_width, tile_height) = layout.size, layout.tile
    places = (tags.TILE_OFFSETS, tags.TILE_BYTES) if layout.is_tiled else (tags.STRIP_OFFSETS, tags.STRIP_BYTES)
    offsets, lengths = (layout.directory.numbers(tag) for tag in places)
    across, down = ceil(width / tile_width), ceil(height / tile_height)
    data = memoryview(source)
    group = max(1, _BAND // layout.band_bytes)
    for row in range(0, down, group):
        numbers = range((plane * down + row) * across, (plane * down + min(row + group, down)) * across)
        raw_bytes = tile_width * tile_height * layout.unit if layout.compression == RAW else 0
        body = [_part(data, offsets[n], raw_bytes or (lengths[n] if lengths else len(source))) for n in numbers]
        yield row * tile_height, min(group * tile_height, height - row * tile_height), body


def _part(data: memoryview, start: int, length: int) -> memoryview:
    part = data[start : start + length]
    if len(part) < length and length != len(data):
        raise OSError(f"image file is truncated ({length - len(part)} bytes not found)")
    return part


def _view(layout: Layout, rows: int, body: list[memoryview]) -> bytes:
    """Unpack a band as if each byte were a gray pixel."""
    order, (width, _), (tile_width, tile_height) = layout.directory.order, layout.size, layout.tile
    if layout.predictor != 1:  # rows of whole tiles
        width = ceil(width / tile_width) * tile_width
    at = [8]
    for part in body:
        at.append(at[-1] + len(part))
    numbers = {
        tags.WIDTH: [width * layout.unit],
        tags.LENGTH: [rows],
        tags.BITS: [8],
        tags.COMPRESSION: [layout.compression],
        tags.PHOTOMETRIC: [1],
        tags.FILL_ORDER: [layout.directory.number(tags.FILL_ORDER, 1)],
        tags.SAMPLES: [1],
        tags.TILE_OFFSETS if layout.is_tiled else tags.STRIP_OFFSETS: at[:-1],
        tags.TILE_BYTES if layout.is_tiled else tags.STRIP_BYTES: [len(part) for part in body],
    }
    shape = {tags.TILE_WIDTH: [tile_width * layout.unit], tags.TILE_LENGTH: [tile_height]}
    numbers |= shape if layout.is_tiled else {tags.ROWS_PER_STRIP: [tile_height]}
    entries = {tag: tags.longs(order, *values) for tag, values in numbers.items()}
    with TiffImageFile(BytesIO(tags.written(order, list(body), entries))) as image:
        return image.tobytes()


def _without_predictor(layout: Layout, view: bytes, view_row: int) -> bytes:
    """Undo a predictor in every row of each tile or strip; tiles at the right edge end beyond it."""
    tile_row, row = layout.tile[0] * layout.unit, layout.size[0] * layout.unit
    rows = []
    for start in range(0, len(view), view_row):
        pieces = (view[at : at + tile_row] for at in range(start, start + view_row, tile_row))
        rows.append(b"".join(_summed(layout, piece) for piece in pieces)[:row])
    return b"".join(rows)


def _summed(layout: Layout, row: bytes) -> bytes:
    """Undo a predictor, which stores the difference to the sample before (TIFF 6.0, 14; Adobe's Technical Note 3)."""
    width, step = layout.bits[0] // 8, 1 if layout.is_planar else layout.samples
    if layout.predictor == FLOAT_DIFFERENCES:
        shuffled, number = _sums(row, 1, step), len(row) // width
        joined = bytearray(len(row))
        for n in range(width):
            joined[n::width] = shuffled[n * number : (n + 1) * number]
        return bytes(joined)
    if layout.directory.order == ">":
        swapped = bytearray(len(row))
        for n in range(width):
            swapped[n::width] = row[width - 1 - n :: width]
        row = bytes(swapped)
    return _sums(row, width, step)


def _sums(row: bytes, width: int, step: int) -> bytes:
    """Add to every number of ``width`` bytes all that precede it by ``step``: in a long integer, doubling the steps."""
    bits, numbers = 8 * width, int.from_bytes(row, "little")
    every_second = _every_second(len(row), width)
    everything, shift = (1 << 8 * len(row)) - 1, bits * step
    while shift < 8 * len(row):
        before = numbers << shift & everything
        even = (numbers & every_second) + (before & every_second) & every_second  # carries end in the gaps
        odd = (numbers >> bits & every_second) + (before >> bits & every_second) & every_second
        numbers, shift = even | odd << bits, 2 * shift
    return (numbers & everything).to_bytes(len(row), "little")


@lru_cache(maxsize=4)
def _every_second(length: int, width: int) -> int:
    pattern = b"\xff" * width + bytes(width)
    return int.from_bytes((pattern * (length // len(pattern) + 1))[:length], "little")
