"""Makes files of every kind and damages them, at random and along the structure of their formats.

A seed and a number determine each damaged file, so it can be made again.
"""

import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from devstack.drawing.encodings import adobe_rgb_profile

Split = Callable[[bytes], list[bytes]]
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 10_000)
SIZE = (48, 40)


def drawing(mode: str = "RGB") -> Image.Image:
    pixels = random.Random(1).randbytes(SIZE[0] * SIZE[1] * 3)
    picture = Image.frombytes("RGB", SIZE, pixels)
    picture.paste((200, 30, 30), (0, 0, 48, 20))
    return picture.convert(mode)


def saved(kind: str, mode: str = "RGB", frames: int = 1, **options: Any) -> bytes:
    file = BytesIO()
    if frames > 1:
        options |= {
            "save_all": True,
            "append_images": [drawing(mode).rotate(90 * n) for n in range(1, frames)],
        }
    drawing(mode).save(file, kind, **options)
    return file.getvalue()


def metadata() -> dict[str, Any]:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "somebody"
    return {"exif": exif, "icc_profile": adobe_rgb_profile(), "xmp": b"<x:xmpmeta/>"}


def text() -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", "plain")
    info.add_text("Comment", "packed" * 50, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>", zip=True)
    return info


def float_tiff() -> bytes:
    """Return a TIFF of floating point numbers from 0 to 1."""
    file = BytesIO()
    drawing("L").convert("F").point(lambda level: level / 255 + 0).save(file, "TIFF")
    return file.getvalue()


def rle_bitmap() -> bytes:
    rows = b"".join(bytes((24, row % 4, 0, 3, 1, 2, 3, 0, 21, 1, 0, 0)) for row in range(SIZE[1])) + b"\0\1"
    header = struct.pack("<LllHHLLllLL", 40, *SIZE, 1, 8, 1, len(rows), 0, 0, 4, 0)
    palette = bytes((0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0))
    at = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<LLL", at + len(rows), 0, at) + header + palette + rows


def files() -> list[bytes]:
    """Return a small picture in every accepted kind of file, and in the variants that take other paths in a decoder."""
    packed = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
    return [
        *(saved("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        saved("JPEG", progressive=True),
        saved("JPEG", restart_marker_blocks=2, subsampling=0, **metadata()),
        *(saved("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        saved(
            "PNG",
            "P",
            transparency=3,
            pnginfo=text(),
            exif=metadata()["exif"],
            icc_profile=adobe_rgb_profile(),
        ),
        saved("PNG", "RGB", 3),
        saved("WEBP"),
        saved("WEBP", "RGBA", lossless=True, **metadata()),
        saved("WEBP", "RGBA", 3),
        saved("AVIF", **metadata()),
        saved("AVIF", "RGBA", 2),
        *(saved("TIFF", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16")),
        float_tiff(),
        *(saved("TIFF", compression=compression) for compression in packed),
        saved("TIFF", "1", compression="group4"),
        saved("TIFF", "RGB", 2, compression="tiff_lzw", tiffinfo={322: 32, 323: 32}),
        saved("TIFF", big_tiff=True, **metadata()),
        saved("GIF", "P"),
        saved("GIF", "P", 3, transparency=2),
        saved("GIF", "P", interlace=0),
        *(saved("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
        rle_bitmap(),
        saved("JPEG2000"),
        saved("JPEG2000", "RGBA", irreversible=True, tile_size=(32, 32)),
        saved("JPEG2000", "L", no_jp2=True),
        saved("MPO", "RGB", 2),
    ]


# --- the parts of a file -----------------------------------------------------------------------------------------


def jpeg_segments(source: bytes) -> list[bytes]:
    parts, at = [source[:2]], 2
    while source[at : at + 1] == b"\xff" and source[at + 1 : at + 2] not in (b"", b"\xda"):
        end = at + 2 + int.from_bytes(source[at + 2 : at + 4])
        parts.append(source[at:end])
        at = end
    return [*parts, source[at:]]


def png_chunks(source: bytes) -> list[bytes]:
    parts, at = [source[:8]], 8
    while at < len(source):
        end = at + 12 + int.from_bytes(source[at : at + 4])
        parts.append(source[at:end])
        at = end
    return parts


def riff_chunks(source: bytes) -> list[bytes]:
    parts, at = [source[:12]], 12
    while at < len(source):
        length = int.from_bytes(source[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        parts.append(source[at:end])
        at = end
    return parts


def boxes(source: bytes) -> list[bytes]:
    """Return the boxes of an ISO file; ``meta``, ``jp2h`` and other containers are split into their own boxes."""
    parts, at = [], 0
    while at < len(source):
        length, kind = int.from_bytes(source[at : at + 4]) or len(source) - at, source[at + 4 : at + 8]
        head = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"jp2h": 8, b"moov": 8, b"trak": 8, b"mdia": 8}.get(kind)
        end = at + max(8, length)
        parts += [source[at : at + head], *boxes(source[at + head : end])] if head else [source[at:end]]
        at = end
    return parts


def tiff_entries(source: bytes) -> list[bytes]:
    at = int.from_bytes(source[4:8], "little")
    if not source.startswith(b"II\x2a") or at + 2 > len(source):
        return [source[:16], source[16:]]
    end = at + 2 + 12 * int.from_bytes(source[at : at + 2], "little")
    entries = [source[start : start + 12] for start in range(at + 2, end, 12)]
    return [source[: at + 2], *entries, source[end:]]


def thirds(source: bytes) -> list[bytes]:
    cut = [0, min(54, len(source)), len(source) // 2, len(source)]
    return [source[start:end] for start, end in pairwise(cut)]


def parts_of(source: bytes) -> list[bytes]:
    splits: dict[bytes, Split] = {
        b"\xff\xd8": jpeg_segments,
        b"\x89P": png_chunks,
        b"RI": riff_chunks,
        b"\0\0": boxes,
        b"II": tiff_entries,
    }
    return splits.get(source[:2], thirds)(source)


def repaired(source: bytes) -> bytes:
    """Return a PNG with correct checksums, a WebP with its correct size, so that decoders get as far as the damage."""
    if source.startswith(b"\x89PNG"):
        return b"".join(
            part if len(part) < 12 or n == 0 else _with_checksum(part) for n, part in enumerate(png_chunks(source))
        )
    if source.startswith(b"RIFF"):
        return source[:4] + (len(source) - 8 & 0xFFFFFFFF).to_bytes(4, "little") + source[8:]
    return source


def _with_checksum(chunk: bytes) -> bytes:
    return chunk[:-4] + zlib.crc32(chunk[4:-4]).to_bytes(4)


# --- the damage --------------------------------------------------------------------------------------------------


def _overwrite(parts: list[bytes], dice: random.Random) -> None:
    """Put an extreme number somewhere into a part, most often where lengths and sizes are."""
    n = dice.randrange(len(parts))
    part = bytearray(parts[n])
    if not part:
        return
    width = dice.choice((1, 2, 4, 8))
    at = dice.randrange(min(len(part), dice.choice((4, 12, 32, len(part)))))
    number = dice.choice((*EXTREMES, dice.getrandbits(8 * width))) % 256**width
    part[at : at + width] = number.to_bytes(width, dice.choice(("little", "big")))
    parts[n] = bytes(part)


def _drop(parts: list[bytes], dice: random.Random) -> None:
    if len(parts) > 1:
        del parts[dice.randrange(len(parts))]


def _repeat(parts: list[bytes], dice: random.Random) -> None:
    parts.insert(dice.randrange(len(parts) + 1), dice.choice(parts) * dice.choice((1, 1, 1, 3, 500)))


def _swap(parts: list[bytes], dice: random.Random) -> None:
    i, j = dice.randrange(len(parts)), dice.randrange(len(parts))
    parts[i], parts[j] = parts[j], parts[i]


def _truncate(parts: list[bytes], dice: random.Random) -> None:
    n = dice.randrange(len(parts))
    parts[n] = parts[n][: dice.randrange(len(parts[n]) + 1)]


def _flip(parts: list[bytes], dice: random.Random) -> None:
    for _ in range(dice.choice((1, 3, 20))):
        n = dice.randrange(len(parts))
        if parts[n]:
            at = dice.randrange(len(parts[n]))
            parts[n] = parts[n][:at] + bytes((dice.randrange(256),)) + parts[n][at + 1 :]


DAMAGE = (_overwrite, _overwrite, _overwrite, _drop, _repeat, _swap, _truncate, _flip)


def damaged(seeds: list[bytes], seed: int, number: int) -> bytes:
    """Return the damaged file with this ``number`` in the search that starts from ``seed``."""
    dice = random.Random(f"{seed} {number}")
    parts = parts_of(dice.choice(seeds))
    if dice.random() < 0.2:  # two files become one
        tail = parts_of(dice.choice(seeds))
        parts = parts[: dice.randrange(len(parts)) + 1] + tail[dice.randrange(len(tail)) :]
    for _ in range(dice.choice((1, 1, 2, 4))):
        dice.choice(DAMAGE)(parts, dice)
        parts = parts or [b""]
    source = b"".join(parts)
    source = repaired(source) if dice.random() < 0.9 else source
    return source[: dice.randrange(len(source) + 1)] if dice.random() < 0.1 else source
