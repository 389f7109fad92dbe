"""What a source's EXIF tells of how it is shown; nothing, where the block is broken. Pure."""

import struct

from PIL import ExifTags, Image

_BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error)
_UNCALIBRATED = 65535
_ADOBE_RGB = "R03"


def orientation(image: Image.Image) -> int:
    """Return how the pixels lie, from 1 to 8 (EXIF 2.32, table 6); 1 where nothing is said."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _BROKEN:
        return 1
    return found if found in range(1, 9) else 1


def is_adobe_rgb(image: Image.Image) -> bool:
    """Tell whether a camera says by way of DCF 2.0 that the numbers are Adobe RGB, which has no value of its own."""
    block = image.info.get("exif")
    if not isinstance(block, bytes) or _ADOBE_RGB.encode() not in block:  # spares nearly all the parsing
        return False
    try:
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
    except _BROKEN:
        return False
    return space == _UNCALIBRATED and index == _ADOBE_RGB
