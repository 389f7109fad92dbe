"""Makes hostile files: false claims about sizes, endless repetitions, absurd extras."""

import struct
import zlib
from io import BytesIO

from PIL import Image

from tests.support.mutations import png_chunks, rle_bitmap, saved, tiff_entries


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png_with(*chunks: bytes, before: bytes = b"IDAT") -> bytes:
    parts = png_chunks(saved("PNG"))
    at = next(n for n, part in enumerate(parts) if part[4:8] == before)
    return b"".join((*parts[:at], *chunks, *parts[at:]))


def packed_text(kind: bytes, head: bytes, size: int) -> bytes:
    return chunk(kind, head + zlib.compress(bytes(size)))


def blank_png(width: int, height: int) -> bytes:
    packer = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0)
    return png_chunks(saved("PNG"))[0] + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    jpeg = saved("JPEG")
    added = (struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments)
    return jpeg[:2] + b"".join(added) + jpeg[2:]


def jpeg_of_scans(count: int, size: tuple[int, int] = (9000, 9000), hidden: bytes = b"") -> bytes:
    """Return a progressive JPEG that repeats its last scan ``count`` times."""
    file = BytesIO()
    Image.new("L", size, 90).save(file, "JPEG", progressive=True)
    jpeg = file.getvalue()
    tables = jpeg.rindex(b"\xff\xc4", 0, jpeg.rindex(b"\xff\xda"))
    return jpeg[:-2] + (hidden + jpeg[tables:-2]) * count + jpeg[-2:]


def tiff_of(width: int, height: int, compression: str) -> bytes:
    """Return a TIFF that claims this size but holds 48 × 40 pixels."""
    parts = tiff_entries(saved("TIFF", compression=compression))
    sides = {256: width, 257: height}
    claims = [
        struct.pack("<HHLL", tag, 4, 1, sides[tag])
        if len(part) == 12 and (tag := int.from_bytes(part[:2], "little")) in sides
        else part
        for part in parts
    ]
    return b"".join(claims)


def looped_tiff() -> bytes:
    tiff = saved("TIFF", "RGB", 2)
    start = int.from_bytes(tiff[4:8], "little")
    after = start + 2 + 12 * int.from_bytes(tiff[start : start + 2], "little")
    return tiff[:after] + struct.pack("<L", start) + tiff[after + 4 :]


def tiff_of_tags(count: int) -> bytes:
    """Return a BigTIFF with ``count`` meaningless tags."""
    tiff = saved("TIFF", big_tiff=True)
    start = int.from_bytes(tiff[8:16], "little")
    old = int.from_bytes(tiff[start : start + 8], "little")
    entries = tiff[start + 8 : start + 8 + 20 * old]
    more = b"".join(struct.pack("<HHQQ", 60_000 + n % 5_000, 4, 1, n) for n in range(count))
    directory = struct.pack("<Q", old + count) + entries + more + bytes(8)
    return tiff[:8] + struct.pack("<Q", len(tiff)) + tiff[16:] + directory


def webp_of(width: int, height: int) -> bytes:
    webp = saved("WEBP")
    assert webp[12:16] == b"VP8 "
    return webp[:26] + struct.pack("<HH", width, height) + webp[30:]


def iso_of(kind: str, side: int) -> bytes:
    file = saved(kind)
    for size in ((48, 40), (40, 48)):
        file = file.replace(struct.pack(">LL", *size), struct.pack(">LL", side, side))
    return file


def gif_of_frames(count: int) -> bytes:
    """Return a GIF with ``count`` more frames, each of full size and damaged."""
    gif = saved("GIF", "P")
    frame = b"," + struct.pack("<HHHHB", 0, 0, 48, 40, 0) + b"\x08\x04\xff\xff\xff\xff\0"
    assert gif.endswith(b"\0;")
    return gif[:-1] + frame * count + b";"


def bitmap_of(width: int, height: int) -> bytes:
    bitmap = rle_bitmap()
    return bitmap[:18] + struct.pack("<ll", width, height) + bitmap[26:]


def nested_mpo(count: int) -> bytes:
    """Return an MPO whose list names pictures nested in one another."""
    mpo = saved("MPO", "RGB", 2)
    for _ in range(count):
        mpo = mpo[:-2] + mpo[:4096] + mpo[-2:]
    return mpo


def mpo_with_false_count() -> bytes:
    mpo = saved("MPO", "RGB", 2)
    number = struct.pack("<HHLL", 0xB001, 4, 1, 2)
    assert number in mpo
    return mpo.replace(number, struct.pack("<HHLL", 0xB001, 4, 1, 0x7FFFFFFF))
