"""What the platform reads from a picture when it imports one: its format and size, from the header only. Pure."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

# What BC's image module knows; it does not know WebP, AVIF or HEIC.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF")
_CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what Pillow calls a camera's JPEG with several pictures in it
    "PNG": "image/png",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}


# How these formats end; zeros may follow.
_ENDS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82", "GIF": b";"}


@dataclass(frozen=True)
class Medium:
    """A picture as it is stored: the bytes as they came, and what was read from them.

    ``complete`` is False where the bytes lack the end that their format prescribes.
    """

    content: bytes
    content_type: str
    width: int
    height: int
    description: str
    complete: bool = True


def read_medium(content: bytes, description: str) -> Medium | None:
    """Return the medium, or None where the bytes begin like no picture that BC knows."""
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            known = image.format or ""
            complete = content.rstrip(b"\0").endswith(_ENDS.get(known, b""))
            return Medium(content, _CONTENT_TYPES[known], width, height, description, complete)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
