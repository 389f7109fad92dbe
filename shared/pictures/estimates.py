"""Estimates from the header how much memory rendering a source takes, and refuses what never fits. Pure."""

from dataclasses import dataclass

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from shared.errors import Permanent, Reason
from shared.pictures import jpeg2000
from shared.pictures.diagnosis import readable_pixels
from shared.pictures.resampling import Reduction, Size, most_reduced_pixels
from shared.pictures.sources import BUFFERED_WHOLE, memory_to_complete
from shared.pictures.tiff import tile_bytes

# Measured bytes per pixel during decoding, for formats that need more than the four of Pillow itself.
_DECODER_BYTES = {"WEBP": 13, "AVIF": 15, "JPEG2000": 25, "HEIF": 12, "GIF": 6}
_POINTER, _DEEPEST_PIXEL = 8, 8  # bytes; the deepest pixel has four channels of 16 bits
_OVERHEAD = 4 * 1024 * 1024  # bytes: tables, buffers, the encoded picture
_NAMES = {"WEBP": "WebP", "JPEG2000": "JPEG 2000", "HEIF": "HEIC"}


@dataclass(frozen=True)
class Estimate:
    """Holds the bytes that a render takes at once, for the pixels of the source and for all else."""

    for_pixels: int
    for_rest: int

    @property
    def total(self) -> int:
        """The bytes to reserve."""
        return self.for_pixels + self.for_rest


def estimate(image: Image.Image, reduction: Reduction, size: Size) -> Estimate:
    """Estimate from the header alone how many bytes ``resampled`` will hold at once; the arguments are the same."""
    pixels = image.width * image.height
    decoded = pixels * _DECODER_BYTES.get(str(image.format), 4)
    decoded += tile_bytes(image) + _coefficient_bytes(image, reduction.scale) + memory_to_complete(image)
    decoded += jpeg2000.component_bytes(image)
    lines = _POINTER * image.height + 2 * _DEEPEST_PIXEL * image.width  # Pillow's index of lines; two undecoded lines
    return Estimate(decoded + lines, 8 * min(pixels, most_reduced_pixels(size)) + _OVERHEAD)


def _coefficient_bytes(image: Image.Image, scale: int) -> int:
    """Return the bytes in which libjpeg buffers a JPEG in several scans: two for each coefficient."""
    if not isinstance(image, JpegImageFile) or not _is_buffered(image):
        return 0
    areas = [horizontal * vertical for _, horizontal, vertical, _ in image.layer]
    return image.width * image.height * scale * scale * 2 * sum(areas) // max(1, *areas)


def _is_buffered(image: Image.Image) -> bool:
    return bool(image.info.get(BUFFERED_WHOLE))


def reserved_bytes(image: Image.Image, reduction: Reduction, size: Size, budget: int) -> int:
    """Return the bytes to reserve for ``resampled`` with the same arguments.

    Raises:
        Permanent: ``too_large`` if they exceed ``budget``: decoding could end the process, and with it other uploads.
    """
    needed = estimate(image, reduction, size)
    if needed.total <= budget:
        return needed.total
    width, height = round(reduction.width * reduction.scale), round(reduction.height * reduction.scale)
    pixels = width * height
    limit = readable_pixels(max(0, budget - needed.for_rest) * pixels // needed.for_pixels, is_limit=True)
    problem = f"The picture has {width} × {height} pixels ({readable_pixels(pixels)})"
    problem += f"; the limit for {_kind(image)} is {limit}, because decoding it takes more memory (RENDER_MEMORY)"
    raise Permanent(Reason.TOO_LARGE, f"{problem}. {_way_out(image)}")


def _kind(image: Image.Image) -> str:
    name = str(image.format)
    if _is_buffered(image):
        return "a JPEG saved in several passes (progressive)"
    if name == "TIFF":
        return "a TIFF saved like this"
    return _NAMES.get(name, name)


def _way_out(image: Image.Image) -> str:
    if isinstance(image, JpegImageFile):
        return "Save it as a baseline JPEG, or upload a smaller version."
    return "Save it as JPEG, or upload a smaller version."
