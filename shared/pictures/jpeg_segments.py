"""Walks the segments of a JPEG, also past one with a wrong length. Pure."""

import re
from collections.abc import Iterator
from itertools import islice, takewhile

from shared.errors import EndsEarly, Permanent, Reason
from shared.pictures.diagnosis import ENDS_EARLY, EXPORT_AGAIN

SIGNATURE = b"\xff\xd8\xff"
END_OF_PICTURE = b"\xff\xd9"
HEADER_BYTES = 2  # of the marker that begins every file

# Markers: ITU-T T.81, table B.1.
PADDING = 0xFF
START, END, START_OF_SCAN, COMMENT, LINES = 0xD8, 0xD9, 0xDA, 0xFE, 0xDC
JFIF, EXIF, PROFILE, ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
BASELINE, EXTENDED, PROGRESSIVE, LOSSLESS, ARITHMETIC, PROGRESSIVE_ARITHMETIC = 0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA
HUFFMAN_TABLES, ARITHMETIC_TABLES, QUANTIZATION_TABLES, RESTART_INTERVAL, HIERARCHY = 0xC4, 0xCC, 0xDB, 0xDD, 0xDE
RESTARTS = range(0xD0, 0xD8)
WITHOUT_LENGTH = frozenset((0x00, 0x01, *RESTARTS, START, END))
FRAMES = frozenset(range(0xC0, 0xD0)) - {HUFFMAN_TABLES, 0xC8, ARITHMETIC_TABLES}
METADATA = frozenset((*range(0xE0, 0xF0), COMMENT))
TABLES = frozenset((HUFFMAN_TABLES, ARITHMETIC_TABLES, QUANTIZATION_TABLES, RESTART_INTERVAL))
PICTURE = FRAMES | TABLES | {START_OF_SCAN}

_MOST = 4096  # segments; an ICC profile, or XMP with pictures of its own in it, may fill hundreds
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# The search for the picture behind a wrong length: where pictures begin and end, scans, frames of 1, 3 or 4 channels.
_SEARCHED = 4 * 1024 * 1024  # bytes
_LANDMARK = re.compile(
    rb"\xff(?:(?P<start>\xd8\xff)|(?P<end>\xd9)|(?P<scan>\xda\0[\x08\x0a\x0c\x0e])"
    rb"|[\xc0-\xc3\xc9\xca]\0(?:\x0b.{5}\x01|\x11.{5}\x03|\x14.{5}\x04))",
    re.DOTALL,
)
_SEGMENT_START = re.compile(rb"\xff[\xc0-\xc4\xc9\xca\xcc\xda\xdb\xdd\xe0-\xef\xfe]")
_MOST_TRIED = 100_000  # segments

Segment = tuple[int, int, int]  # marker, where it begins, where it ends


def header_segments(source: bytes) -> list[Segment]:
    """Return the segments up to the first pixels, the last of which is the start of the first scan.

    A segment whose length is wrong is skipped, if the picture can be found behind it. Otherwise the segments before
    it are returned, and a decoder may try.

    Raises:
        EndsEarly: the file ends before its pixels begin.
        Permanent: ``not_an_image`` for a file in so many pieces that it must be an attack.
    """
    segments = limited_segments(source, HEADER_BYTES)
    is_header = leads_to_pixels(source, segments)
    if is_header and all(marker != START for marker, _, _ in segments):  # that of a thumbnail may be reached by mistake
        return segments
    found = _segments_around_damage(source, segments)
    if found or is_header:
        return found or segments
    if not segments or source[segments[-1][2] :] in (b"", b"\xff"):
        raise _unreadable_header(source)
    _check_pieces(source)
    return segments


def _check_pieces(source: bytes) -> None:
    """Refuse what Pillow would take long to go over: it also searches for segments in what lies between them."""
    at, between = HEADER_BYTES, 0
    for _ in range(_MOST):
        found = source.find(b"\xff", at)
        between += (found if found >= 0 else len(source)) - at
        if between > _SEARCHED:
            break
        segment = next(walk(source, found), None) if found >= 0 else None
        if segment is None or segment[0] in (START_OF_SCAN, END):
            return
        at = segment[2]
    raise _too_many_pieces()


def _unreadable_header(source: bytes) -> Permanent:
    """Return the reason for a segment that reaches beyond the end: the file is cut, unless it has pixels and an end."""
    _, scan = _frame_and_scan(source)
    if scan and source.find(END_OF_PICTURE, scan) >= 0:
        return Permanent(Reason.NOT_AN_IMAGE, f"The picture is damaged: its header cannot be read; {EXPORT_AGAIN}")
    return EndsEarly(ENDS_EARLY)


def leads_to_pixels(source: bytes, segments: list[Segment]) -> bool:
    """Whether ``segments`` end with the start of a scan, after a frame, within the file."""
    is_scan = bool(segments) and segments[-1][0] == START_OF_SCAN and segments[-1][2] <= len(source)
    return is_scan and any(marker in FRAMES for marker, _, _ in segments)


def limited_segments(source: bytes, start: int) -> list[Segment]:
    """Return each segment up to the next pixels; refuses a file with thousands of them."""
    segments = list(islice(walk(source, start), _MOST + 1))
    if len(segments) > _MOST:
        raise _too_many_pieces()
    return segments


def _too_many_pieces() -> Permanent:
    problem = f"The file is split into more than {_MOST:,} pieces besides its pixels"
    return Permanent(Reason.NOT_AN_IMAGE, f"{problem}; {EXPORT_AGAIN}")


def walk(source: bytes, start: int) -> Iterator[Segment]:
    """Yield each segment up to the next pixels; a byte of padding counts as one."""
    while source[start : start + 1] == b"\xff" and start + 1 < len(source):
        marker = source[start + 1]
        if marker == PADDING:
            end = start + 1
        elif marker in WITHOUT_LENGTH:
            end = start + 2
        else:
            end = start + 2 + max(2, int.from_bytes(source[start + 2 : start + 4]))
        yield marker, start, end
        if marker in (START_OF_SCAN, END):
            return
        start = end


def end_of_scan(source: bytes, pixels: int) -> int:
    """Return where the next marker begins after the pixels that begin at ``pixels``."""
    marker = _NEXT_MARKER.search(source, pixels)
    return marker.start() if marker else len(source)


def _segments_around_damage(source: bytes, segments: list[Segment]) -> list[Segment]:
    """Return ``segments`` up to the damage, and those behind it that lead to the picture's first scan, or none."""
    frame, scan = _frame_and_scan(source)
    sound = list(takewhile(lambda segment: segment[0] != START, segments))
    tried: set[int] = set()  # where one led nowhere, another start would lead nowhere too
    for start in (match.start() for match in _SEGMENT_START.finditer(source, HEADER_BYTES, scan + 2)):
        untried = takewhile(lambda segment: segment[1] not in tried, walk(source, start))
        following = list(islice(untried, _MOST))
        tried.update(begins for _, begins, _ in following)
        if len(tried) > _MOST_TRIED:
            break
        if following and following[-1][1] == scan and following[-1][2] <= len(source):
            found = [segment for segment in sound if segment[2] <= start] + following
            is_found = any(begins == frame for _, begins, _ in found)
            damaged = next((marker for marker, _, end in sound if end > start), COMMENT)
            # Decoders may do without a table, but not with half of one.
            return found if is_found and damaged not in PICTURE else []
    return []


def _frame_and_scan(source: bytes) -> tuple[int, int]:
    """Return where the first frame and scan begin that belong to no thumbnail; 0 if there are none."""
    depth = frame = 0
    for landmark in _LANDMARK.finditer(source, HEADER_BYTES, _SEARCHED):
        kind = landmark.lastgroup
        if kind == "scan" and depth <= 0:
            return frame, landmark.start() if frame else 0
        if kind is None and depth <= 0:
            frame = frame or landmark.start()
        depth += {"start": 1, "end": -1}.get(kind or "", 0)
    return 0, 0
