"""Decodes the bitmaps (BMP) that Pillow does not: any bit fields, 2 bits, runs, odd headers and palettes. Pure."""

import struct
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageFile, ImageMath

from shared.errors import Permanent, Reason
from shared.pictures import bmp_runs
from shared.pictures.diagnosis import EXPORT_AGAIN
from shared.pictures.icc import LARGEST_PROFILE

SIGNATURE = b"BM"
_HEADER_AT, _OLDEST, _USUAL, _NEWEST = 14, 12, 40, 124  # bytes: where the second header begins, and its lengths
_OF_OS2, _WITH_ALPHA_MASK, _NEWER = 64, 56, (40, 52, 56, 108, 124)  # lengths; others from 16 to 64 are of OS/2
_RAW, _RUNS_OF_8, _RUNS_OF_4, _FIELDS, _FIELDS_WITH_ALPHA = 0, 1, 2, 3, 6  # compressions
_RUNS = {_RUNS_OF_8: 8, _RUNS_OF_4: 4}  # with the bits of a pixel
_WITH_PALETTE, _NEW_DEPTH = (1, 2, 4, 8), 2  # bits of a pixel; the one that Pillow does not know
_MODES_OF_FIELDS = {16: ("I;16", "I;16"), 32: ("I", "I;32")}  # and raw modes, by the bits of a pixel
_MOST_FIELD_BITS = 16  # more do not show in 8
_STRIP = 1 << 18  # pixels that are converted at once
_RAW_MODES = {1: "P;1", 2: "P;2", 4: "P;4", 8: "P", 16: "BGR;15", 24: "BGR", 32: "BGRX"}  # by bits
_EMBEDDED_PROFILE, _SPACE_AT, _PROFILE_AT = b"DEBM", 56, 112  # a colour space; bytes in the newest header
# By whether the header is of Windows, and the compression.
_UNREADABLE = {
    (True, 4): "holds a JPEG",
    (True, 5): "holds a PNG",
    (False, 3): "is packed by OS/2's Huffman coding",
    (False, 4): "is packed by OS/2's runs of 24 bits",
}
_UNREADABLE_DEPTHS = {64: "has 64 bits a pixel"}
# Fields that Pillow knows, in the order of bytes that are usual.
_BY_PILLOW = {
    16: ((0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)),
    24: ((0xFF0000, 0xFF00, 0xFF, 0),),
    32: ((0xFF0000, 0xFF00, 0xFF, 0), (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0, 0, 0, 0)),
}


class _Layout(NamedTuple):
    """Describes how a bitmap is stored; ``start`` is where its pixels begin, ``masks`` are those of R, G, B, alpha."""

    header: int
    size: tuple[int, int]
    is_top_down: bool
    bits: int
    compression: int
    palette_at: int
    start: int
    colours: int = 0
    masks: tuple[int, int, int, int] = (0, 0, 0, 0)


def opened(source: bytes) -> Image.Image | None:
    """Return the bitmap, undecoded, if Pillow would refuse it or show it wrongly; None for all others.

    Raises:
        Permanent: ``not_an_image`` for variants that are too rare to be read.
        struct.error: the header is cut short.
    """
    layout = _layout(source)
    if layout is None or not layout.start or _is_for_pillow(layout):
        return None
    return Bitmap(source, layout)


def profile(source: bytes) -> bytes | None:
    """Return the ICC profile that the newest header may name."""
    if source[_HEADER_AT : _HEADER_AT + 4] != _NEWEST.to_bytes(4, "little"):
        return None
    at, length = struct.unpack_from("<II", source, _HEADER_AT + _PROFILE_AT)
    is_embedded = source.startswith(_EMBEDDED_PROFILE, _HEADER_AT + _SPACE_AT) and length <= LARGEST_PROFILE
    return source[_HEADER_AT + at : _HEADER_AT + at + length] if is_embedded else None


def show_blank_alpha(image: Image.Image) -> None:
    """Make ``image`` opaque if its alpha is 0 everywhere: the writer left it unused, and no viewer takes it."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        image.putalpha(255)


def _layout(source: bytes) -> _Layout | None:
    """Return the layout that the headers state; None if only Pillow can say what is wrong with them."""
    (start, header) = struct.unpack_from("<II", source, 10)
    after = _HEADER_AT + header
    if header == _OLDEST:
        width, height, _, bits = struct.unpack_from("<4H", source, 18)
        return _Layout(
            header, (width, height), is_top_down=False, bits=bits, compression=_RAW, palette_at=after, start=start
        )
    if header not in range(16, _OF_OS2 + 1) and header not in _NEWER:
        return None
    fields = source[_HEADER_AT : min(after, _HEADER_AT + _USUAL)].ljust(_USUAL, b"\0")
    width, height, _, bits, compression, *_, colours, _ = struct.unpack("<iiHHIIiiII", fields[4:])
    unreadable = _UNREADABLE.get((header in _NEWER, compression)) or _UNREADABLE_DEPTHS.get(bits)
    if unreadable:
        raise _too_rare(unreadable)
    masks = _masks(source, header, compression)
    palette_at = after + (4 * len(masks) if header == _USUAL else 0)
    r, g, b, a = (*masks, 0, 0, 0, 0)[:4]
    return _Layout(
        header, (width, abs(height)), height < 0, bits, compression, palette_at, start, colours, (r, g, b, a)
    )


def _too_rare(what: str) -> Permanent:
    return Permanent(Reason.NOT_AN_IMAGE, f"The file is a BMP that {what}, which we cannot read; {EXPORT_AGAIN}")


def _masks(source: bytes, header: int, compression: int) -> Sequence[int]:
    """Return the masks of R, G, B and perhaps alpha; the usual header has them after its end, newer ones inside."""
    if compression not in (_FIELDS, _FIELDS_WITH_ALPHA) or header not in _NEWER:
        return ()
    has_alpha = header >= _WITH_ALPHA_MASK or compression == _FIELDS_WITH_ALPHA
    return struct.unpack_from("<4I" if has_alpha else "<3I", source, _HEADER_AT + _USUAL)


def _is_for_pillow(layout: _Layout) -> bool:
    if layout.compression in (_FIELDS, _FIELDS_WITH_ALPHA):
        is_known = layout.compression == _FIELDS and layout.masks in _BY_PILLOW.get(layout.bits, ())
        if not is_known and layout.bits not in _MODES_OF_FIELDS:
            raise _too_rare(f"has bit fields in {layout.bits} bits")
        return is_known
    if layout.compression in _RUNS:
        return layout.bits != _RUNS[layout.compression]
    if layout.compression != _RAW or layout.bits not in _RAW_MODES:
        return True
    has_usual_palette = layout.bits not in _WITH_PALETTE or layout.colours <= 1 << layout.bits
    return layout.header in (_OLDEST, _OF_OS2, *_NEWER) and layout.bits != _NEW_DEPTH and has_usual_palette


class Bitmap(ImageFile.ImageFile):
    """Holds a bitmap of which only the headers are read."""

    format = "BMP"

    def __init__(self, source: bytes, layout: _Layout) -> None:
        self._source, self._layout = source, layout
        super().__init__(BytesIO(source))

    def _open(self) -> None:
        layout = self._layout
        self._size = layout.size
        self._mode = "P" if layout.bits in _WITH_PALETTE else "RGBA" if layout.masks[3] else "RGB"
        self.fields = [_field(mask) for mask in layout.masks] if any(layout.masks) else []

    def decoded(self) -> Image.Image:
        """Return the pixels.

        Raises:
            OSError, ValueError: pixels are missing.
        """
        layout = self._layout
        if self.fields:
            return self._of_fields()
        if layout.compression in _RUNS:
            rows = bmp_runs.unpacked(self._source, layout.start, self.size, is_of_4=layout.compression == _RUNS_OF_4)
            image = Image.frombytes("P", self.size, rows, "raw", "P", 0, 1 if layout.is_top_down else -1)
        else:
            image = _from_rows(self.mode, self.size, self._source[layout.start :], _RAW_MODES[layout.bits], layout)
        if image.mode == "P":
            image.putpalette(_palette(self._source, layout))
        return image

    def _of_fields(self) -> Image.Image:
        image = Image.new(self.mode, self.size)
        for top, rows, data in _strips(self._source, self._layout):
            mode, raw_mode = _MODES_OF_FIELDS[self._layout.bits]
            pixels = _from_rows(mode, (self.width, rows), data, raw_mode, self._layout).convert("I")
            channels = [_channel(pixels, *field) for field in self.fields[: len(self.getbands())]]
            image.paste(Image.merge(self.mode, channels), (0, top))
        return image


def _field(mask: int) -> tuple[int, int]:
    """Return the lowest bit of a field and its highest value, in at most 16 bits."""
    if not mask:
        return 0, 0
    lowest = (mask & -mask).bit_length() - 1
    value = mask >> lowest
    if value & (value + 1):
        raise _too_rare("has bit fields with gaps")
    surplus = max(0, value.bit_length() - _MOST_FIELD_BITS)
    return lowest + surplus, value >> surplus


def _channel(pixels: Image.Image, lowest: int, highest: int) -> Image.Image:
    if not highest:
        return Image.new("L", pixels.size)
    field: Image.Image = ImageMath.lambda_eval(
        lambda of: ((of["pixels"] >> lowest & highest) * 255 + highest // 2) / highest, pixels=pixels
    )
    return field.convert("L")


def _stride(layout: _Layout) -> int:
    return (layout.size[0] * layout.bits + 31) // 32 * 4


def _from_rows(mode: str, size: tuple[int, int], rows: bytes, raw_mode: str, layout: _Layout) -> Image.Image:
    return Image.frombytes(mode, size, rows, "raw", raw_mode, _stride(layout), 1 if layout.is_top_down else -1)


def _strips(source: bytes, layout: _Layout) -> Iterator[tuple[int, int, bytes]]:
    """Yield the top of a few rows, their number and their bytes."""
    stride, step = _stride(layout), max(1, _STRIP // layout.size[0])
    for first in range(0, layout.size[1], step):
        rows = min(step, layout.size[1] - first)
        at = layout.start + first * stride
        yield first if layout.is_top_down else layout.size[1] - first - rows, rows, source[at : at + rows * stride]


def _palette(source: bytes, layout: _Layout) -> bytes:
    entry, most = 3 if layout.header == _OLDEST else 4, 1 << layout.bits
    room = (layout.start - layout.palette_at) // entry
    number = min(layout.colours or most, most, room if room > 0 else most)
    entries = source[layout.palette_at : layout.palette_at + entry * number]
    colours = bytearray(3 * 256)
    for channel in range(3):
        levels = entries[2 - channel :: entry]
        colours[channel : 3 * len(levels) : 3] = levels
    return bytes(colours)
