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


@dataclass(frozen=True)
class Medium:
    """A picture as it is stored: the bytes as they came, and what was read from them."""

    content: bytes
    content_type: str
    width: int
    height: int
    description: str


def read_medium(content: bytes, description: str) -> Medium | None:
    """Return the medium, or None where the bytes begin like no picture that BC knows."""
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            return Medium(content, _CONTENT_TYPES[image.format or ""], width, height, description)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
