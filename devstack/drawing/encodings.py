"""Encodes drawn pictures as cameras, print shops and web editors do. Pure and repeatable."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image, ImageChops, ImageCms, ImageMath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devstack.drawing.fills import Size

# Adobe RGB (1998), section 4.3: white point and primaries in XYZ, adapted to D50; its gamma is 2 + 51/256.
ADOBE_RGB = {
    b"wtpt": (0.95045, 1.0, 1.08905),
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
}


def jpeg(picture: Image.Image, size: Size | None = None, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    """Return a JPEG, enlarged to a camera's ``size`` if given."""
    if size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    return _encode(picture, "JPEG", {"quality": 88, **options})


def png(picture: Image.Image, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    """Return a PNG, compressed fast rather than well."""
    return _encode(picture, "PNG", {"compress_level": 1, **options})


def webp(picture: Image.Image, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    """Return a WebP."""
    return _encode(picture, "WEBP", {"quality": 86, "method": 1, **options})


def phone_photo(upright: Image.Image, size: Size) -> bytes:
    """Return a JPEG stored sideways, with EXIF orientation 6, a GPS position and a comment."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Drawn", "Procedural 1"
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (55.0, 40.0, 34.0), 3: "E", 4: (12.0, 34.0, 6.0)}
    return jpeg(upright.transpose(Image.Transpose.ROTATE_90), size, exif=exif, comment="warehouse 3, second shelf")


def upside_down(upright: Image.Image) -> bytes:
    """Return a JPEG stored upside down, with EXIF orientation 3."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    return jpeg(upright.transpose(Image.Transpose.ROTATE_180), exif=exif)


def to_cmyk(picture: Image.Image) -> Image.Image:
    """Return CMYK separated as in a print shop: the share common to three colours becomes black ink.

    Pillow's own conversion leaves black empty, which would not test whether a reader mixes in the fourth ink.
    """
    red, green, blue = picture.split()
    paper = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    colours = [
        ImageMath.lambda_eval(lambda a: a["convert"](255 - a["c"] * 255 / a["max"](a["p"], 1), "L"), c=channel, p=paper)
        for channel in (red, green, blue)
    ]
    return Image.merge("CMYK", [*colours, ImageChops.invert(paper)])


def wide_gamut(picture: Image.Image) -> tuple[Image.Image, bytes]:
    """Return the same colours in Adobe RGB, with the ICC profile; without it they look dull."""
    profile = adobe_rgb_profile()
    target = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), target)
    if converted is None:
        raise RuntimeError("Pillow returns None only when it converts in place")
    return converted, profile


def adobe_rgb_profile() -> bytes:
    """Return a minimal ICC profile, version 2.1 (ICC.1:1998-09), with three primaries and a gamma."""
    gamma = b"curv" + bytes(4) + struct.pack(">IHxx", 1, 2 * 256 + 51)
    name = b"Compatible with Adobe RGB (1998)\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78),
        b"cprt": b"text" + bytes(4) + b"No copyright\0",
        **{
            tag: b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in xyz))
            for tag, xyz in ADOBE_RGB.items()
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma),
    }
    return _icc_file(tags)


def _icc_file(tags: Mapping[bytes, bytes]) -> bytes:
    body, table = b"", struct.pack(">I", len(tags))
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI", start + len(body), 0x02100000) + b"mntrRGB XYZ "
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp"  # a fixed date, for equal bytes every time
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)  # D50
    return header.ljust(128, b"\0") + table + body


def _encode(picture: Image.Image, picture_format: str, options: Mapping[str, Any]) -> bytes:
    file = BytesIO()
    picture.save(file, picture_format, **options)
    return file.getvalue()
