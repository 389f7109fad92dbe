"""Opens uploaded pictures: accepted formats and limits. Pure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from shared.errors import Permanent, Reason
from shared.pictures import bmp, gif, jpeg, jpeg2000, jpeg_ending, jpeg_segments, png, tiff, webp
from shared.pictures.diagnosis import decoder_errors_as_reason, is_heif, readable_bytes, readable_pixels
from shared.pictures.jpeg import Jpeg
from shared.pictures.rendition import SourceLimits

try:  # not a requirement, because of the licences of its decoder (docs/pictures.md)
    from pillow_heif import HeifImageFile
except ImportError:
    HeifImageFile = None

# A key of ``Image.info``: True for a JPEG that libjpeg buffers whole, until its last scan.
BUFFERED_WHOLE = "buffered whole"
_PREPARED = "prepared"  # another key: the ``Jpeg``
# What Pillow raises on EXIF that it cannot parse.
_BROKEN = (OSError, SyntaxError, ValueError, ArithmeticError, RuntimeError, AttributeError)
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
    opener = next((opener for beginnings, opener in _OPENERS if source.startswith(beginnings)), _open_other)
    try:
        return opener(source)
    except Image.DecompressionBombError:  # raised from the header alone, like our own limit but higher
        raise _too_many_pixels("more than 178 megapixels", limits) from None
    except UnidentifiedImageError:
        if HeifImageFile is None or not is_heif(source):
            raise
    # Registering the format with Pillow would change Pillow for the whole process.
    heif: Image.Image = HeifImageFile(BytesIO(source))
    return heif


def _open_other(source: bytes) -> Image.Image:
    """Open ``source``, or else what is left without its broken extras."""
    try:
        return Image.open(BytesIO(source), formats=FORMATS)
    except (UnidentifiedImageError, OSError):
        if webp.is_webp(source):
            return Image.open(BytesIO(webp.repaired(source)), formats=("WEBP",))
        if source.startswith(gif.SIGNATURES):
            return Image.open(BytesIO(gif.without_extensions(source)), formats=("GIF",))
        raise


def _open_png(source: bytes) -> Image.Image:
    essentials = png.essentials(source)
    image = Image.open(BytesIO(essentials.content), formats=("PNG",))
    if essentials.profile:
        image.info["icc_profile"] = essentials.profile
    return image


def _open_bmp(source: bytes) -> Image.Image:
    image = bmp.opened(source) or Image.open(BytesIO(source), formats=("BMP",))
    profile = bmp.profile(source)
    if profile:
        image.info["icc_profile"] = profile
    return image


def _open_jpeg(source: bytes) -> JpegImageFile:
    """Open a JPEG directly: Image.open would search for further pictures, and refuse the first for their mistakes."""
    prepared = jpeg.prepared(source)
    header, bare_header = prepared.headers
    try:
        image = JpegImageFile(BytesIO(header))
    except _BROKEN:
        image = JpegImageFile(BytesIO(bare_header))
    image.fp = BytesIO(prepared.content)
    image.info |= {BUFFERED_WHOLE: prepared.is_buffered_whole, _PREPARED: prepared}
    if prepared.frame and prepared.frame.is_arithmetic:
        image.decodermaxblock = len(prepared.content)  # this decoder of libjpeg cannot wait for more
    if prepared.frame and prepared.frame.is_lossless:
        image.draft(None, image.size)  # rules out any other scale and colours, which libjpeg gets wrong
    return image


_OPENERS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes], Image.Image]], ...] = (
    (jpeg_segments.SIGNATURE, _open_jpeg),
    (png.SIGNATURE, _open_png),
    (tiff.SIGNATURES, tiff.opened),
    (jpeg2000.SIGNATURES, jpeg2000.opened),
    (bmp.SIGNATURE, _open_bmp),
)


def complete(image: Image.Image) -> None:
    """Complete a JPEG that lacks only its end marker; other pictures stay as they are.

    Raises:
        EndsEarly: pixels are missing too.
    """
    prepared = image.info.get(_PREPARED)
    if isinstance(image, JpegImageFile) and isinstance(prepared, Jpeg) and not prepared.has_end:
        image.fp = BytesIO(jpeg_ending.completed(prepared))


def memory_to_complete(image: Image.Image) -> int:
    """Return the bytes that ``complete`` may hold at once."""
    prepared = image.info.get(_PREPARED)
    return jpeg_ending.memory_for(prepared) if isinstance(prepared, Jpeg) else 0


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
