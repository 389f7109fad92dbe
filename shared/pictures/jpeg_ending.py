"""Completes a JPEG whose end marker is missing, if all its pixels are there. Pure.

Without a marker behind the pixels, libjpeg waits for more, as it reads some bytes ahead; with one, it silently fills
whatever is missing with gray. So we continue the file in several ways: bytes of the picture that are missing are then
read from the continuations, and show in different pixels; if none is missing, all of them give the same picture.
"""

from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO
from itertools import product
from math import ceil, sqrt

from PIL.JpegImagePlugin import JpegImageFile

from shared.errors import EndsEarly
from shared.pictures import jpeg_segments as parts
from shared.pictures.diagnosis import ENDS_EARLY
from shared.pictures.jpeg import Jpeg
from shared.pictures.jpeg_frame import Frame

_END = b"\xff\xd9"
# libjpeg-turbo reads up to 57 bits ahead. Bits of 0, of 1 and of both; a 0 byte follows each FF that is no marker.
_CONTINUATIONS = (bytes(8), b"\xff\0" * 8, b"\x5a\xc3\x96\x0f\xb4\x2d\x71\xe8")
_LONG_FILL = 16  # bytes; so many zeros were written for want of pixels, and could pass for some
_LAST_ZEROS = 2  # of them may belong to the pixels
_CHECKED_PIXELS = 4_000_000  # of more, a reduced scale is checked; whatever that hides is not shown either
_MOST_WORK = 600_000_000  # pixels times scans: some seconds
_COEFFICIENTS = range(64)
_STRIP = 256  # rows that are compared at once

Scan = tuple[int, int, int]  # where its segment begins, where its pixels begin, where they end


def completed(jpeg: Jpeg) -> bytes:
    """Return the content of a JPEG without an end marker as a whole file.

    Raises:
        EndsEarly: some of its pixels are missing.
    """
    scans = list(_scans(jpeg))
    if not _can_be_whole(jpeg.frame, jpeg.content, scans):
        raise EndsEarly(ENDS_EARLY)
    whole = _without_fill(jpeg.content[: scans[-1][2]])
    # Without an end, libjpeg refuses a picture in one scan that lacks more than the continuation.
    end = _END if jpeg.is_buffered_whole else b""
    pictures = (_fingerprint(jpeg, whole + continuation + end) for continuation in _CONTINUATIONS)
    first = next(pictures)
    if any(picture != first for picture in pictures):
        raise EndsEarly(ENDS_EARLY)
    return whole + _END


def memory_for(jpeg: Jpeg) -> int:
    """Return the bytes that ``completed`` decodes into, besides what libjpeg buffers for any JPEG in several scans."""
    return 0 if jpeg.has_end else 6 * _CHECKED_PIXELS


def _scans(jpeg: Jpeg) -> Iterator[Scan]:
    segments = parts.header_segments(jpeg.content)
    while segments and segments[-1][0] == parts.START_OF_SCAN and segments[-1][2] <= len(jpeg.content):
        _, start, pixels = segments[-1]
        end = parts.end_of_scan(jpeg.content, pixels)
        yield start, pixels, end
        segments = parts.limited_segments(jpeg.content, end)


def _can_be_whole(frame: Frame | None, content: bytes, scans: list[Scan]) -> bool:
    """Whether no scan is missing; False also if the pixels cannot be checked, or only at a high cost."""
    if frame is None or frame.is_arithmetic or frame.width * frame.height * len(scans) > _MOST_WORK:
        return False
    missing = set(product(frame.components, _COEFFICIENTS))
    for start, pixels, _ in scans:
        missing -= _completed_by(content[start + 4 : pixels], is_progressive=frame.is_progressive)
    return not missing


def _completed_by(scan: bytes, *, is_progressive: bool) -> set[tuple[int, int]]:
    """Return the coefficients that a scan brings to their last bit, with their channels (T.81, B.2.3 and G.1.1.1)."""
    channels = scan[1 : 1 + 2 * scan[0] : 2]
    if not is_progressive:
        return set(product(channels, _COEFFICIENTS))
    first, last, bits = scan[-3:]
    return set() if bits & 0xF else set(product(channels, _COEFFICIENTS[first : last + 1]))


def _without_fill(pixels: bytes) -> bytes:
    """Return the coded pixels without half an end marker, and without the zeros that may stand for missing bytes."""
    end = len(pixels.rstrip(b"\0"))
    if len(pixels) - end > _LONG_FILL:
        pixels = pixels[: end + _LAST_ZEROS]
    return pixels.rstrip(b"\xff")


def _fingerprint(jpeg: Jpeg, content: bytes) -> bytes:
    image = JpegImageFile(BytesIO(jpeg.headers[1]))
    image.fp = BytesIO(content)
    is_lossless = jpeg.frame is not None and jpeg.frame.is_lossless
    scale = 1 if is_lossless else ceil(sqrt(image.width * image.height / _CHECKED_PIXELS))
    image.draft(None, (ceil(image.width / scale), ceil(image.height / scale)))
    image.load()
    digest = blake2b()
    for top in range(0, image.height, _STRIP):
        digest.update(image.crop((0, top, image.width, min(top + _STRIP, image.height))).tobytes())
    return digest.digest()
