"""Reduces a PNG to the sound chunks that make its picture. Pure.

Pillow would read every chunk, keep the unknown ones, and refuse a picture for a caption with a wrong checksum, for a
profile above 1 MiB or for a mistake in its animation. Viewers ignore a broken chunk beside the pixels, and so do we.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.errors import Permanent, Reason
from shared.pictures.diagnosis import EXPORT_AGAIN
from shared.pictures.icc import LARGEST_PROFILE

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD, _CHECKSUM = 8, 4  # bytes of a chunk before its data (length and type) and after them
_LARGEST_TEXT = 1024 * 1024  # bytes, unpacked; Pillow raises an error for more
_MOST_CHUNKS = 250_000  # a file of the largest size, in pieces of 256 bytes
_MOST_TO_UNPACK = 48  # texts and profiles of one file; each may cost the time to unpack 4 MiB
_MOST_GUESSES = 32  # at where the next chunk begins after one with a wrong length; each may cost a checksum of the file
_PALETTE = 3  # a colour type
_TYPE_AT = 9  # the byte of a header with the colour type
_ALPHA_LENGTHS: dict[int, Sequence[int]] = {0: (2,), 2: (6,), _PALETTE: range(1, 257)}  # by colour type
_TEXTS_THAT_TURN = (b"Raw profile type exif", b"XML:com.adobe.xmp")  # no other text matters, and some confuse Pillow
_PROFILE_SIZE = 4  # bytes; an ICC profile begins with its length
_LEAST_PROFILE = 128
_CHECK_OF_HEADER = 31  # divides the header of all that zlib packs (RFC 1950)
END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_NAMES = re.compile(b"IHDR|IDAT|IEND|PLTE|tRNS|iCCP|gAMA|cHRM|sRGB|eXIf|tEXt|zTXt|iTXt")


class Chunk(NamedTuple):
    """States the type of a chunk and where its data begin and end; those of a file that is cut short end with it."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True)
class Essentials:
    """Holds a PNG that Pillow reads, and its ICC profile, which Pillow would limit to 1 MiB."""

    content: bytes
    profile: bytes | None


def essentials(source: bytes) -> Essentials:
    """Return a PNG without the chunks that its picture does not need, without broken and absurdly large ones.

    An animation loses its animation chunks and shows its first picture. What a chunk in the wrong place says counts
    if it can only be meant for this picture; of several the first sound one does.

    Raises:
        Permanent: ``not_an_image`` for a file in so many pieces that it must be an attack, and for a variant of PNG.
    """
    if source[12:16] == b"CgBI":
        detail = "The file is a PNG in the variant of Apple's iOS apps, which no other program shows"
        raise Permanent(Reason.NOT_AN_IMAGE, f"{detail}; {EXPORT_AGAIN}")
    first: dict[bytes, Chunk] = {}
    pixels: list[Chunk] = []
    profile, to_unpack = None, 0
    for chunk in chunks(source):
        to_unpack += chunk.kind in _PACKED
        if chunk.kind == b"IDAT":
            pixels += [chunk] if chunk.end > chunk.start and b"IHDR" in first else []
        elif chunk.kind == b"IHDR" and not pixels and is_sound(memoryview(source), chunk):
            first[b"IHDR"] = chunk  # of several headers, Pillow takes the last
        elif chunk.kind in _PACKED and to_unpack > _MOST_TO_UNPACK:
            continue
        elif chunk.kind == b"iCCP":
            profile = profile or (None if pixels else _unpacked_profile(source[chunk.start : chunk.end]))
        elif (name := _needed_as(chunk, source, _colour_type(source, first))) and (not pixels or name in _ANYWHERE):
            first.setdefault(name, chunk)
    kept = [first[name] for name in _ORDER if name in first] + pixels
    return Essentials(_joined(source, kept), profile)


def _colour_type(source: bytes, first: dict[bytes, Chunk]) -> int | None:
    return source[first[b"IHDR"].start + _TYPE_AT] if b"IHDR" in first else None


def chunks(source: bytes) -> Iterator[Chunk]:
    """Yield each chunk with data that Pillow will not refuse; broken ones beside the pixels are passed over.

    Raises:
        Permanent: ``not_an_image`` beyond the number of chunks that a picture can need.
    """
    view, at, guesses = memoryview(source), len(SIGNATURE), iter(range(_MOST_GUESSES))
    for _ in range(_MOST_CHUNKS):
        chunk = _chunk_at(source, at)
        is_whole = chunk.end + _CHECKSUM <= len(source)
        if is_whole and chunk.kind.isalpha() and (chunk.kind[:1].isupper() or is_sound(view, chunk)):
            yield chunk
            at = len(source) if chunk.kind == b"IEND" else chunk.end + _CHECKSUM
        elif chunk.kind == b"IDAT":
            yield chunk._replace(end=min(chunk.end, len(source)))
            return
        elif is_whole and _chunk_at(source, chunk.end + _CHECKSUM).kind.isalpha():
            at = chunk.end + _CHECKSUM
        else:  # its length is wrong, or that of the chunk before
            at = _next_sound(view, source, chunk.start if chunk.kind.isalpha() else at, guesses)
        if at >= len(source):
            return
    problem = f"The file is split into more than {_MOST_CHUNKS:,} pieces"
    raise Permanent(Reason.NOT_AN_IMAGE, f"{problem}; {EXPORT_AGAIN}")


def is_sound(view: memoryview, chunk: Chunk) -> bool:
    """Whether the checksum fits the type and the data."""
    checksum = zlib.crc32(view[chunk.start - len(chunk.kind) : chunk.end])
    return checksum == int.from_bytes(view[chunk.end : chunk.end + _CHECKSUM])


def _chunk_at(source: bytes, at: int) -> Chunk:
    start = at + _HEAD
    return Chunk(source[at + 4 : start], start, start + int.from_bytes(source[at : at + 4]))


def _next_sound(view: memoryview, source: bytes, start: int, guesses: Iterator[int]) -> int:
    """Return where the next sound chunk begins that we know by name; the end of the file without one."""
    for name, _ in zip(_NAMES.finditer(source, start), guesses, strict=False):
        at = name.start() - 4
        chunk = _chunk_at(source, at)
        if chunk.end + _CHECKSUM <= len(source) and is_sound(view, chunk):
            return at
    return len(source)


def _needed_as(chunk: Chunk, source: bytes, colour_type: int | None) -> bytes | None:
    """Return the name under which the picture needs ``chunk``, of which one is enough; None if it does not."""
    kind, length = chunk.kind, chunk.end - chunk.start
    if kind in _LENGTHS:
        return kind if length == _LENGTHS[kind] and (kind != b"sRGB" or source[chunk.start] in range(4)) else None
    if kind == b"PLTE":
        return kind if colour_type == _PALETTE and length else None
    if kind == b"tRNS":
        return kind if length in _ALPHA_LENGTHS.get(colour_type or 0, ()) else None
    if kind == b"eXIf":
        return kind if length else None
    return _turning_text(kind, source[chunk.start : chunk.end]) if kind in _TEXTS and length <= _LARGEST_TEXT else None


def _turning_text(kind: bytes, data: bytes) -> bytes | None:
    """Return the keyword of a text that may state how the picture is turned, unless it would unpack too large."""
    keyword, _, rest = data.partition(b"\0")
    if keyword not in _TEXTS_THAT_TURN:
        return None
    return keyword if (packed := _TEXTS[kind](rest)) is None or _is_text(packed) else None


def _packed_international(rest: bytes) -> bytes | None:
    return rest[2:].split(b"\0", 2)[-1] if rest.startswith(b"\1\0") else None


_TEXTS: dict[bytes, Callable[[bytes], bytes | None]] = {
    b"tEXt": lambda _: None,
    b"zTXt": lambda rest: rest[1:] if rest.startswith(b"\0") else b"",
    b"iTXt": _packed_international,
}


def _is_text(packed: bytes) -> bool:
    unpacking = zlib.decompressobj()
    try:
        return bool(unpacking.decompress(packed, _LARGEST_TEXT)) and not unpacking.unconsumed_tail
    except zlib.error:
        return False


def _unpacked_profile(data: bytes) -> bytes | None:
    """Return the profile, unpacked no further than its own header says; a wrong sum after it does no harm."""
    _, _, rest = data.partition(b"\0")
    if (
        rest[:1] != b"\0" or int.from_bytes(rest[1:3]) % _CHECK_OF_HEADER
    ):  # the only method, and the check in its header
        return None
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        size = unpacking.decompress(rest[3:], _PROFILE_SIZE)
        stated = int.from_bytes(size)
        most = stated if stated in range(_LEAST_PROFILE, LARGEST_PROFILE + 1) else LARGEST_PROFILE + 1
        profile = size + unpacking.decompress(unpacking.unconsumed_tail, most - len(size))
    except zlib.error:
        return None
    return profile if len(profile) <= LARGEST_PROFILE else None


def _joined(source: bytes, kept: list[Chunk]) -> bytes:
    """Return a PNG of these chunks, with as few copies of bytes as possible; the last may lack its end."""
    view, parts, part_start, part_end = memoryview(source), [], 0, len(SIGNATURE)
    for chunk in kept:
        if chunk.start - _HEAD != part_end:
            parts.append(view[part_start:part_end])
            part_start = chunk.start - _HEAD
        part_end = chunk.end + _CHECKSUM
    if part_end <= len(source):
        return b"".join((*parts, view[part_start:part_end], END)) if parts or source[part_end:] != END else source
    # The pixels are cut short: what there is becomes a chunk, whose checksum nobody reads.
    start, end = kept[-1].start, kept[-1].end
    cut = (end - start).to_bytes(4), b"IDAT", view[start:end], bytes(_CHECKSUM)
    return b"".join((*parts, view[part_start : start - _HEAD], *cut, END))


_LENGTHS = {b"IHDR": 13, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}
_PACKED = frozenset((b"iCCP", *_TEXTS))
_ORDER = (b"IHDR", b"gAMA", b"cHRM", b"sRGB", b"PLTE", b"tRNS", b"eXIf", *_TEXTS_THAT_TURN)
_ANYWHERE = (b"eXIf", *_TEXTS_THAT_TURN)  # all others must precede the pixels
