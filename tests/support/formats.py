"""Encodes any picture as every accepted kind of file."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image

from tests.support.image_writers import bmp, png, tiff
from tests.support.pictures import saved

Maker = Callable[[Image.Image], bytes]


def _gray(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


def _two_bits(picture: Image.Image) -> Image.Image:
    return picture.convert("L").point(lambda level: (level * 3 + 127) // 255 * 85)


def _one_bit(picture: Image.Image) -> Image.Image:
    return picture.convert("1", dither=Image.Dither.NONE)


@dataclass(frozen=True)
class Kind:
    """Makes a file from a picture in RGB; ``expected`` is what it keeps, within ``tolerance`` on average."""

    make: Maker
    expected: Callable[[Image.Image], Image.Image] = Image.Image.copy
    tolerance: float = 6


COARSE = 9  # tolerance for files with half the pixels for colour, or few bits: drawn edges bleed


def _by_pillow(kind: str, mode: str = "RGB", **options: Any) -> Maker:
    return lambda picture: saved(_in_mode(picture, mode), kind, **options)


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "P":
        return picture.quantize(16, dither=Image.Dither.NONE)
    return picture.convert(mode, dither=Image.Dither.NONE)


def _written(writer: Callable[..., bytes], mode: str = "RGB", *arguments: Any, **options: Any) -> Maker:
    return lambda picture: writer(_in_mode(picture, mode), *arguments, **options)


def coded_in_rgb(picture: Image.Image, *, ids: bytes = b"RGB", adobe: bool = True) -> bytes:
    """Return a JPEG whose components are red, green and blue, marked by their ids, Adobe's marker or both."""
    jpeg = saved(picture, "JPEG", keep_rgb=True)
    frame, scan = jpeg.index(b"\xff\xc0"), jpeg.index(b"\xff\xda")
    content = bytearray(jpeg)
    for index, name in enumerate(ids):
        content[frame + 10 + 3 * index] = content[scan + 5 + 2 * index] = name
    return bytes(content) if adobe else without_adobe(bytes(content))


def without_adobe(jpeg: bytes) -> bytes:
    """Return ``jpeg`` without Adobe's marker, which states how to read the components."""
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4]) :]


def ycck(inks: Image.Image, **options: Any) -> bytes:
    """Return a JPEG of ``inks`` (CMYK) with three of them converted like YCbCr, as Photoshop saves them.

    Photoshop's CMYK is inverted, and so is that of YCCK (libjpeg: R is 255 - C), so the inks stay unchanged.
    """
    *colours, black = inks.split()
    ycc = Image.merge("RGB", colours).convert("YCbCr")
    inverted = [channel.point(lambda level: 255 - level) for channel in ycc.split()]  # Pillow inverts once more
    jpeg = bytearray(saved(Image.merge("CMYK", [*inverted, black]), "JPEG", **options))
    jpeg[jpeg.index(b"Adobe") + 11] = 2
    return bytes(jpeg)


def _palette_with_alpha(picture: Image.Image) -> bytes:
    return saved(_in_mode(picture, "P"), "PNG", transparency=b"\xff" * 16)


def _animated(kind: str, **options: Any) -> Maker:
    def make(picture: Image.Image) -> bytes:
        more_frames = [Image.new("RGB", picture.size, colour) for colour in ("black", "white")]
        return saved(picture, kind, save_all=True, append_images=more_frames, **options)

    return make


def _float(picture: Image.Image) -> bytes:
    return tiff(picture.convert("L"), 32)


JPEG = {
    "JPEG 4:4:4": Kind(_by_pillow("JPEG")),
    "JPEG 4:2:2": Kind(_by_pillow("JPEG", subsampling=1), tolerance=COARSE),
    "JPEG 4:2:0": Kind(_by_pillow("JPEG", subsampling=2), tolerance=COARSE),
    "JPEG, progressive": Kind(_by_pillow("JPEG", progressive=True)),
    "JPEG, progressive 4:2:0": Kind(_by_pillow("JPEG", progressive=True, subsampling=2), tolerance=COARSE),
    "JPEG with restart markers": Kind(_by_pillow("JPEG", restart_marker_blocks=1)),
    "JPEG, gray": Kind(_by_pillow("JPEG", "L"), _gray),
    "JPEG in RGB": Kind(coded_in_rgb),
    "JPEG in RGB by its ids alone": Kind(partial(coded_in_rgb, adobe=False)),
    "JPEG in RGB by Adobe's marker alone": Kind(partial(coded_in_rgb, ids=b"\1\2\3")),
    "MPO": Kind(_animated("MPO", quality=95, subsampling=0)),
}
PNG = {
    **{f"PNG of {depth} bits, gray": Kind(_written(png, "L", depth), _gray) for depth in (4, 8, 16)},
    "PNG of 2 bits, gray": Kind(_written(png, "L", 2), _two_bits),
    "PNG of 1 bit": Kind(_written(png, "1", 1), _one_bit),
    **{f"PNG of {depth} bits, gray with alpha": Kind(_written(png, "LA", depth), _gray) for depth in (8, 16)},
    **{f"PNG of {depth} bits": Kind(_written(png, "RGB", depth)) for depth in (8, 16)},
    **{f"PNG of {depth} bits with alpha": Kind(_written(png, "RGBA", depth)) for depth in (8, 16)},
    **{f"PNG with a palette, {depth} bits": Kind(_written(png, "P", depth)) for depth in (4, 8)},
    "PNG with a palette and its alpha": Kind(_palette_with_alpha),
    "PNG, interlaced": Kind(_written(png, "RGB", interlaced=True)),
    "PNG, interlaced of 4 bits": Kind(_written(png, "P", 4, interlaced=True)),
    "PNG, interlaced of 16 bits": Kind(_written(png, "RGBA", 16, interlaced=True)),
    "PNG, animated": Kind(_animated("PNG")),
}
WEBP = {
    "WebP, lossless": Kind(_by_pillow("WEBP")),
    "WebP, lossy": Kind(_by_pillow("WEBP", lossless=False, quality=95), tolerance=COARSE),
    "WebP with alpha": Kind(_by_pillow("WEBP", "RGBA")),
    "WebP, lossy with alpha": Kind(_by_pillow("WEBP", "RGBA", lossless=False, quality=95), tolerance=COARSE),
    "WebP, animated": Kind(_animated("WEBP")),
}
AVIF = {
    "AVIF": Kind(_by_pillow("AVIF")),
    "AVIF 4:2:0": Kind(_by_pillow("AVIF", subsampling="4:2:0"), tolerance=COARSE),
    "AVIF with alpha": Kind(_by_pillow("AVIF", "RGBA")),
    "AVIF, gray": Kind(_by_pillow("AVIF", "L", subsampling="4:0:0"), _gray),
    "AVIF, animated": Kind(_animated("AVIF")),
}
TIFF = {
    "TIFF": Kind(_by_pillow("TIFF")),
    **{f"TIFF, {name}": Kind(_by_pillow("TIFF", compression=name)) for name in ("tiff_lzw", "tiff_adobe_deflate")},
    **{f"TIFF, {name}": Kind(_by_pillow("TIFF", compression=name)) for name in ("jpeg", "packbits")},
    "TIFF of 1 bit, CCITT": Kind(_by_pillow("TIFF", "1", compression="group4"), _one_bit),
    "TIFF with a palette": Kind(_by_pillow("TIFF", "P")),
    "TIFF with alpha": Kind(_by_pillow("TIFF", "RGBA")),
    "TIFF, several pages": Kind(_animated("TIFF")),
    **{f"TIFF of 16 bits, {order}": Kind(_written(tiff, "RGB", 16, order)) for order in "<>"},
    **{f"TIFF of 16 bits, gray, {order}": Kind(_written(tiff, "L", 16, order), _gray) for order in "<>"},
    "TIFF of 16 bits with alpha, deflate": Kind(_written(tiff, "RGBA", 16, deflate=True)),
    "TIFF of floating point": Kind(_float, _gray),
    "TIFF of 8 bits, >": Kind(_written(tiff, "RGB", 8, ">")),
    "TIFF in tiles": Kind(_written(tiff, "RGB", tile=16)),
    "TIFF in tiles, 16 bits, deflate, >": Kind(_written(tiff, "RGB", 16, ">", 32, deflate=True)),
}
OTHERS = {
    "GIF": Kind(_by_pillow("GIF", "P", interlace=0)),
    "GIF, interlaced": Kind(_by_pillow("GIF", "P", interlace=1)),
    "GIF, gray": Kind(_by_pillow("GIF", "L"), _gray),
    "GIF, animated": Kind(_animated("GIF")),
    "BMP of 1 bit": Kind(_by_pillow("BMP", "1"), _one_bit),
    "BMP of 4 bits": Kind(_written(bmp, "P", 4)),
    "BMP of 8 bits": Kind(_by_pillow("BMP", "P")),
    "BMP, gray": Kind(_by_pillow("BMP", "L"), _gray),
    "BMP of 15 bits": Kind(_written(bmp, "RGB", 16), tolerance=COARSE),
    "BMP of 16 bits": Kind(_written(bmp, "RGB", 16, masks=(0xF800, 0x7E0, 0x1F)), tolerance=COARSE),
    "BMP of 24 bits": Kind(_by_pillow("BMP")),
    "BMP of 32 bits": Kind(_written(bmp, "RGB", 32, masks=(0xFF0000, 0xFF00, 0xFF))),
    "BMP with alpha": Kind(_by_pillow("BMP", "RGBA")),
    "BMP from top to bottom": Kind(_written(bmp, "P", 8, top_down=True)),
    "JPEG 2000": Kind(_by_pillow("JPEG2000")),
    "JPEG 2000, lossy": Kind(_by_pillow("JPEG2000", irreversible=True, quality_layers=[8])),
    "JPEG 2000, gray": Kind(_by_pillow("JPEG2000", "L"), _gray),
    "JPEG 2000 with alpha": Kind(_by_pillow("JPEG2000", "RGBA")),
    "JPEG 2000, gray with alpha": Kind(_by_pillow("JPEG2000", "LA"), _gray),
    "JPEG 2000, codestream alone": Kind(_by_pillow("JPEG2000", no_jp2=True)),
}
KINDS = {**JPEG, **PNG, **WEBP, **AVIF, **TIFF, **OTHERS}
