"""Repairs a WebP whose pixels are whole, but not what is beside them. Pure.

Browsers show such a file as soon as they have its pixels; its decoder here wants all lengths right.
"""

import re
import struct
from collections.abc import Iterator

_HEAD, _CHUNK_HEAD = 12, 8  # bytes of the file and of a chunk before their data
_EXTENDED, _ANIMATED, _FRAME = b"VP8X", b"ANIM", b"ANMF"
_BESIDE_PIXELS = (b"ICCP", b"EXIF", b"XMP ")
_KNOWN = frozenset((_EXTENDED, _ANIMATED, _FRAME, b"ALPH", b"VP8 ", b"VP8L", *_BESIDE_PIXELS))
_PIXELS = re.compile(rb"VP8 ....(?=...\x9d\x01\x2a)|VP8L....(?=\x2f)|ALPH|ANMF", re.DOTALL)


def is_webp(source: bytes) -> bool:
    """Whether ``source`` begins like a WebP."""
    return source.startswith(b"RIFF") and source.startswith(b"WEBP", 8)


def repaired(source: bytes) -> bytes:
    """Return ``source`` with a right length, and without the chunks beside its pixels that are cut or lost."""
    chunks = b"".join(_chunks(source))
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _chunks(source: bytes) -> Iterator[bytes]:
    at, has_pixels = _HEAD, False
    while at + _CHUNK_HEAD <= len(source):
        kind = source[at : at + 4]
        length = int.from_bytes(source[at + 4 : at + _CHUNK_HEAD], "little")
        end = at + _CHUNK_HEAD + length
        is_whole = kind in _KNOWN and end <= len(source)
        if kind in _BESIDE_PIXELS and not has_pixels and not (is_whole and _is_known(source, end + length % 2)):
            is_whole, end = False, at + _CHUNK_HEAD
        if is_whole:
            yield source[at:end] + bytes(length % 2)
            has_pixels = has_pixels or kind in (_FRAME, b"VP8 ", b"VP8L")
            at = end + length % 2
        elif has_pixels or kind == b"ALPH" or not (pixels := _PIXELS.search(source, at + 1)):
            return
        else:
            at = pixels.start()


def _is_known(source: bytes, at: int) -> bool:
    return source[at : at + 4] in _KNOWN
