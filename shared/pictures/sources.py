"""Opens uploaded pictures: accepted formats and limits. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from shared.errors import Permanent, Reason
from shared.pictures import jpeg, jpeg2000, png, tiff
from shared.pictures.diagnosis import decoder_errors_as_reason, is_heif, readable_bytes, readable_pixels
from shared.pictures.rendition import SourceLimits

try:  # not a requirement, because of the licences of its decoder (docs/pictures.md)
    from pillow_heif import HeifImageFile
except ImportError:
    HeifImageFile = None

# A key of ``Image.info``: True for a JPEG that libjpeg buffers whole, until its last scan.
BUFFERED_WHOLE = "buffered whole"
_LONGEST_SIDE = 1_000_000  # pixels; Pillow itself fails on longer sides, and the picture would shrink to a line

# Pillow tries only these decoders, whatever the bytes claim to be; pillow-heif, where installed, is asked after them.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000")


@contextmanager
def opened(source: bytes, limits: SourceLimits) -> Iterator[Image.Image]:
    """Open ``source``, reading only its header, and check the limits; decoder errors within the block get a reason.

    Raises:
        Permanent: ``too_large`` if a limit is exceeded, ``not_an_image`` if the bytes are not a complete picture in
            an accepted format.
    """
    check_bytes(len(source), limits)
    with decoder_errors_as_reason(source), _open(source, limits) as image:
        _check_pixels(image, limits)
        yield image


def _open(source: bytes, limits: SourceLimits) -> Image.Image:
    if source.startswith(jpeg.SIGNATURE):
        # Image.open would search it for further pictures, and refuse the first for a mistake in their list.
        image = JpegImageFile(BytesIO(jpeg.strip_extras(source)))
        image.info[BUFFERED_WHOLE] = jpeg.is_buffered_whole(source)
        return image
    try:
        if source.startswith(tiff.SIGNATURES):
            return tiff.opened(source)
        if source.startswith(jpeg2000.SIGNATURES):
            return jpeg2000.opened(source)
        return Image.open(BytesIO(png.strip_extras(source)), formats=FORMATS)
    except Image.DecompressionBombError:  # raised from the header alone, like our own limit but higher
        raise _too_many_pixels("more than 178 megapixels", limits) from None
    except UnidentifiedImageError:
        if HeifImageFile is None or not is_heif(source):
            raise
    # Registering the format with Pillow would change Pillow for the whole process.
    heif: Image.Image = HeifImageFile(BytesIO(source))
    return heif


def check_bytes(size: int, limits: SourceLimits) -> None:
    """Raise ``too_large`` if a source of ``size`` bytes exceeds the limit; nothing has to be loaded for this."""
    if size > limits.max_bytes:
        limit = readable_bytes(limits.max_bytes, is_limit=True)
        problem = f"The file is {readable_bytes(size)}; the limit is {limit}"
        raise Permanent(Reason.TOO_LARGE, f"{problem}. Upload a smaller version of the picture.")


def _check_pixels(image: Image.Image, limits: SourceLimits) -> None:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise _too_many_pixels(_dimensions(width, height), limits)
    tile_width, tile_height = tiff.tile_size(image)  # a TIFF's tile is decoded whole, even if most of it is outside
    if tile_width * tile_height > limits.max_pixels:
        raise _too_many_pixels(f"tiles of {_dimensions(tile_width, tile_height)}", limits)
    if max(image.size) > _LONGEST_SIDE:
        problem = f"The picture has {width} × {height} pixels; the limit for a side is {_LONGEST_SIDE:,} pixels"
        raise Permanent(Reason.TOO_LARGE, f"{problem}. Upload a picture of another shape.")


def _dimensions(width: int, height: int) -> str:
    return f"{width} × {height} pixels ({readable_pixels(width * height)})"


def _too_many_pixels(size: str, limits: SourceLimits) -> Permanent:
    limit = readable_pixels(limits.max_pixels, is_limit=True)
    return Permanent(Reason.TOO_LARGE, f"The picture has {size}; the limit is {limit}. Upload a smaller version.")
