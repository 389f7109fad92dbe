"""Decodes the samples of TIFFs whose layout Pillow cannot read: planes, alpha, floating point, 32 bits. Pure."""

import struct
from functools import lru_cache

from PIL import Image, ImageChops

from shared.errors import Permanent, Reason
from shared.pictures import tiff_directory as tags
from shared.pictures.tiff_bands import bands, byte_order
from shared.pictures.tiff_directory import Directory
from shared.pictures.tiff_layout import (
    ASSOCIATED,
    COLOURS,
    FLOATING,
    LABS,
    PALETTE,
    SIGNED,
    SIGNED_LAB,
    WHITE_IS_0,
    Layout,
    refusal,
)

_LARGEST_BAND = 178_956_970  # bytes; Pillow refuses more pixels
_CLIPPED = 1.1  # floating point from here on is no rounding; if most of it is, its maximum is not 1
_DARKEST = 1 / 255  # if no floating point is above, its maximum is not 1 either
_INTEGER_BITS = 32
_NEGATIVE_HALF = 0x8000  # and codes above, of floating point of 16 bits
_HALF, _SHORT = 2, 2  # bytes of floating point and of whole numbers of 16 bits
_HIGHEST_POSITIVE = 127  # of a signed byte


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
    level = _Levels(layout, is_low=layout.bits[0] == _INTEGER_BITS and _is_low(source, layout, wanted))
    for index, target in zip(wanted, targets, strict=True):
        if layout.is_planar or index == wanted[0]:
            strips = bands(source, layout, index if layout.is_planar else 0)
            shown = [(index, target)] if layout.is_planar else list(zip(wanted, targets, strict=True))
            for top, rows in strips:
                for sample, plane in shown:
                    is_colour = sample < COLOURS[layout.photometric]
                    levels = level.of(rows, 0 if layout.is_planar else sample, is_colour=is_colour)
                    plane.paste(levels, (0, top))
    level.check_range()
    return targets


def _is_low(source: bytes, layout: Layout, wanted: list[int]) -> bool:
    """Whether numbers of 32 bits stay below 65,536: many programs write 16 bits so."""
    if layout.sample_format == FLOATING:
        return False
    high = (3, 2) if byte_order(layout) == "<" else (0, 1)
    planes = wanted if layout.is_planar else [0]
    return not any(
        rows[byte::4].strip(b"\0") for plane in planes for _, rows in bands(source, layout, plane) for byte in high
    )


class _Levels:
    """Turns the bytes of samples into levels from 0 to 255, and keeps the range of floating point."""

    def __init__(self, layout: Layout, *, is_low: bool) -> None:
        self._layout, self._is_low = layout, is_low
        self._low, self._high, self._clipped, self._lit = float("inf"), float("-inf"), 0, 0

    def of(self, rows: bytes, sample: int, *, is_colour: bool) -> Image.Image:
        """Return one sample of whole ``rows``; ``sample`` counts within their unit."""
        layout, width = self._layout, self._layout.bits[0] // 8
        size = layout.size[0], len(rows) // layout.unit // layout.size[0]
        first, order = sample * width, byte_order(layout)
        if layout.sample_format == FLOATING:
            parts = [rows[first + n :: layout.unit] for n in range(width)]
            numbers = _Floats(size, parts if order == "<" else parts[::-1])
            levels = numbers.levels(1)
            if is_colour:
                self._note_range(numbers, levels)
            return levels
        skipped = 2 * self._is_low  # bytes above 16 bits
        high, low = (first + (width - 1 - n if order == "<" else n) for n in (skipped, skipped + 1))
        level = Image.frombytes("L", size, rows[high :: layout.unit])
        if layout.sample_format != SIGNED or width == 1 or self._is_low:  # some programs call plain bytes signed
            return level
        if width > _SHORT or level.getextrema()[1] > _HIGHEST_POSITIVE:  # type: ignore[operator] # of one channel
            raise _refused("with negative numbers" if width == _SHORT else "with signed numbers of 32 bits")
        bit = Image.frombytes("L", size, rows[low :: layout.unit]).point(lambda number: number >> 7)
        return ImageChops.add(level.point(lambda number: number * 2), bit)  # the highest number is 32,767

    def _note_range(self, numbers: "_Floats", levels: Image.Image) -> None:
        low, high = numbers.extrema()
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._lit += sum(levels.histogram()[1:])
        if high > _CLIPPED:
            self._clipped += numbers.levels(_CLIPPED).histogram()[255]

    def check_range(self) -> None:
        """Refuse floating point that is not from 0 to 1: it would come out white or black."""
        is_white, is_black = self._low >= 1 or self._clipped * 2 > self._lit, self._high <= _DARKEST
        if self._low < self._high and (is_white or is_black):
            numbers = f"with floating point numbers from {self._low:,.4g} to {self._high:,.4g} instead of 0 to 1"
            raise _refused(numbers)


class _Floats:
    """Holds floating point numbers, given as their bytes from the lowest to the highest."""

    def __init__(self, size: tuple[int, int], parts: list[bytes]) -> None:
        self._size, self._parts, self._is_half = size, parts, len(parts) == _HALF
        if self._is_half:
            self._numbers = self._codes(parts)
        else:
            self._numbers = Image.frombytes("F", size, _joined(parts), "raw", f"F;{8 * len(parts)}F", 0, 1)

    def _codes(self, parts: list[bytes]) -> Image.Image:
        return Image.frombytes("I;16", self._size, _joined(parts)).convert("I")

    def levels(self, top: float) -> Image.Image:
        """Return levels from 0 to 255, which is ``top``."""
        if self._is_half:
            return self._numbers.point(_half_levels(top), "L")
        factor = 255 / top
        return self._numbers.point(lambda value: value * factor + 0.5).convert("L")

    def extrema(self) -> tuple[float, float]:
        """Return the lowest and the highest number."""
        low, high = map(float, self._numbers.getextrema())  # type: ignore[arg-type] # of one channel
        if not self._is_half:
            return low, high
        if high < _NEGATIVE_HALF:  # codes of positive numbers have their order, those of negative ones the reverse
            return _half(int(low)), _half(int(high))
        positive = self._codes([self._parts[0], self._parts[1].translate(_WITHOUT_NEGATIVE)])
        return _half(int(high)), _half(int(positive.getextrema()[1]))  # type: ignore[arg-type]


_WITHOUT_NEGATIVE = bytes(range(128)) + bytes(128)


def _joined(parts: list[bytes]) -> bytes:
    joined = bytearray(len(parts) * len(parts[0]))
    for n, part in enumerate(parts):
        joined[n :: len(parts)] = part
    return bytes(joined)


def _half(code: int) -> float:
    number: float = struct.unpack("<e", code.to_bytes(2, "little"))[0]
    return number


@lru_cache(maxsize=2)
def _half_levels(top: float) -> list[int]:
    """Return the level of each floating point number of 16 bits; 255 is ``top``."""
    numbers = map(_half, range(1 << 16))
    return [round(255 * min(1, number / top)) if number > 0 else 0 for number in numbers]


def _refused(kind: str) -> Permanent:
    return Permanent(Reason.NOT_AN_IMAGE, refusal(kind))


def merged(layout: Layout, planes: list[Image.Image]) -> Image.Image:
    """Return the samples that ``decoded`` returned as L, RGB, CMYK or LAB, with straight alpha as LA or RGBA.

    CMYK and LAB cannot have alpha in Pillow: theirs stays the caller's.
    """
    colours = planes[: COLOURS[layout.photometric]]
    if layout.alpha and layout.photometric != PALETTE and layout.alpha[1] == ASSOCIATED:
        colours = [Image.merge("La", (plane, planes[-1])).convert("LA").getchannel("L") for plane in colours]
    if layout.photometric == WHITE_IS_0:
        colours = [ImageChops.invert(colours[0])]
    if layout.photometric == SIGNED_LAB:  # a and b have a sign
        colours[1:] = [plane.point(lambda level: level ^ 128) for plane in colours[1:]]
    if layout.photometric == PALETTE:
        colours = _of_palette(layout.directory, colours[0])
    return Image.merge({1: "L", 4: "CMYK"}.get(len(colours), "LAB" if layout.photometric in LABS else "RGB"), colours)


def _of_palette(directory: Directory, indices: Image.Image) -> list[Image.Image]:
    levels = [level // 256 for level in directory.numbers(tags.COLOUR_MAP)]
    size = len(levels) // 3
    tables = [(levels[n * size : (n + 1) * size] + [0] * 256)[:256] for n in range(3)]
    return [indices.point(table) for table in tables]
