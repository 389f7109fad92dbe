"""Reads a picture's format and size from its header, as BC's platform does on import. Pure."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

# BC's image module knows no WebP, AVIF or HEIC.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF")
_CONTENT_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # Pillow's name for a camera's JPEG with several pictures in it
    "PNG": "image/png",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}


# The last bytes of a complete file; zeros may follow.
_ENDS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82", "GIF": b";"}


@dataclass(frozen=True)
class Medium:
    """Stores a picture: the uploaded bytes and what their header says.

    ``complete`` is False if the bytes lack the end that their format prescribes.
    """

    content: bytes
    content_type: str
    width: int
    height: int
    description: str
    complete: bool = True


def read_medium(content: bytes, description: str) -> Medium | None:
    """Return the medium, or None if the bytes do not begin like a picture that BC knows."""
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            image_format = image.format or ""
            complete = content.rstrip(b"\0").endswith(_ENDS.get(image_format, b""))
            return Medium(content, _CONTENT_TYPES[image_format], width, height, description, complete)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
