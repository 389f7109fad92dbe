"""Parses the segments of a JPEG: strips what would only keep the decoder busy, recognizes bare files. Pure.

Pillow reads what precedes the pixels byte by byte, and copies EXIF again for each part of it; libjpeg goes over the
whole picture for each scan.
"""

import re
from collections.abc import Iterator
from itertools import islice

from shared.errors import Permanent, Reason
from shared.pictures.diagnosis import EXPORT_AGAIN

SIGNATURE = b"\xff\xd8\xff"
_HEADER = 2  # bytes of the marker that begins every file

# Markers: ITU-T T.81, table B.1.
_PADDING = 0xFF
_START_OF_SCAN, _END, _COMMENT = 0xDA, 0xD9, 0xFE
_JFIF, _EXIF, _PROFILE, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_BASELINE, _EXTENDED, _PROGRESSIVE, _ARITHMETIC = 0xC0, 0xC1, 0xC2, 0xC9
_HUFFMAN_TABLES, _QUANTIZATION_TABLES, _RESTART_INTERVAL = 0xC4, 0xDB, 0xDD
_WITHOUT_LENGTH = frozenset((0x00, 0x01, *range(0xD0, 0xDA)))
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_HUFFMAN_TABLES, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((_BASELINE, _EXTENDED, _ARITHMETIC))
_METADATA = frozenset((*range(0xE0, 0xF0), _COMMENT))
_NEEDED_METADATA = frozenset((_JFIF, _EXIF, _PROFILE, _ADOBE))
_BARE_FRAMES = frozenset((_BASELINE, _PROGRESSIVE))
_BARE_SEGMENTS = frozenset((_JFIF, _START_OF_SCAN, _HUFFMAN_TABLES, _QUANTIZATION_TABLES, _RESTART_INTERVAL))
_BARE_JFIF_LENGTH = 16  # bytes: without a thumbnail
_YCC_FRAME = re.compile(rb"\x08.{4}\x03\x01..\x02..\x03..", re.DOTALL)  # 8 bits, components 1, 2, 3

_MANY, _MOST = 256, 4096  # segments; an ICC profile, or XMP with pictures of its own in it, may fill that many
_MOST_SCANS = 64  # 10 are usual
_SCAN_START = re.compile(rb"\xff\xda\0")  # its length is at most 14; re is three times as fast as count()
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_LONG_PADDING = b"\xff" * 0x10000  # longer than any segment
_LONG_PADDINGS = re.compile(rb"\xff{65536,}")

Segment = tuple[int, int, int]  # marker, where it begins, where it ends


def strip_extras(source: bytes) -> bytes:
    """Return a JPEG without excess metadata and padding; nearly every file is returned unchanged.

    Raises:
        Permanent: ``not_an_image`` for a file in so many pieces that it must be an attack.
    """
    segments = _limited_segments(source, _HEADER)
    pixels = segments[-1][2] if segments else len(source)
    if _has_too_many_scans(source, pixels):
        problem = f"The picture is saved in more than {_MOST_SCANS} layers of detail"
        raise Permanent(Reason.NOT_AN_IMAGE, f"{problem}; {EXPORT_AGAIN}")
    if source.find(_LONG_PADDING, pixels) >= 0:  # Pillow would start over on such padding with each part of it
        source = source[:pixels] + _LONG_PADDINGS.sub(b"\xff", source[pixels:])
    return _without_extra_metadata(source, segments, pixels) if len(segments) > _MANY else source


def is_buffered_whole(source: bytes) -> bool:
    """Whether libjpeg buffers the whole picture until its last scan, because each scan holds only a part of it."""
    segments = _limited_segments(source, _HEADER)
    frame = next((start for marker, start, _ in segments if marker in _FRAMES), None)
    if frame is None or segments[-1][0] != _START_OF_SCAN:
        return False
    scan = segments[-1][1]
    components, components_in_scan = source[frame + 9 : frame + 10], source[scan + 4 : scan + 5]
    return source[frame + 1] not in _SEQUENTIAL or components_in_scan < components


def is_bare(source: bytes) -> bool:
    """Whether ``source`` is a JPEG in YCbCr that holds nothing but its pixels, from its first byte to its last."""
    if not source.startswith(SIGNATURE):
        return False
    end = _HEADER
    while (pixels := _pixels_after_bare_segments(source, end)) is not None:
        end = _end_of_scan(source, pixels)
        if source[end:] == bytes((0xFF, _END)):
            return True
    return False


def _pixels_after_bare_segments(source: bytes, start: int) -> int | None:
    """Return where the pixels of the next scan begin; None if anything but bare segments precedes them."""
    for segment in _segments(source, start):
        if not _is_bare_segment(source, segment):
            return None
        if segment[0] == _START_OF_SCAN:
            return segment[2]
    return None


def _is_bare_segment(source: bytes, segment: Segment) -> bool:
    marker, start, end = segment
    if marker in _BARE_FRAMES:
        return bool(_YCC_FRAME.fullmatch(source, start + 4, end))
    length = end - start - 2
    if marker not in _BARE_SEGMENTS or (marker == _JFIF and length != _BARE_JFIF_LENGTH):
        return False
    return end <= len(source) and source[start + 2 : start + 4] == length.to_bytes(2)


def _limited_segments(source: bytes, start: int) -> list[Segment]:
    segments = list(islice(_segments(source, start), _MOST + 1))
    if len(segments) > _MOST:
        problem = f"The file is split into more than {_MOST:,} pieces besides its pixels"
        raise Permanent(Reason.NOT_AN_IMAGE, f"{problem}; {EXPORT_AGAIN}")
    return segments


def _segments(source: bytes, start: int) -> Iterator[Segment]:
    """Yield each segment up to the next pixels; a byte of padding counts as one."""
    while source[start : start + 1] == b"\xff" and start + 1 < len(source):
        marker = source[start + 1]
        if marker == _PADDING:
            end = start + 1
        elif marker in _WITHOUT_LENGTH:
            end = start + 2
        else:
            end = start + 2 + max(2, int.from_bytes(source[start + 2 : start + 4]))
        yield marker, start, end
        if marker in (_START_OF_SCAN, _END):
            return
        start = end


def _end_of_scan(source: bytes, pixels: int) -> int:
    """Return where the next marker begins after the pixels that begin at ``pixels``."""
    marker = _NEXT_MARKER.search(source, pixels)
    return marker.start() if marker else len(source)


def _has_too_many_scans(source: bytes, pixels: int) -> bool:
    candidates = islice(_SCAN_START.finditer(source, pixels), _MOST_SCANS)
    if sum(1 for _ in candidates) < _MOST_SCANS:  # a quick answer for nearly every file
        return False
    for _ in range(_MOST_SCANS):
        segments = _limited_segments(source, _end_of_scan(source, pixels))
        if not segments or segments[-1][0] != _START_OF_SCAN:
            return False
        pixels = segments[-1][2]
    return True


def _without_extra_metadata(source: bytes, segments: list[Segment], pixels: int) -> bytes:
    """Return ``source`` with only the metadata that the picture needs, and with the first EXIF block alone."""
    parts, has_exif = [source[:_HEADER]], False
    for marker, start, end in segments:
        is_needed = marker not in _METADATA or marker in _NEEDED_METADATA
        if is_needed and not (marker == _EXIF and has_exif):
            parts.append(source[start:end])
        has_exif = has_exif or marker == _EXIF
    return b"".join((*parts, source[pixels:]))
