"""Strips a PNG of all chunks but those that make the picture. Pure.

Pillow would read every chunk, keep the unknown ones, and refuse a picture for a caption that unpacks too large or a
mistake in its animation.
"""

import zlib
from collections.abc import Iterator

from shared.errors import Permanent, Reason
from shared.pictures.diagnosis import EXPORT_AGAIN

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAMING = 12  # bytes of a chunk besides its data: length, type, checksum
_PICTURE = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_COLOURS = frozenset((b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP"))
_ORIENTATION = frozenset((b"eXIf", b"tEXt", b"zTXt", b"iTXt"))  # texts may hold EXIF and XMP too
_LARGEST = 1024 * 1024  # bytes of one chunk, unpacked; Pillow raises an error for more
_MOST_CHUNKS = 250_000  # a file of the largest size, in pieces of 256 bytes
_MOST_BESIDES_PIXELS = 48  # chunks; the texts in so few cannot add up to what Pillow considers an attack


def strip_extras(source: bytes) -> bytes:
    """Return a PNG without the chunks that its picture does not need, and without absurdly large ones.

    Bytes in any other format are returned unchanged. An animation loses its animation chunks
    and shows its first picture.

    Raises:
        Permanent: ``not_an_image`` for a file in so many pieces that it must be an attack.
    """
    if not source.startswith(_SIGNATURE):
        return source
    view, parts, besides_pixels, part_start = memoryview(source), [], 0, 0
    for number, (kind, start, end) in enumerate(_chunks(source)):
        if number >= _MOST_CHUNKS:
            problem = f"The file is split into more than {_MOST_CHUNKS:,} pieces"
            raise Permanent(Reason.NOT_AN_IMAGE, f"{problem}; {EXPORT_AGAIN}")
        besides_pixels += kind != b"IDAT"
        is_surplus = besides_pixels > _MOST_BESIDES_PIXELS and kind not in _PICTURE
        if is_surplus or not _is_needed(kind, source, start, end):
            parts.append(view[part_start:start])
            part_start = end
    return b"".join((*parts, view[part_start:])) if parts else source


def _chunks(source: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each complete chunk, where it begins and where it ends."""
    start = len(_SIGNATURE)
    while start + _FRAMING <= len(source):
        end = start + _FRAMING + int.from_bytes(source[start : start + 4])
        if end > len(source):
            return
        yield source[start + 4 : start + 8], start, end
        start = end


def _is_needed(kind: bytes, source: bytes, start: int, end: int) -> bool:
    if kind in _PICTURE:
        return end - start > _FRAMING or kind == b"IEND"
    if kind not in _COLOURS and kind not in _ORIENTATION:
        return False
    return end - start <= _LARGEST and _is_small_unpacked(kind, source[start + 8 : end - 4])


def _is_small_unpacked(kind: bytes, data: bytes) -> bool:
    _, _, rest = data.partition(b"\0")
    if kind == b"iTXt" and rest.startswith(b"\1\0"):
        _, _, rest = rest[2:].partition(b"\0")  # after the language
        _, _, packed = rest.partition(b"\0")  # after the translated keyword
    elif kind in (b"zTXt", b"iCCP"):
        packed = rest[1:]
    else:
        return True
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed, _LARGEST)
    except zlib.error:
        return False
    return not unpacking.unconsumed_tail
