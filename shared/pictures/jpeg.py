"""What Pillow and libjpeg are given of a JPEG: nothing that keeps them busy without making a picture. Pure.

Pillow reads what comes before the pixels byte by byte, and copies EXIF again for each part of it; libjpeg goes over
the whole picture for each scan.
"""

import re
from collections.abc import Iterator
from itertools import islice

from shared.errors import Permanent, Reason

SIGNATURE = b"\xff\xd8\xff"
_MANY, _MOST = 256, 4096  # segments; an ICC profile, or XMP with pictures of its own in it, may be in as many
_MOST_SCANS = 64  # 10 are usual
_START_OF_SCAN, _END, _EXIF, _PADDING = 0xDA, 0xD9, 0xE1, 0xFF
_LIKE_A_SCAN = re.compile(rb"\xff\xda\0")  # its length is at most 14; re finds it three times as fast as count()
_APPLICATIONS = frozenset((0xE0, _EXIF, 0xE2, 0xEE))  # JFIF, EXIF, ICC profile, Adobe
_NOT_NEEDED = (frozenset(range(0xE0, 0xF0)) | {0xFE}) - _APPLICATIONS
_ALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # markers without anything behind them
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1, 0xC9))
_ENDLESS = b"\xff" * 0x10000  # longer than any segment
_FILLING = re.compile(rb"\xff{65536,}")
_AGAIN = "export it again, as JPEG or PNG, and upload that."

# The segments of a JPEG without any metadata (ITU-T T.81, table B.1), and the JFIF header without a thumbnail.
_JFIF, _BARE_JFIF = 0xE0, 16
_BARE_FRAMES = (0xC0, 0xC2)  # baseline, progressive
_BARE_SEGMENTS = (_JFIF, _START_OF_SCAN, *_BARE_FRAMES, 0xC4, 0xDB, 0xDD)
_YCC_FRAME = re.compile(rb"\x08.{4}\x03\x01..\x02..\x03..", re.DOTALL)  # 8 bits, components 1, 2, 3
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

Segment = tuple[int, int, int]


def picture_alone(source: bytes) -> bytes:
    """Return a JPEG as it is, or, where there is far too much before or in its pixels, without that.

    Raises:
        Permanent: ``not_an_image`` where it is in so many pieces that only an attack can be meant.
    """
    segments = _some_segments(source, 2)
    pixels = segments[-1][2] if segments else len(source)
    if _has_too_many_scans(source, pixels):
        raise Permanent(
            Reason.NOT_AN_IMAGE, f"The picture is saved in more than {_MOST_SCANS} layers of detail; {_AGAIN}"
        )
    if source.find(_ENDLESS, pixels) >= 0:  # Pillow would begin to read such padding again with each part of it
        source = source[:pixels] + _FILLING.sub(b"\xff", source[pixels:])
    return _trimmed(source, segments, pixels) if len(segments) > _MANY else source


def is_kept_whole(source: bytes) -> bool:
    """Tell whether libjpeg keeps all of the picture until it has read its last scan: each scan tells but a part of it."""
    segments = _some_segments(source, 2)
    frame = next((at for marker, at, _ in segments if marker in _FRAMES), None)
    if frame is None or segments[-1][0] != _START_OF_SCAN:
        return False
    components, in_scan = source[frame + 9 : frame + 10], source[segments[-1][1] + 4 : segments[-1][1] + 5]
    return source[frame + 1] not in _SEQUENTIAL or in_scan < components


def _some_segments(source: bytes, at: int) -> list[Segment]:
    segments = list(islice(_segments(source, at), _MOST + 1))
    if len(segments) > _MOST:
        raise Permanent(Reason.NOT_AN_IMAGE, f"The file is in more than {_MOST:,} pieces beside its pixels; {_AGAIN}")
    return segments


def _segments(source: bytes, at: int) -> Iterator[Segment]:
    """Yield the marker of each segment up to the pixels, where it begins and where it ends; padding counts as well."""
    while source[at : at + 1] == b"\xff" and at + 1 < len(source):
        marker = source[at + 1]
        if marker == _PADDING:
            end = at + 1
        elif marker == 0 or marker in _ALONE:
            end = at + 2
        else:
            end = at + 2 + max(2, int.from_bytes(source[at + 2 : at + 4]))
        yield marker, at, end
        if marker in (_START_OF_SCAN, _END):
            return
        at = end


def _has_too_many_scans(source: bytes, pixels: int) -> bool:
    alike = islice(_LIKE_A_SCAN.finditer(source, pixels), _MOST_SCANS)
    if sum(1 for _ in alike) < _MOST_SCANS:  # quickly told of nearly every file
        return False
    at = pixels
    for _ in range(_MOST_SCANS):
        between = _some_segments(source, end_of_scan(source, at))
        if not between or between[-1][0] != _START_OF_SCAN:
            return False
        at = between[-1][2]
    return True


def _trimmed(source: bytes, segments: list[Segment], pixels: int) -> bytes:
    seen, kept = set(), [source[:2]]
    for marker, at, end in segments:
        if marker not in _NOT_NEEDED and not (marker == _EXIF and marker in seen):
            kept.append(source[at:end])
        seen.add(marker)
    return b"".join((*kept, source[pixels:]))


def is_bare(source: bytes) -> bool:
    """Tell whether ``source`` is a JPEG in YCbCr that holds nothing but its pixels, from its first byte to its last."""
    if not source.startswith(SIGNATURE):
        return False
    at = 2
    while source[at : at + 1] == b"\xff":
        marker, length = source[at + 1 : at + 2], int.from_bytes(source[at + 2 : at + 4])
        if not _is_bare(ord(marker or b"\0"), source[at + 4 : at + 2 + length], length):
            return False
        at += 2 + length
        if ord(marker) == _START_OF_SCAN:
            at = end_of_scan(source, at)
            if source[at:] == bytes((0xFF, _END)):
                return True
    return False


def _is_bare(marker: int, segment: bytes, length: int) -> bool:
    if marker in _BARE_FRAMES:
        return bool(_YCC_FRAME.fullmatch(segment))
    return marker in _BARE_SEGMENTS and len(segment) == length - 2 and (marker != _JFIF or length == _BARE_JFIF)


def end_of_scan(source: bytes, at: int) -> int:
    """Return where the next marker begins after the pixels that begin at ``at``."""
    found = _NEXT_MARKER.search(source, at)
    return found.start() if found else len(source)
