"""Reads from the boxes and the codestream of a JPEG 2000 what its components mean (ISO 15444-1, A and I). Pure."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from shared.pictures.icc import LARGEST_PROFILE

FILE, CODESTREAM = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
COMPONENTS_AT = 42  # bytes from the start of a codestream; three for each component
COLOURS = {16: 3, 17: 1, 18: 3, 12: 4, 0: 1, 15: 1}  # of enumerated colour spaces that can be shown
_MOST_BOXES = 1000
_MOST_MARKERS, _MOST_TILES = 1_000_000, 65_535
_TILE_PART, _END = 0xFF90, b"\xff\xd9"  # markers
_ENUMERATED, _PROFILES = 1, (2, 3)  # methods of a colour box
_ENUMERATED_BYTES = 7  # of a colour box
# Bytes of each box that are read: those for more channels, and more colours of a palette, than can be shown.
_LONGEST = {b"colr": LARGEST_PROFILE + 4, b"cdef": 512, b"cmap": 512, b"pclr": 1 << 20}
_SIGN = 0x80  # a flag of a depth, which is one less than the number of bits
_LONGEST_BYTE = 7  # such a depth


@dataclass
class Header:
    """What the boxes and the codestream say, as far as it matters for colours."""

    codestream: memoryview
    size: tuple[int, int] = (0, 0)
    components: list[tuple[int, bool, bool]] = field(default_factory=list)  # bits, signed, subsampled
    spaces: list[int] = field(default_factory=list)
    profile: bytes | None = None
    definitions: list[tuple[int, int, int]] = field(default_factory=list)  # channel, type, colour it belongs to
    palette: list[list[int]] = field(default_factory=list)  # levels from 0 to 255, by column
    mapping: list[tuple[int, int, int]] = field(default_factory=list)  # component, by palette, column


def read(source: bytes) -> Header:
    """Return the header of a JPEG 2000.

    Raises:
        struct.error, IndexError: there is none.
    """
    header = Header(memoryview(source))
    if source.startswith(FILE):
        header.codestream = memoryview(b"")
        for kind, start, end in _boxes(source, 0, len(source)):
            if kind == b"jp2h":
                for inner, *place in _boxes(source, start, end):
                    _read_box(header, inner, source[place[0] : min(place[1], place[0] + _LONGEST.get(inner, 0))])
            elif kind == b"jp2c":
                header.codestream = memoryview(source)[start:end]
                break
    if header.codestream[:4] != CODESTREAM:
        raise struct.error("no codestream")
    right, bottom, left, top = struct.unpack_from(">4I", header.codestream, 8)
    (number,) = struct.unpack_from(">H", header.codestream, COMPONENTS_AT - 2)
    header.size = right - left, bottom - top
    for at in range(COMPONENTS_AT, COMPONENTS_AT + 3 * number, 3):
        depth, across, down = header.codestream[at : at + 3]
        header.components.append(((depth & ~_SIGN) + 1, bool(depth & _SIGN), (across, down) != (1, 1)))
    return header


def lacks_tiles(codestream: memoryview) -> bool:
    """Whether a tile has no part at all, or a part reaches beyond the end: its pixels would come out black."""
    right, bottom, _, _, width, height, left, top = struct.unpack_from(">8I", codestream, 8)
    if not width or not height:
        return False  # the decoder says what is wrong
    tiles: int = ceil((right - left) / width) * ceil((bottom - top) / height)
    at, seen = 2, set[int]()
    for _ in range(_MOST_MARKERS):
        if at + 4 > len(codestream):
            break
        marker, length = struct.unpack_from(">HH", codestream, at)
        if marker != _TILE_PART:
            if seen:
                break  # the end, or what the decoder will not follow
            at += 2 + length
            continue
        if at + 2 + length > len(codestream):
            break
        tile, part_bytes = struct.unpack_from(">HI", codestream, at + 4)
        seen.add(tile)
        if not part_bytes:  # the last part, up to the end of the codestream
            return bytes(codestream[-2:]) != _END or len(seen) < tiles
        at += part_bytes
        if at > len(codestream):
            return True
    return len(seen) < min(tiles, _MOST_TILES)


def _boxes(source: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box, and where its content starts and ends."""
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        length, kind, start = *struct.unpack_from(">I4s", source, at), at + 8
        if length == 1:
            length, start = struct.unpack_from(">Q", source, at + 8)[0], at + 16
        length = length or end - at
        if length < start - at:
            return
        yield kind, start, min(at + length, end)
        at += length


def _read_box(header: Header, kind: bytes, content: bytes) -> None:
    if kind == b"colr" and content[0] == _ENUMERATED and len(content) >= _ENUMERATED_BYTES:
        header.spaces.append(int.from_bytes(content[3:7]))
    elif kind == b"colr" and content[0] in _PROFILES and not header.profile and not set(header.spaces) & set(COLOURS):
        header.profile = content[3:]
    elif kind == b"cdef":
        header.definitions = list(struct.iter_unpack(">3H", content[2 : len(content) - (len(content) - 2) % 6]))
    elif kind == b"cmap":
        header.mapping = list(struct.iter_unpack(">HBB", content[: len(content) // 4 * 4]))
    elif kind == b"pclr" and not header.palette:
        header.palette = _palette(content)


def _palette(content: bytes) -> list[list[int]]:
    """Return the levels of each column, scaled to 8 bits."""
    number, columns = struct.unpack_from(">HB", content)
    depths = content[3 : 3 + columns]
    if any(depth & _SIGN for depth in depths):
        raise struct.error("signed palette")
    tops = [(2 << depth) - 1 for depth in depths]
    entry = ">" + "".join("BH"[depth > _LONGEST_BYTE] for depth in depths)
    entries = struct.iter_unpack(entry, content[3 + columns :][: number * struct.calcsize(entry)])
    rows = [[level * 255 // top for level, top in zip(row, tops, strict=True)] for row in entries]
    return [list(column) for column in zip(*rows, strict=True)]
