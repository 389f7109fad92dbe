"""Recognizes JPEGs that hold nothing but their pixels, so that they need no rendering. Pure."""

import re
from io import BytesIO

from PIL.JpegImagePlugin import JpegImageFile

from shared.pictures import jpeg_segments as parts
from shared.pictures.jpeg_frame import of_one_pixel
from shared.pictures.jpeg_segments import Segment

_FRAMES = frozenset((parts.BASELINE, parts.PROGRESSIVE))
_TABLES = (parts.HUFFMAN_TABLES, parts.QUANTIZATION_TABLES, parts.RESTART_INTERVAL)
_SEGMENTS = frozenset((parts.JFIF, parts.START_OF_SCAN, *_TABLES))
_JFIF_LENGTH = 16  # bytes: without a thumbnail
_YCC_FRAME = re.compile(rb"\x08.{4}\x03\x01..\x02..\x03..", re.DOTALL)  # 8 bits, components 1, 2, 3
_END = b"\xff\xd9"


def skeleton(source: bytes) -> bytes | None:
    """Return a JPEG in YCbCr without its pixels; None if it holds more than them from its first byte to its last."""
    if not source.startswith(parts.SIGNATURE):
        return None
    kept, end = [source[: parts.HEADER_BYTES]], parts.HEADER_BYTES
    while segments := _bare_segments(source, end):
        kept += [_without_size(source[start:end], marker) for marker, start, end in segments]
        pixels = segments[-1][2]
        end = parts.end_of_scan(source, pixels)
        if end == pixels:
            return None
        if source[end:] == _END:
            return b"".join((*kept, _END))
    return None


def check_decodable(skeleton: bytes) -> None:
    """Let libjpeg judge all that is not pixels, by decoding a picture of one pixel with the same tables and scans.

    Decoding the pixels too would tell nothing more: libjpeg fills gaps in them without an error, and a file that ends
    early has no end marker.
    """
    JpegImageFile(BytesIO(skeleton)).load()


def _without_size(segment: bytes, marker: int) -> bytes:
    return of_one_pixel(segment) if marker in _FRAMES else segment


def _bare_segments(source: bytes, start: int) -> list[Segment]:
    """Return the segments up to the pixels of the next scan; none if anything but bare segments precedes them."""
    segments = []
    for segment in parts.walk(source, start):
        if not _is_bare(source, segment):
            return []
        segments.append(segment)
    return segments if segments and segments[-1][0] == parts.START_OF_SCAN else []


def _is_bare(source: bytes, segment: Segment) -> bool:
    marker, start, end = segment
    if marker in _FRAMES:
        return bool(_YCC_FRAME.fullmatch(source, start + 4, end))
    length = end - start - 2
    if marker not in _SEGMENTS or (marker == parts.JFIF and length != _JFIF_LENGTH):
        return False
    return end <= len(source) and source[start + 2 : start + 4] == length.to_bytes(2)
