"""Decodes the samples of TIFFs whose layout Pillow cannot read: planes, alpha, floating point, 32 bits. Pure.

libtiff only unpacks them here: it is shown each band of rows as a gray picture of single bytes, from which slices then
take the samples. So a band, not the picture, determines the memory.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from math import ceil

from PIL import Image, ImageChops
from PIL.TiffImagePlugin import TiffImageFile

from shared.errors import Permanent, Reason
from shared.pictures import tiff_directory as tiff
from shared.pictures.tiff_directory import Directory

UNSIGNED, SIGNED, FLOATING = 1, 2, 3  # values of TIFF's sample format
ASSOCIATED, UNASSOCIATED = 1, 2  # values of TIFF's extra samples: alpha, premultiplied or not
_ALPHA = {ASSOCIATED: ASSOCIATED, UNASSOCIATED: UNASSOCIATED, 999: UNASSOCIATED}  # 999 is Corel Draw's
_SEPARATE_PLANES, _REVERSED_BITS, _DIFFERENCES, _FLOAT_DIFFERENCES = 2, 2, 2, 3
_RAW = 1  # of TIFF's compression
_BAND = 1 << 20  # bytes to unpack at once, if strips allow it
_LARGEST_BAND = 178_956_970  # bytes; Pillow refuses more pixels
_MOST_SAMPLES = 64
_HIGH_DYNAMIC_RANGE = 100  # floating point above is no light, but numbers to another maximum than 1
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3}  # samples of a colour, by photometric interpretation


@dataclass(frozen=True)
class Layout:
    """Describes how the samples of a page are stored."""

    directory: Directory

    @cached_property
    def size(self) -> tuple[int, int]:
        return self.directory.number(tiff.WIDTH), self.directory.number(tiff.LENGTH)

    @cached_property
    def photometric(self) -> int:
        return self.directory.number(tiff.PHOTOMETRIC)

    @cached_property
    def samples(self) -> int:
        return self.directory.number(tiff.SAMPLES, 1)

    @cached_property
    def bits(self) -> tuple[int, ...]:
        bits = self.directory.numbers(tiff.BITS, 1)
        return bits * min(self.samples, _MOST_SAMPLES) if len(bits) == 1 else bits[: self.samples]

    @cached_property
    def sample_format(self) -> int:
        formats = set(self.directory.numbers(tiff.SAMPLE_FORMAT, UNSIGNED)[: self.samples])
        return formats.pop() if len(formats) == 1 else 0

    @cached_property
    def extra(self) -> tuple[int, ...]:
        return self.directory.numbers(tiff.EXTRA_SAMPLES)

    @cached_property
    def compression(self) -> int:
        return self.directory.number(tiff.COMPRESSION, _RAW)

    @cached_property
    def predictor(self) -> int:
        return self.directory.number(tiff.PREDICTOR, 1) if self.compression != _RAW else 1

    @cached_property
    def is_planar(self) -> bool:
        return self.samples > 1 and self.directory.number(tiff.PLANAR, 1) == _SEPARATE_PLANES

    @cached_property
    def is_tiled(self) -> bool:
        return tiff.TILE_OFFSETS in self.directory.tags

    @cached_property
    def tile(self) -> tuple[int, int]:
        """The size of a tile or strip."""
        if self.is_tiled:
            return self.directory.number(tiff.TILE_WIDTH), self.directory.number(tiff.TILE_LENGTH)
        return self.size[0], min(self.directory.number(tiff.ROWS_PER_STRIP, self.size[1]), self.size[1])

    @cached_property
    def alpha(self) -> tuple[int, int] | None:
        """The sample that holds alpha, and whether colours are multiplied with it; None without one."""
        first = COLOURS[self.photometric]
        kinds = [(first + n, _ALPHA[kind]) for n, kind in enumerate(self.extra) if kind in _ALPHA]
        if not self.extra and self.samples == first + 1 and first != COLOURS[5]:  # unsaid, but usual
            kinds = [(first, UNASSOCIATED)]
        return next((kind for kind in kinds if kind[0] < self.samples), None)

    @property
    def unit(self) -> int:
        """The bytes of a pixel that are stored together: of all samples, or of one in a plane."""
        return self.bits[0] // 8 * (1 if self.is_planar else self.samples)

    @property
    def band_bytes(self) -> int:
        """The bytes of the rows that must be unpacked at once."""
        if self.compression == _RAW and not self.is_tiled:
            return self.size[0] * self.unit
        return self.size[0] * self.unit * self.tile[1]


def decoded(source: bytes, layout: Layout) -> list[Image.Image]:
    """Return every sample that shows, colours first, then alpha, each as L.

    Raises:
        Permanent: ``not_an_image`` if the numbers have a range that would come out black or white, ``too_large`` if a
            strip is too large to unpack.
    """
    if layout.band_bytes > _LARGEST_BAND:
        detail = "The picture is a TIFF in one large strip. Save it uncompressed, or in tiles, and upload that."
        raise Permanent(Reason.TOO_LARGE, detail)
    wanted = [*range(COLOURS[layout.photometric]), *([layout.alpha[0]] if layout.alpha else [])]
    targets = [Image.new("L", layout.size) for _ in wanted]
    level = _Levels(layout, is_low=layout.bits[0] == 32 and _is_low(source, layout, wanted))
    for index, target in zip(wanted, targets, strict=True):
        if layout.is_planar or index == wanted[0]:
            bands = _bands(source, layout, index if layout.is_planar else 0)
            shown = [(index, target)] if layout.is_planar else list(zip(wanted, targets, strict=True))
            for top, rows in bands:
                for sample, plane in shown:
                    plane.paste(level.of(rows, 0 if layout.is_planar else sample), (0, top))
    level.check_range()
    return targets


def _is_low(source: bytes, layout: Layout, wanted: list[int]) -> bool:
    """Whether numbers of 32 bits stay below 65,536: many programs write 16 bits so."""
    if layout.sample_format == FLOATING:
        return False
    high = (3, 2) if _order(layout) == "<" else (0, 1)
    planes = wanted if layout.is_planar else [0]
    return not any(
        rows[byte::4].strip(b"\0") for plane in planes for _, rows in _bands(source, layout, plane) for byte in high
    )


class _Levels:
    """Turns the bytes of samples into levels from 0 to 255, and keeps the range of floating point."""

    def __init__(self, layout: Layout, *, is_low: bool) -> None:
        self._layout, self._is_low = layout, is_low
        self._low, self._high, self._clipped, self._pixels = float("inf"), float("-inf"), 0, 0

    def of(self, rows: bytes, sample: int) -> Image.Image:
        """Return one sample of whole ``rows``; ``sample`` counts within their unit."""
        layout, width = self._layout, self._layout.bits[0] // 8
        size = layout.size[0], len(rows) // layout.unit // layout.size[0]
        first, order = sample * width, _order(layout)
        if layout.sample_format == FLOATING:
            parts = [rows[first + n :: layout.unit] for n in range(width)]
            return self._of_floats(size, parts if order == "<" else parts[::-1])
        byte = width - 1 - 2 * self._is_low  # the highest, or that of 16 bits
        level = rows[first + (byte if order == "<" else width - 1 - byte) :: layout.unit]
        if layout.sample_format == SIGNED and not self._is_low:
            raise _refused("with signed numbers")
        return Image.frombytes("L", size, level)

    def _of_floats(self, size: tuple[int, int], parts: list[bytes]) -> Image.Image:
        joined = bytearray(len(parts) * len(parts[0]))
        for n, part in enumerate(parts):
            joined[n :: len(parts)] = part
        if len(parts) == 2:
            numbers = Image.frombytes("I;16", size, bytes(joined)).convert("I")
            return numbers.point(_half_levels(), "L")
        numbers = Image.frombytes("F", size, bytes(joined), "raw", f"F;{8 * len(parts)}F", 0, 1)
        low, high = numbers.getextrema()
        self._low, self._high = min(self._low, low), max(self._high, high)  # type: ignore[type-var] # of one channel
        levels = numbers.point(lambda value: value * 255 + 0.5).convert("L")
        self._clipped += levels.histogram()[255]
        self._pixels += size[0] * size[1]
        return levels

    def check_range(self) -> None:
        """Refuse floating point that is not from 0 to 1: it would come out white or black."""
        is_mostly_white = self._high > _HIGH_DYNAMIC_RANGE and self._clipped * 2 > self._pixels
        if self._low < self._high and (self._low >= 1 or self._high <= 0 or is_mostly_white):
            numbers = f"with floating point numbers from {self._low:,.4g} to {self._high:,.4g} instead of 0 to 1"
            raise _refused(numbers)


@lru_cache(maxsize=1)
def _half_levels() -> list[int]:
    """Return the level of each floating point number of 16 bits."""
    numbers = (struct.unpack("<e", code.to_bytes(2, "little"))[0] for code in range(1 << 16))
    return [round(255 * min(1, number)) if number > 0 else 0 for number in numbers]


def refusal(kind: str) -> str:
    """Return the note for a ``kind`` of TIFF that cannot be read, such as "with 32 bits"."""
    return f"The picture is a TIFF {kind}, which we cannot read. {SAVE_INSTEAD}"


SAVE_INSTEAD = "Save it in RGB with 8 or 16 bits, or export it as JPEG or PNG, and upload that."


def _refused(kind: str) -> Permanent:
    return Permanent(Reason.NOT_AN_IMAGE, refusal(kind))


def _order(layout: Layout) -> str:
    """Return the byte order of the samples that ``_bands`` yields."""
    if layout.predictor == _DIFFERENCES:
        return "<"
    return ">" if layout.predictor == _FLOAT_DIFFERENCES else layout.directory.order


def _bands(source: bytes, layout: Layout, plane: int) -> Iterator[tuple[int, bytes]]:
    """Yield rows of one plane (0 if all samples are stored together), unpacked, with the number of the first."""
    for top, rows, body in _parts(source, layout, plane):
        view = _view(layout, rows, body)
        if layout.predictor != 1:
            view = _without_predictor(layout, view, len(view) // rows)
        yield top, view


def _parts(source: bytes, layout: Layout, plane: int) -> Iterator[tuple[int, int, list[memoryview]]]:
    """Yield the first row, the number of rows and the packed strips or tiles of every band."""
    (width, height), (tile_width, tile_height) = layout.size, layout.tile
    tags = (tiff.TILE_OFFSETS, tiff.TILE_BYTES) if layout.is_tiled else (tiff.STRIP_OFFSETS, tiff.STRIP_BYTES)
    offsets, lengths = (layout.directory.numbers(tag) for tag in tags)
    across, down = ceil(width / tile_width), ceil(height / tile_height)
    row_bytes, data = width * layout.unit, memoryview(source)
    if layout.compression == _RAW and not layout.is_tiled:
        rows = max(1, _BAND // row_bytes)
        for strip in range(down):
            for top in range(strip * tile_height, min(height, (strip + 1) * tile_height), rows):
                count = min(rows, height - top, (strip + 1) * tile_height - top)
                start = offsets[plane * down + strip] + (top - strip * tile_height) * row_bytes
                yield top, count, [_part(data, start, count * row_bytes)]
        return
    group = max(1, _BAND // layout.band_bytes)
    for row in range(0, down, group):
        numbers = range((plane * down + row) * across, (plane * down + min(row + group, down)) * across)
        raw_bytes = tile_width * tile_height * layout.unit if layout.compression == _RAW else 0
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
    height = rows if layout.compression == _RAW and not layout.is_tiled else tile_height
    at = [8]
    for part in body:
        at.append(at[-1] + len(part))
    numbers = {
        tiff.WIDTH: [width * layout.unit],
        tiff.LENGTH: [rows],
        tiff.BITS: [8],
        tiff.COMPRESSION: [layout.compression],
        tiff.PHOTOMETRIC: [1],
        tiff.FILL_ORDER: [layout.directory.number(tiff.FILL_ORDER, 1)],
        tiff.SAMPLES: [1],
        tiff.TILE_OFFSETS if layout.is_tiled else tiff.STRIP_OFFSETS: at[:-1],
        tiff.TILE_BYTES if layout.is_tiled else tiff.STRIP_BYTES: [len(part) for part in body],
    }
    shape = {tiff.TILE_WIDTH: [tile_width * layout.unit], tiff.TILE_LENGTH: [height]}
    numbers |= shape if layout.is_tiled else {tiff.ROWS_PER_STRIP: [height]}
    tags = {tag: tiff.longs(order, *values) for tag, values in numbers.items()}
    with TiffImageFile(BytesIO(tiff.written(order, list(body), tags))) as image:
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
    if layout.predictor == _FLOAT_DIFFERENCES:
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


def merged(layout: Layout, planes: list[Image.Image]) -> Image.Image:
    """Return the samples that ``decoded`` returned as L, RGB, CMYK or LAB, with straight alpha as LA or RGBA.

    CMYK and LAB cannot have alpha in Pillow: theirs stays the caller's.
    """
    colours = planes[: COLOURS[layout.photometric]]
    if layout.alpha and layout.photometric != 3 and layout.alpha[1] == ASSOCIATED:
        colours = [Image.merge("La", (plane, planes[-1])).convert("LA").getchannel("L") for plane in colours]
    if layout.photometric == 0:
        colours = [ImageChops.invert(colours[0])]
    if layout.photometric == 8:  # a and b have a sign
        colours[1:] = [plane.point(lambda level: level ^ 128) for plane in colours[1:]]
    if layout.photometric == 3:
        colours = _of_palette(layout.directory, colours[0])
    return Image.merge({1: "L", 4: "CMYK"}.get(len(colours), "LAB" if layout.photometric in (8, 9) else "RGB"), colours)


def _of_palette(directory: Directory, indices: Image.Image) -> list[Image.Image]:
    levels = [level // 256 for level in directory.numbers(tiff.COLOUR_MAP)]
    size = len(levels) // 3
    tables = [(levels[n * size : (n + 1) * size] + [0] * 256)[:256] for n in range(3)]
    return [indices.point(table) for table in tables]
