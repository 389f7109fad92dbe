"""Reads the directories of a TIFF, and writes a TIFF that keeps only what pixels need. Pure.

TIFF 6.0 describes the format; BigTIFF differs in the width of its numbers. Damaged notes of other programs (XMP, IPTC,
EXIF) end here, so they cannot spoil the picture beside them.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.errors import Permanent, Reason
from shared.pictures.icc import LARGEST_PROFILE

SIGNATURES = (b"II*\0", b"MM\0*", b"II\x2b\0", b"MM\0\x2b")
SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR, PREDICTOR = 273, 274, 277, 278, 279, 284, 317
COLOUR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, INK_SET = 320, 322, 323, 324, 325, 332
EXTRA_SAMPLES, SAMPLE_FORMAT, SUBSAMPLING, ICC_PROFILE = 338, 339, 530, 34675
# All the above, the options of fax (292, 293), of JPEG (347, 512 to 521) and of YCbCr (529 to 532).
_KEPT = {
    WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP,
    STRIP_BYTES, PLANAR, PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, INK_SET,
    EXTRA_SAMPLES, SAMPLE_FORMAT, SUBSAMPLING, ICC_PROFILE, SUBFILE_TYPE, 292, 293, 347, *range(512, 522), 529, 531,
    532,
}  # fmt: skip
_DISPENSABLE = {ORIENTATION, ICC_PROFILE, SUBFILE_TYPE}
_FORMATS = {1: "B", 2: "c", 3: "H", 4: "I", 6: "b", 7: "c", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}
_FORMATS |= {17: "q", 18: "Q"}
_SIZES = {kind: struct.calcsize(f"<{letter}") for kind, letter in _FORMATS.items()} | {5: 8, 10: 8}
_LONG, _LONG8 = 4, (16, 17, 18)
_HIGHEST = 0xFFFFFFFF
_MOST_ENTRIES, _MOST_PAGES = 4096, 64  # a page has some twenty entries
PLACES = {STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES}
_MOST_PLACES, _MOST_LEVELS, _MOST_VALUES = 1_000_000, 3 * 65_536, 4096  # of strips, of a colour map, of other tags
_MOST_BYTES = 64 << 20  # of the values of all pages
_HEADER, _INLINE = 8, 4  # bytes; longer values are stored outside their entry
_DAMAGED = (
    "The picture is a damaged TIFF: its directory states more values than a picture has. "
    "Export it again, and upload that."
)

Tags = dict[int, tuple[int, int, bytes]]  # by tag: type, number of values, their bytes in the order of the file


@dataclass(frozen=True)
class Directory:
    """Describes one page: its tags, in the byte ``order`` of ``struct``."""

    order: str
    tags: Tags

    def numbers(self, tag: int, *default: int) -> tuple[int, ...]:
        """Return the whole numbers of ``tag``, or ``default`` if it is missing or of another type."""
        kind, count, data = self.tags.get(tag, (0, 0, b""))
        letter = _FORMATS.get(kind, "c")
        return default if letter in "cfd" else struct.unpack(f"{self.order}{count}{letter}", data)

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first whole number of ``tag``."""
        return self.numbers(tag, default)[0]


def pages(source: bytes) -> Iterator[Directory]:
    """Yield the pages of a TIFF, each with those tags alone that pixels need.

    Raises:
        struct.error: a directory, or a value of it, reaches beyond the end; some pages may have been yielded before.
        Permanent: ``not_an_image`` if a page has too many strips or tiles.
    """
    order, is_big = "<" if source.startswith(b"II") else ">", b"\x2b" in source[2:4]
    (at,) = struct.unpack_from(order + "Q" if is_big else order + "I", source, 8 if is_big else 4)
    visited: set[int] = set()
    copied = 0
    while at and at not in visited and len(visited) < _MOST_PAGES and copied < _MOST_BYTES:
        visited.add(at)
        tags, at = _tags(source, at, order, is_big=is_big)
        copied += sum(len(data) for _, _, data in tags.values())
        yield Directory(order, tags)


def check_values(source: bytes) -> None:
    """Refuse a first directory from which Pillow would copy more than the file holds, as only forged ones make it.

    Raises:
        Permanent: ``not_an_image``.
        struct.error: there is no directory.
    """
    order, is_big = "<" if source.startswith(b"II") else ">", b"\x2b" in source[2:4]
    at, total = struct.unpack_from(order + "Q" if is_big else order + "I", source, 8 if is_big else 4)[0], 0
    entry, head, offset_format = ("HHQQ", "Q", "Q") if is_big else ("HHII", "H", "I")
    (count,) = struct.unpack_from(order + head, source, at)
    first, size = at + struct.calcsize(order + head), struct.calcsize(order + entry)
    for start in range(first, min(first + count * size, len(source) - size + 1), size):
        tag, kind, number, offset = struct.unpack_from(order + entry, source, start)
        length = _SIZES.get(kind, 0) * number
        total += max(0, min(length, len(source) - offset)) if length > struct.calcsize(offset_format) else 0
        if total > len(source) or (tag in _KEPT - {ICC_PROFILE} and length and number > _MOST_PLACES):
            raise Permanent(Reason.NOT_AN_IMAGE, _DAMAGED)


def ends_early(source: bytes) -> bool:
    """Whether a TIFF is cut: its first directory, a value that pixels need, or pixels reach beyond the end."""
    try:
        page = next(pages(source), None)
        return page is not None and reaches_beyond(source, page)
    except struct.error:
        return True
    except Permanent:
        return False


def reaches_beyond(source: bytes, page: Directory) -> bool:
    """Whether strips or tiles of ``page`` reach beyond the end of the file."""
    is_tiled = TILE_OFFSETS in page.tags
    offsets, lengths = (
        page.numbers(TILE_OFFSETS if is_tiled else STRIP_OFFSETS),
        page.numbers(TILE_BYTES if is_tiled else STRIP_BYTES),
    )
    return any(start + length > len(source) for start, length in zip(offsets, lengths, strict=False))


def _tags(source: bytes, at: int, order: str, *, is_big: bool) -> tuple[Tags, int]:
    """Return the tags of the directory at ``at``, and where the next one is: 0 after the last."""
    if at > len(source):
        raise struct.error("directory beyond the end of the file")
    count_format, entry, width = (order + "Q", order + "HHQ8s", 8) if is_big else (order + "H", order + "HHI4s", 4)
    endian: Literal["little", "big"] = "little" if order == "<" else "big"
    (count,) = struct.unpack_from(count_format, source, at)
    at += struct.calcsize(count_format)
    size = struct.calcsize(entry)
    if at + count * size > len(source):
        raise struct.error("directory reaches beyond the end of the file")
    tags: Tags = {}
    for start in range(at, at + min(count, _MOST_ENTRIES) * size, size):
        tag, kind, number, value = struct.unpack_from(entry, source, start)
        length = _SIZES.get(kind, 0) * number
        if tag not in _KEPT or tag in tags or not length or (tag == ICC_PROFILE and length > LARGEST_PROFILE):
            continue
        content, offset = (value, 0) if length <= width else (source, int.from_bytes(value, endian))
        if offset + length <= len(content):
            kept = _kept(tag, number)
            tags[tag] = kind, kept, content[offset : offset + _SIZES[kind] * kept]
        elif tag not in _DISPENSABLE:
            raise struct.error("a value that pixels need reaches beyond the end of the file")
    after = source[at + count * size : at + count * size + width]
    return tags, int.from_bytes(after, endian) if len(after) == width else 0


def _kept(tag: int, number: int) -> int:
    """Return how many values of ``tag`` are read: pixels need no more of them."""
    if tag in PLACES and number > _MOST_PLACES:
        raise Permanent(Reason.NOT_AN_IMAGE, _DAMAGED)
    if tag in PLACES or tag == ICC_PROFILE:
        return number
    return min(number, _MOST_LEVELS if tag == COLOUR_MAP else _MOST_VALUES)


def written(order: str, body: list[bytes | memoryview], tags: Mapping[int, tuple[int, int, bytes]]) -> bytes:
    """Return a TIFF of one page: the header, ``body`` from byte 8 on, and a directory of ``tags``."""
    at = _HEADER + sum(map(len, body))
    padding = at % 2  # a directory begins on a word boundary
    at += padding
    directory, values = struct.pack(f"{order}H", len(tags)), b""
    after = at + 2 + 12 * len(tags) + 4
    for tag, (kind, count, data) in sorted(tags.items()):
        value = data.ljust(4, b"\0")
        if len(data) > _INLINE:
            value = struct.pack(f"{order}I", after + len(values))
            values += data + bytes(len(data) % 2)
        directory += struct.pack(f"{order}HHI4s", tag, kind, count, value)
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", at)
    return b"".join([header, *body, bytes(padding), directory, bytes(4), values])


def longs(order: str, *numbers: int) -> tuple[int, int, bytes]:
    """Return whole numbers as the value of a tag."""
    return _LONG, len(numbers), struct.pack(f"{order}{len(numbers)}I", *(min(n, _HIGHEST) for n in numbers))


def classic(directory: Directory) -> Tags:
    """Return the tags without BigTIFF's longer numbers: no file here is so long that it needs them."""
    tags = dict(directory.tags)
    for tag, (kind, _, _) in directory.tags.items():
        if kind in _LONG8:
            tags[tag] = longs(directory.order, *(max(0, n) for n in directory.numbers(tag)))
    return tags
