"""Sources: which are taken, and within which limits. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from shared.errors import Permanent, Reason
from shared.pictures import jpeg, png
from shared.pictures.decoding import tile_size
from shared.pictures.diagnosis import explained
from shared.pictures.rendition import SourceLimits

try:  # not among the requirements, because of the licences of its decoder (docs/pictures.md)
    from pillow_heif import register_heif_opener
except ImportError:
    _HEIF: tuple[str, ...] = ()
else:
    register_heif_opener(thumbnails=False)
    _HEIF = ("HEIF",)

KEPT_WHOLE = "kept whole"  # among what Pillow tells of a JPEG
_LONGEST_SIDE = 1_000_000  # pixels; beyond, Pillow fails by itself, and nothing but a line would be left

# Only these decoders are ever reached, whatever the bytes claim to be.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", *_HEIF)


@contextmanager
def opened(source: bytes, limits: SourceLimits) -> Iterator[Image.Image]:
    """Open ``source`` as far as its header and check the limits; what fails in the block is explained too.

    Raises:
        Permanent: ``too_large`` where a limit is exceeded, ``not_an_image`` where the bytes are no complete
            picture of a known format.
    """
    check_bytes(len(source), limits)
    with explained(source), _opened(source, limits) as image:
        _check_pixels(image, limits)
        yield image


def _opened(source: bytes, limits: SourceLimits) -> Image.Image:
    if source.startswith(jpeg.SIGNATURE):
        # Image.open would look for further pictures in it, and refuse the first for a mistake in their list.
        image = JpegImageFile(BytesIO(jpeg.picture_alone(source)))
        image.info[KEPT_WHOLE] = jpeg.is_kept_whole(source)
        return image
    try:
        return Image.open(BytesIO(png.picture_alone(source)), formats=FORMATS)
    except Image.DecompressionBombError:  # raised from the header alone, like our own limit but higher
        raise _too_many_pixels("more than 178,000,000", limits) from None


def check_bytes(size: int, limits: SourceLimits) -> None:
    """Raise ``too_large`` for a source of ``size`` bytes beyond the limit, before it is loaded or decoded."""
    if size > limits.max_bytes:
        found = f"The file has {size:,} bytes, and at most {limits.max_bytes:,} are taken"
        raise Permanent(Reason.TOO_LARGE, f"{found}. Upload a smaller version of the picture.")


def _check_pixels(image: Image.Image, limits: SourceLimits) -> None:
    if image.width * image.height > limits.max_pixels:
        raise _too_many_pixels(f"{image.width} × {image.height}", limits)
    width, height = tile_size(image)  # one of a TIFF is decoded whole, however little of it is in the picture
    if width * height > limits.max_pixels:
        raise _too_many_pixels(f"tiles of {width} × {height}", limits)
    if max(image.size) > _LONGEST_SIDE:
        found = f"The picture has {image.width} × {image.height} pixels"
        detail = f"{found}, and no side may be longer than {_LONGEST_SIDE:,}. Upload a picture of another shape."
        raise Permanent(Reason.TOO_LARGE, detail)


def _too_many_pixels(found: str, limits: SourceLimits) -> Permanent:
    allowed = f"{limits.max_pixels:,}"
    detail = f"The picture has {found} pixels, and at most {allowed} in all are taken. Upload a smaller version."
    return Permanent(Reason.TOO_LARGE, detail)
