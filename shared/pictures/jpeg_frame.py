"""Reads a JPEG's frame (its size, depth and channels), and refuses the kinds that would come out wrong. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import Permanent, Reason
from shared.pictures import jpeg_segments as parts
from shared.pictures.jpeg_segments import Segment

_BITS_AT, _HEIGHT_AT, _WIDTH_AT, _COMPONENTS_AT = 4, 5, 7, 10  # in the segment of a frame (ITU-T T.81, B.2.2)
_ONE_PIXEL = b"\0\1\0\1"
_HIERARCHICAL = frozenset((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF))
_LOSSLESS_ARITHMETIC = 0xCB
_SEQUENTIAL = frozenset((parts.BASELINE, parts.EXTENDED, parts.ARITHMETIC))
_BITS, _CHANNELS = 8, (1, 3, 4)
_ADOBE_TRANSFORM_AT = 11  # in the data of Adobe's segment
# The components of a lossless JPEG that libjpeg takes for colours in RGB unless a segment says otherwise.
_RGB_COMPONENTS = (b"\1\2\3", b"RGB")
_SAVE_AS = "save it as an ordinary JPEG (baseline, 8 bits) or as PNG, and upload that."


@dataclass(frozen=True)
class Frame:
    """Describes the picture; ``start`` and ``end`` are those of its segment, ``components`` the ids of its channels."""

    marker: int
    start: int
    end: int
    bits: int
    height: int
    width: int
    components: bytes

    @property
    def is_lossless(self) -> bool:
        """Whether the numbers are coded without a loss, so they cannot be decoded at a reduced scale."""
        return self.marker == parts.LOSSLESS

    @property
    def is_arithmetic(self) -> bool:
        """Whether libjpeg needs the whole file at once."""
        return self.marker in (parts.ARITHMETIC, parts.PROGRESSIVE_ARITHMETIC)

    @property
    def is_progressive(self) -> bool:
        """Whether each scan holds only some detail."""
        return self.marker in (parts.PROGRESSIVE, parts.PROGRESSIVE_ARITHMETIC)

    @property
    def is_sequential(self) -> bool:
        """Whether each scan holds whole blocks of pixels."""
        return self.marker in _SEQUENTIAL


def read_frame(source: bytes, segments: list[Segment]) -> Frame | None:
    """Return the first frame; None if there is none."""
    for marker, start, end in segments:
        if marker in parts.FRAMES:
            bits = source[start + _BITS_AT] if end > start + _BITS_AT else 0
            height, width = (int.from_bytes(source[at : at + 2]) for at in (start + _HEIGHT_AT, start + _WIDTH_AT))
            return Frame(marker, start, end, bits, height, width, source[start + _COMPONENTS_AT : end : 3])
    return None


def check_supported(frame: Frame, segments: list[Segment], metadata: Mapping[int, bytes]) -> None:
    """Refuse the kinds of JPEG that libjpeg or Pillow cannot decode, or would decode in wrong colours."""
    kind = _hierarchical(frame, segments) or _odd_depth(frame) or _unclear_lossless(frame, metadata)
    if kind:
        raise Permanent(Reason.NOT_AN_IMAGE, f"The picture is {kind}, which we cannot read; {_SAVE_AS}")


def _hierarchical(frame: Frame, segments: list[Segment]) -> str | None:
    is_hierarchical = frame.marker in _HIERARCHICAL or any(segment[0] == parts.HIERARCHY for segment in segments)
    return "a hierarchical JPEG" if is_hierarchical else None


def _odd_depth(frame: Frame) -> str | None:
    kind = "lossless JPEG" if frame.marker in (parts.LOSSLESS, _LOSSLESS_ARITHMETIC) else "JPEG"
    if frame.bits != _BITS:
        return f"a {kind} of {frame.bits} bits a colour"
    if len(frame.components) not in _CHANNELS:
        return f"a {kind} of {len(frame.components)} channels"
    return "a lossless JPEG in arithmetic coding" if frame.marker == _LOSSLESS_ARITHMETIC else None


def _unclear_lossless(frame: Frame, metadata: Mapping[int, bytes]) -> str | None:
    """Name a lossless JPEG whose colours are not clearly gray, RGB or CMYK: libjpeg converts nothing in lossless."""
    adobe, channels = metadata.get(parts.ADOBE), len(frame.components)
    is_unconverted = adobe is not None and adobe[_ADOBE_TRANSFORM_AT] == 0
    is_rgb = parts.JFIF not in metadata and (is_unconverted or (not adobe and frame.components in _RGB_COMPONENTS))
    is_clear = {1: True, 3: is_rgb, 4: is_unconverted}
    return "a lossless JPEG" if frame.is_lossless and not is_clear[channels] else None


def with_height_of_lines(source: bytes, frame: Frame, pixels: int) -> bytes:
    """Return ``source`` with the height that follows its first scan, if the frame leaves it open (T.81, B.2.5)."""
    if frame.height:
        return source
    following = next(parts.walk(source, parts.end_of_scan(source, pixels)), None)
    if following is None or following[0] != parts.LINES:
        return source
    at = frame.start + _HEIGHT_AT
    return source[:at] + source[following[1] + 4 : following[1] + 6] + source[frame.start + _WIDTH_AT :]


def of_one_pixel(frame: bytes) -> bytes:
    """Return the segment of a frame with the smallest size, for a file without pixels."""
    return frame[:_HEIGHT_AT] + _ONE_PIXEL + frame[_HEIGHT_AT + len(_ONE_PIXEL) :]
