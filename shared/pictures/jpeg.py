"""Takes a JPEG apart for its two readers: the picture, the metadata that it needs, nothing that may spoil it. Pure.

Pillow parses in Python what precedes the pixels, refuses the picture for a mistake in any of it, and copies EXIF again
for each part of it. Then libjpeg parses it once more, skips what it does not know, and goes over the whole picture for
each scan. So Pillow gets a header of its own; libjpeg gets the file, unchanged unless it could not read it.
"""

import re
from dataclasses import dataclass
from itertools import islice, pairwise

from shared.errors import Permanent, Reason
from shared.pictures import jpeg_segments as parts
from shared.pictures.diagnosis import EXPORT_AGAIN
from shared.pictures.jpeg_frame import Frame, check_supported, read_frame, with_height_of_lines
from shared.pictures.jpeg_segments import Segment

_MANY = 256  # segments; an ICC profile, or XMP with pictures of its own in it, may fill that many
_MOST_SCANS = 64  # 10 are usual
_SCAN_START = re.compile(rb"\xff\xda\0")  # its length is at most 14; re is three times as fast as count()
_LONG_PADDING = b"\xff" * 0x10000  # longer than any segment
_LONG_PADDINGS = re.compile(rb"\xff{65536,}")
_SKIPPED = parts.METADATA | {parts.LINES}  # by libjpeg, which must find their lengths in order
_WITHOUT_EFFECT = frozenset((parts.PADDING, *parts.RESTARTS))
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
# How the data of each needed kind begin, and their least length; libjpeg asks for the same of JFIF and Adobe.
_NEEDED = (
    (parts.JFIF, b"JFIF\0", 14),
    (parts.EXIF, _EXIF, 14),
    (parts.EXIF, _XMP, len(_XMP)),  # may hold the orientation
    (parts.PROFILE, _ICC, 15),
    (parts.ADOBE, b"Adobe", 12),
)

Data = tuple[int, bytes]  # of a segment: its marker and what follows its length


@dataclass(frozen=True)
class Jpeg:
    """Holds a JPEG for decoding: ``content`` is the file, whose pixels begin at ``pixels``.

    ``headers`` are what Pillow needs to know of it: with all metadata, and without what it may fail to parse.
    """

    headers: tuple[bytes, bytes]
    content: bytes
    pixels: int
    frame: Frame | None = None
    is_buffered_whole: bool = False

    @property
    def has_end(self) -> bool:
        """Whether an end marker follows the pixels; True if there are none."""
        return not self.frame or self.content.rfind(b"\xff\xd9", self.pixels) >= 0


def prepared(source: bytes) -> Jpeg:
    """Return a JPEG as its readers need it; the content of nearly every file is the source itself.

    Raises:
        EndsEarly: the file ends before its pixels begin.
        Permanent: ``not_an_image`` for a kind of JPEG that would come out wrong, a file without pixels, or one in so
            many pieces that it must be an attack.
    """
    segments = parts.header_segments(source)
    frame = read_frame(source, segments)
    if frame is None or not parts.leads_to_pixels(source, segments):  # let the readers find out what this is
        return Jpeg((source, source), source, len(source))
    metadata = _needed_metadata(source, segments)
    check_supported(frame, segments, dict(metadata))
    pixels = segments[-1][2]
    source = with_height_of_lines(source, frame, pixels)
    _check_pixels(source, pixels, frame)
    buffered = _is_buffered_whole(source, frame, segments[-1])
    picture = _joined(source, [segment for segment in segments if segment[0] in parts.FRAMES] + segments[-1:])
    headers = _header(metadata, picture), _header([one for one in metadata if one[0] != parts.EXIF], picture)
    content = _without_long_padding(source, pixels)
    if not _is_readable(source, segments):
        tables = [segment for segment in segments if segment[0] in parts.PICTURE]
        start = _header(metadata, _joined(source, tables))
        content, pixels = start + content[pixels:], len(start)
    return Jpeg(headers, content, pixels, frame, buffered)


def _needed_metadata(source: bytes, segments: list[Segment]) -> list[Data]:
    """Return the well-formed metadata that changes how the picture looks; a profile whole or not at all."""
    metadata = [
        (marker, source[start + 4 : end])
        for marker, start, end in segments
        if any(
            marker == needed and end - start - 4 >= least and source.startswith(beginning, start + 4)
            for needed, beginning, least in _NEEDED
        )
    ]
    chunks = [data for marker, data in metadata if marker == parts.PROFILE]
    is_whole = all(data[13] == len(chunks) for data in chunks) and len({data[12] for data in chunks}) == len(chunks)
    if not is_whole:
        metadata = [one for one in metadata if one[0] != parts.PROFILE]
    return _with_one_exif(metadata) if len(segments) > _MANY else metadata


def _with_one_exif(metadata: list[Data]) -> list[Data]:
    """Keep the first of many EXIF blocks, and drop XMP."""
    first = next((one for one in metadata if one[1].startswith(_EXIF)), None)
    return [one for one in metadata if one is first or one[0] != parts.EXIF]


def _header(metadata: list[Data], picture: bytes) -> bytes:
    segments = [bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2) + data for marker, data in metadata]
    return b"".join((b"\xff\xd8", *segments, picture))


def _joined(source: bytes, segments: list[Segment]) -> bytes:
    return b"".join(source[start:end] for _, start, end in segments)


def _is_readable(source: bytes, segments: list[Segment]) -> bool:
    """Whether libjpeg can read or skip all segments: it fails on a second start and on lengths that are wrong."""
    is_known = all(
        marker in _WITHOUT_EFFECT
        or (marker in parts.PICTURE | _SKIPPED and int.from_bytes(source[start + 2 : start + 4]) == end - start - 2)
        for marker, start, end in segments
    )
    is_gapless = all(first[2] == second[1] for first, second in pairwise(segments))
    return is_known and is_gapless and segments[0][1] == parts.HEADER_BYTES


def _without_long_padding(source: bytes, pixels: int) -> bytes:
    if source.find(_LONG_PADDING, pixels) < 0:
        return source
    # Pillow would start over on such padding with each part of it.
    return source[:pixels] + _LONG_PADDINGS.sub(b"\xff", source[pixels:])


def _check_pixels(source: bytes, pixels: int, frame: Frame) -> None:
    if _has_too_many_scans(source, pixels):
        problem = f"The picture is saved in more than {_MOST_SCANS} layers of detail"
        raise Permanent(Reason.NOT_AN_IMAGE, f"{problem}; {EXPORT_AGAIN}")
    is_empty = parts.end_of_scan(source, pixels) == pixels < len(source)
    if is_empty and not frame.is_arithmetic:  # libjpeg would fill it with gray; arithmetic coding needs no bytes for it
        raise Permanent(Reason.NOT_AN_IMAGE, f"The picture is damaged: its pixels are missing; {EXPORT_AGAIN}")


def _is_buffered_whole(source: bytes, frame: Frame, scan: Segment) -> bool:
    """Whether libjpeg buffers the whole picture until its last scan, because each scan holds only a part of it."""
    components_in_scan = source[scan[1] + 4]
    return not frame.is_sequential or components_in_scan < len(frame.components)


def _has_too_many_scans(source: bytes, pixels: int) -> bool:
    candidates = islice(_SCAN_START.finditer(source, pixels), _MOST_SCANS)
    if sum(1 for _ in candidates) < _MOST_SCANS:  # a quick answer for nearly every file
        return False
    for _ in range(_MOST_SCANS):
        segments = parts.limited_segments(source, parts.end_of_scan(source, pixels))
        if not segments or segments[-1][0] != parts.START_OF_SCAN:
            return False
        pixels = segments[-1][2]
    return True
