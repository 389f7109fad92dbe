"""What Pillow is given of a PNG: the chunks that make the picture, and no other. Pure.

Pillow would read every chunk, keep those that it does not know, and refuse a picture for a caption that unpacks too
large or an animation with a mistake in it.
"""

import zlib
from collections.abc import Iterator

from shared.errors import Permanent, Reason

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AROUND = 12  # bytes of a chunk around its data: length, type, checksum
_PICTURE = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_COLOURS = frozenset((b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP"))
_WAY_UP = frozenset((b"eXIf", b"tEXt", b"zTXt", b"iTXt"))  # EXIF and XMP come in texts too
_LARGEST = 1024 * 1024  # bytes of one chunk, unpacked: more, and Pillow makes an error of it
_MOST_CHUNKS = 250_000  # a file of the largest size, in pieces of 256 bytes
_MOST = 48  # chunks beside the pixels: texts of so many cannot add up to what Pillow takes for an attack


def picture_alone(source: bytes) -> bytes:
    """Return a PNG without the chunks that a picture does without, and without those that are absurdly large.

    Anything else is returned as it is. An animation's first picture is, to a viewer that knows no animations, the
    whole PNG.

    Raises:
        Permanent: ``not_an_image`` where it is in so many pieces that only an attack can be meant.
    """
    if not source.startswith(_SIGNATURE):
        return source
    view, kept, others, start = memoryview(source), [], 0, 0
    for number, (kind, at, end) in enumerate(_chunks(source)):
        if number >= _MOST_CHUNKS:
            what = f"The file is in more than {_MOST_CHUNKS:,} pieces"
            raise Permanent(Reason.NOT_AN_IMAGE, f"{what}; export it again, as JPEG or PNG, and upload that.")
        others += kind != b"IDAT"
        if (others > _MOST and kind not in _PICTURE) or not _is_needed(kind, source, at, end):
            kept.append(view[start:at])
            start = end
    return b"".join((*kept, view[start:])) if kept else source


def _chunks(source: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each whole chunk, where it begins and where it ends."""
    at = len(_SIGNATURE)
    while at + _AROUND <= len(source):
        end = at + _AROUND + int.from_bytes(source[at : at + 4])
        if end > len(source):
            return
        yield source[at + 4 : at + 8], at, end
        at = end


def _is_needed(kind: bytes, source: bytes, at: int, end: int) -> bool:
    if kind in _PICTURE:
        return end - at > _AROUND or kind == b"IEND"
    if kind not in _COLOURS and kind not in _WAY_UP:
        return False
    return end - at <= _LARGEST and _unpacks_small(kind, source[at + 8 : end - 4])


def _unpacks_small(kind: bytes, data: bytes) -> bool:
    _, _, rest = data.partition(b"\0")
    if kind == b"iTXt" and rest.startswith(b"\1\0"):
        _, _, rest = rest[2:].partition(b"\0")  # the language
        _, _, packed = rest.partition(b"\0")  # the keyword in it
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
