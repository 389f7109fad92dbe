"""Writes JPEGs that Pillow cannot: lossless ones, and files with any segment before or between their pixels."""

import struct
from base64 import b64decode

from PIL import Image

from tests.support.mutations import jpeg_segments

JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"
ADOBE_RGB_COMPONENTS = b"Adobe\0\x64\0\0\0\0\0"
# ``quarters()`` by libjpeg-turbo's cjpeg -arithmetic -quality 90 -sample 1x1, from the first table on.
_TABLES = (
    "/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU/9sAQwEDBAQFBAUJBQUJFA0L"
    "DRQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU"
)
_ARITHMETIC = (
    "/8kAEQgAIABAAwERAAIRAQMRAf/MAAoAEBAFARARBf/aAAwDAQACEQMRAD8A/wDIJU3Vlg0ZTDzDJHgBZBejPJoU5P8AWXVz4QHegZGuE1Ose5WBe7sv"
    "c9m3RtH/2Q=="
)
_PROGRESSIVE_ARITHMETIC = (
    "/8oAEQgAIABAAwERAAIRAQMRAf/MAAYAEAEQ/9oADAMBAAIQAxAAAAH/AI+T3wr6L4z1lUZDRVGPR+5KgDyLL7oC4TtkkbDwiMWiy/OfCgDcqucS/8wA"
    "BBAF/9oACAEBAAEFArD/zAAEEQX/2gAIAQMBAT8BsP/MAAQRBf/aAAgBAgEBPwGw/8wABBAF/9oACAEBAAY/ArD/zAAEEAX/2gAIAQEAAT8hsP/aAAwD"
    "AQACAAMAAAAQ/wD39MVF9KuIbAuIbP/MAAQRBf/aAAgBAwEBPxCw/8wABBEF/9oACAECAQE/ELD/zAAEEAX/2gAIAQEAAT8QsP/Z"
)


def segment(marker: int, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a segment; ``length`` replaces the right one."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2 if length is None else length) + data


def with_segments(jpeg: bytes, *segments: bytes, at: int = 1) -> bytes:
    """Return ``jpeg`` with ``segments`` before its own segment of this number; number 1 is the first."""
    parts = jpeg_segments(jpeg)
    return b"".join((*parts[:at], *segments, *parts[at:]))


def without_segments(jpeg: bytes, marker: int) -> bytes:
    return b"".join(part for part in jpeg_segments(jpeg) if part[:2] != bytes((0xFF, marker)))


def scan_bounds(jpeg: bytes) -> list[tuple[int, int]]:
    """Return where the pixels of each scan begin and end."""
    bounds, at = [], sum(map(len, jpeg_segments(jpeg)[:-1]))
    while jpeg[at : at + 2] != b"\xff\xd9":
        start = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[at + 1] != 0xDA:
            at = start
            continue
        at = start
        while jpeg[at] != 0xFF or jpeg[at + 1] in (0, *range(0xD0, 0xD8)):
            at += 1
        bounds.append((start, at))
    return bounds


def arithmetic(*, progressive: bool = False) -> bytes:
    """Return ``quarters()`` as a JPEG in arithmetic coding."""
    frame = _PROGRESSIVE_ARITHMETIC if progressive else _ARITHMETIC
    return b"\xff\xd8" + segment(0xE0, JFIF) + b64decode(_TABLES) + b64decode(frame)


def lossless(
    image: Image.Image, depth: int = 8, *segments: bytes, marker: int = 0xC3, ids: bytes = b"\1\2\3\4"
) -> bytes:
    """Return a lossless JPEG of ``image`` (T.81, annex H), each pixel predicted from its left neighbour."""
    bands = [list(band.tobytes()) for band in image.split()]
    bits = "".join(
        _coded(_level(band, x, y, image.width, depth) - _predicted(band, x, y, image.width, depth))
        for y in range(image.height)
        for x in range(image.width)
        for band in bands
    )
    bits += "1" * (-len(bits) % 8)
    pixels = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    ids = ids[: len(bands)]
    frame = struct.pack(">BHHB", depth, image.height, image.width, len(ids)) + b"".join(
        bytes((n, 0x11, 0)) for n in ids
    )
    table = b"\0" + bytes((0, 0, 0, 0, 17, *[0] * 11)) + bytes(range(17))  # each number of bits has a code of five
    scan = bytes((len(ids),)) + b"".join(bytes((n, 0)) for n in ids) + b"\1\0\0"
    head = (*segments, segment(marker, frame), segment(0xC4, table), segment(0xDA, scan))
    return b"".join((b"\xff\xd8", *head, pixels, b"\xff\xd9"))


def _level(band: list[int], x: int, y: int, width: int, depth: int) -> int:
    return band[y * width + x] << depth - 8


def _predicted(band: list[int], x: int, y: int, width: int, depth: int) -> int:
    if x:
        return _level(band, x - 1, y, width, depth)
    return _level(band, 0, y - 1, width, depth) if y else 1 << depth - 1


def _coded(step: int) -> str:
    count = abs(step).bit_length()
    value = step if step > 0 else step + (1 << count) - 1
    return f"{count:05b}" + (f"{value:0{count}b}" if count else "")
