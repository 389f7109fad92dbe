"""Paints pictures that say their own number, and reads the number from what Business Central shows. Pure.

A picture is a grid of black and white squares: 32 bits of number and 16 of checksum. The squares are large enough to
survive any rendition, so the auditor recognises a picture whatever the app did to it, and mistakes none for another.
"""

import zlib
from io import BytesIO

from PIL import Image

_COLUMNS, _ROWS, _SQUARE = 8, 6, 24  # 48 squares of 24 pixels
_NUMBER_BITS, _CHECK_BITS = 32, 16
FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP", "tif": "TIFF"}


def paint(number: int, extension: str, tag: int = 0) -> bytes:
    """Return a picture of ``number``; two with different ``tag`` look alike, but no two files are the same bytes."""
    code = (number << _CHECK_BITS) | _checksum(number)
    squares = bytes(255 * (code >> position & 1) for position in range(_COLUMNS * _ROWS))
    small = Image.frombytes("L", (_COLUMNS, _ROWS), squares)
    picture = small.convert("RGB").resize((_COLUMNS * _SQUARE, _ROWS * _SQUARE), Image.Resampling.NEAREST)
    file = BytesIO()
    picture.save(file, FORMATS[extension])
    return file.getvalue() + tag.to_bytes(4, "big")  # behind the picture's end, where no decoder looks


def recognise(content: bytes) -> int | None:
    """Return the number that a picture says, or None if it says none."""
    try:
        with Image.open(BytesIO(content)) as image:
            small = image.convert("L").resize((_COLUMNS, _ROWS), Image.Resampling.BOX)
    except (OSError, ValueError):
        return None
    code = sum((level > 127) << position for position, level in enumerate(small.tobytes()))  # noqa: PLR2004 - half of white
    number, check = code >> _CHECK_BITS, code & (1 << _CHECK_BITS) - 1
    return number if check == _checksum(number) else None


def _checksum(number: int) -> int:
    return zlib.crc32(number.to_bytes(_NUMBER_BITS // 8, "big")) & (1 << _CHECK_BITS) - 1
