"""Sources: which are taken, within which limits, and what a photographer is told of the others. Pure."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, UnidentifiedImageError

from shared.errors import Permanent, Reason

try:  # not among the requirements, because of the licences of its decoder (docs/pictures.md)
    from pillow_heif import register_heif_opener
except ImportError:
    _HEIF: tuple[str, ...] = ()
else:
    register_heif_opener(thumbnails=False)
    _HEIF = ("HEIF",)

# Only these decoders are ever reached, whatever the bytes claim to be.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", *_HEIF)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Pillow's remarks on sizes, damaged metadata and the like are for whoever wrote the program; ours are the reasons.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class SourceLimits:
    """What a source may be; checked before anything expensive is done with it.

    There is no limit on frames: none but the first is ever decoded, or even looked for.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000


USUAL_LIMITS = SourceLimits()


@contextmanager
def opened(source: bytes, limits: SourceLimits) -> Iterator[Image.Image]:
    """Open ``source`` as far as its header and check the limits; what fails in the block is explained too.

    Raises:
        Permanent: ``too_large`` where a limit is exceeded, ``not_an_image`` where the bytes are no complete
            picture of a known format.
    """
    check_bytes(len(source), limits)
    with _explained(source, limits), Image.open(BytesIO(source), formats=FORMATS) as image:
        _check_pixels(image, limits)
        yield image


def check_bytes(size: int, limits: SourceLimits) -> None:
    """Raise ``too_large`` for a source of ``size`` bytes beyond the limit, before it is loaded or decoded."""
    if size > limits.max_bytes:
        found = f"The file has {size:,} bytes, and at most {limits.max_bytes:,} are taken"
        raise Permanent(Reason.TOO_LARGE, f"{found}. Upload a smaller version of the picture.")


def _check_pixels(image: Image.Image, limits: SourceLimits) -> None:
    if image.width * image.height > limits.max_pixels:
        raise _too_many_pixels(f"{image.width} × {image.height}", limits)


def _too_many_pixels(found: str, limits: SourceLimits) -> Permanent:
    allowed = f"{limits.max_pixels:,}"
    detail = (
        f"The picture has {found} pixels, and at most {allowed} in all are taken. Upload a smaller version."
    )
    return Permanent(Reason.TOO_LARGE, detail)


@contextmanager
def _explained(source: bytes, limits: SourceLimits) -> Iterator[None]:
    """Turn what Pillow raises on bad bytes into the one reason that a photographer understands.

    Not a MemoryError: too little memory is our fault, and the next delivery may have more.
    """
    try:
        yield
    except Image.DecompressionBombError:  # raised from the header alone, like our own limit but higher
        raise _too_many_pixels("more than 178,000,000", limits) from None
    except UnidentifiedImageError:
        raise Permanent(Reason.NOT_AN_IMAGE, f"{_beginning(source)} {_TAKEN}") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        OverflowError,
    ) as error:
        raise _damaged(error) from error
    except (struct.error, zlib.error, ImageCms.PyCMSError, NotImplementedError) as error:
        raise _damaged(error) from error


_TAKEN = "Pictures are taken as JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP or JPEG 2000."


def _beginning(source: bytes) -> str:
    if not source:
        return "The file is empty, probably an interrupted upload; upload it again."
    if source[4:8] == b"ftyp" and source[8:12] in _HEIF_BRANDS and not _HEIF:
        return (
            "This is a HEIC picture, as iPhones take them. Export it as JPEG and upload that; or let whoever runs "
            "this app add the package pillow-heif to its requirements."
        )
    return f"The file does not begin like a picture (its first bytes are {source[:8].hex(' ')})."


def _damaged(error: Exception) -> Permanent:
    said = str(error).lower()
    if any(word in said for word in ("truncated", "incomplete", "unexpected end", "end of file")):
        what = "The file ends too early, probably an interrupted upload; upload it again."
    else:
        what = "The picture is damaged; export it again and upload that."
    return Permanent(Reason.NOT_AN_IMAGE, f"{what} (Pillow says: {error})")
