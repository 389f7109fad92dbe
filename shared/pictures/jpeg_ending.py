"""Completes a JPEG whose end marker is missing, if all its pixels are there. Pure.

Without a marker behind the pixels, libjpeg waits for more, as it reads some bytes ahead; with one, it silently fills
whatever is missing with gray. So we continue the file in several ways: bytes of the picture that are missing are then
read from the continuations, and show in different pixels; if none is missing, all of them give the same picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
# libjpeg-turbo reads up to 57 bits ahead. The beginnings differ, as codes of few bits do: 00, 11, 01, 10, 110, 1110.
_CONTINUATIONS = tuple(
    bytes.fromhex(bits)
    for bits in (
        "0000000000000000",
        "ff00" * 8,
        "5ac3960fb42d71e8",
        "a53c69f04bd28e17",
        "c7961e5ab82d60f1",
        "e9781ba4d35c2687",
    )
)
_LAST_ZEROS = 2  # bytes at the end of the pixels that may be zeros without a doubt; an end marker is as long
_CHECKED_PIXELS = 4_000_000  # of more, a reduced scale is checked; whatever that hides is not shown either
_MUCH_WORK, _MOST_WORK = 200_000_000, 1_300_000_000  # pixels times scans; the most takes some seconds
_MOST_COST = 4_000_000_000  # of all decoding, about nanoseconds: one for each pixel in a scan, and more for each byte
_BYTE_COST = 16
_LONG = 512  # times a continuation
_FEW = 3  # continuations for much work
_COEFFICIENTS = range(64)
_STRIP = 256  # rows that are compared at once

Scan = tuple[int, int, int]  # where its segment begins, where its pixels begin, where they end


def completed(jpeg: Jpeg) -> bytes:
    """Return the content of a JPEG without an end marker as a whole file.

    Raises:
        EndsEarly: some of its pixels are missing.
    """
    scans = list(_scans(jpeg))
    work = jpeg.frame.width * jpeg.frame.height * len(scans) if jpeg.frame else 0
    if work > _MOST_WORK or not _can_be_whole(jpeg.frame, jpeg.content, scans):
        raise EndsEarly(ENDS_EARLY)
    continuations = _CONTINUATIONS[:_FEW] if work > _MUCH_WORK else _CONTINUATIONS
    # Enough for a file that lacks nothing but its end, even if its last byte is a zero.
    affordable = max(len(continuations) + 2, _MOST_COST // (work + _BYTE_COST * len(jpeg.content)))
    check = _Check(jpeg, continuations, affordable)
    pixels = jpeg.content[: scans[-1][2]].rstrip(b"\xff")  # perhaps half an end marker
    bare = pixels.rstrip(b"\0")
    fill = len(pixels) - len(bare) - bare.endswith(b"\xff")  # behind 0xFF, a zero belongs to it
    # Zeros may be pixels, or stand for missing ones. Pixels do not go on for longer than they need.
    for zeros in range(min(fill, 1) + 1):
        content = pixels[: len(pixels) - fill + zeros]
        if check.is_whole(content):
            return content + _END
    if fill > 1 and check.is_whole(pixels) and not check.is_whole(pixels[: -_LAST_ZEROS - 1]):
        return pixels + _END
    raise EndsEarly(ENDS_EARLY)


def memory_for(jpeg: Jpeg) -> int:
    """Return the bytes that ``completed`` decodes into, besides what libjpeg buffers for any JPEG in several scans."""
    if jpeg.has_end:
        return 0
    # A scale is 1, 2, 4 or 8, so up to 9 bytes for each pixel; the file is copied without its end, and continued.
    return 10 * _CHECKED_PIXELS + 3 * len(jpeg.content)


def _scans(jpeg: Jpeg) -> Iterator[Scan]:
    segments = parts.header_segments(jpeg.content)
    while segments and segments[-1][0] == parts.START_OF_SCAN and segments[-1][2] <= len(jpeg.content):
        _, start, pixels = segments[-1]
        end = parts.end_of_scan(jpeg.content, pixels)
        yield start, pixels, end
        segments = parts.limited_segments(jpeg.content, end)


def _can_be_whole(frame: Frame | None, content: bytes, scans: list[Scan]) -> bool:
    """Whether no scan is missing; False also if the pixels cannot be checked."""
    if frame is None or frame.is_arithmetic:
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


@dataclass
class _Check:
    """Continues a picture in each of several ways, as long as ``decodes`` are left."""

    jpeg: Jpeg
    continuations: Sequence[bytes]
    decodes: int

    def is_whole(self, content: bytes) -> bool:
        """Whether the picture is the same whatever follows ``content``.

        Raises:
            EndsEarly: to find that out would take too long.
        """
        # Without an end, libjpeg refuses a picture in one scan that lacks more than the continuation. In several, it
        # needs the end, and what the last of them lacks is little to see: so more of it must differ.
        times, end = (_LONG, _END) if self.jpeg.is_buffered_whole else (1, b"")
        first = None
        for continuation in self.continuations:
            if not self.decodes:
                raise EndsEarly(ENDS_EARLY)
            self.decodes -= 1
            try:
                picture = _fingerprint(self.jpeg, content + continuation * times + end)
            except OSError:
                return False
            first = first or picture
            if picture != first:
                return False
        return True


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
