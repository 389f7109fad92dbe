"""Reads from EXIF how a picture is to be shown; ignores a broken block. Pure."""

import struct

from PIL import ExifTags, Image

_BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error)
_UNCALIBRATED = 65535
_ADOBE_RGB = "R03"


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, from 1 to 8 (EXIF 2.32, table 6); 1 (upright) by default."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _BROKEN:
        return 1
    return value if value in range(1, 9) else 1


def is_adobe_rgb(image: Image.Image) -> bool:
    """Whether a camera marked the numbers as Adobe RGB by DCF 2.0, as EXIF itself has no value for it."""
    block = image.info.get("exif")
    if not isinstance(block, bytes) or _ADOBE_RGB.encode() not in block:  # saves parsing nearly every block
        return False
    try:
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
    except _BROKEN:
        return False
    return space == _UNCALIBRATED and index == _ADOBE_RGB
