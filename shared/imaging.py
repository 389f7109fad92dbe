"""From the bytes of a photograph to the picture for Business Central. Pure.

The steps, in order: look at the header, check the limits, decode (JPEG at a reduced scale), fit inside the
largest side, turn upright, convert to sRGB, flatten on the background, encode within the byte limit.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, UnidentifiedImageError

from shared.errors import Permanent, Reason

# Only these decoders are ever reached, whatever the bytes claim to be.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")
QUALITY_FLOOR = 40  # below this, blocks show on plain surfaces
SIDE_FLOOR = 256  # pixels; a smaller picture would help nobody on an item card
_QUALITY_STEP = 9
_SIDE_STEP = 0.8
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Rendition:
    """What the picture for BC looks like: sides in pixels, sizes in bytes, JPEG quality, background as RGB."""

    max_side: int = 1024
    max_bytes: int = 262_144
    quality: int = 85
    background: Colour = (255, 255, 255)


@dataclass(frozen=True)
class SourceLimits:
    """What a source may be; checked before anything expensive is done with it."""

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000


@dataclass(frozen=True)
class Picture:
    """A picture as it goes to BC."""

    content: bytes
    content_type: str
    width: int
    height: int


def render(
    source: bytes, rendition: Rendition = Rendition(), limits: SourceLimits = SourceLimits()
) -> Picture:
    """Return ``source`` upright, in sRGB, flattened, inside ``max_side``, without metadata, as JPEG.

    Never enlarged, and at most ``rendition.max_bytes`` long: first the quality goes down, then the size.

    Raises:
        Permanent: ``too_large`` where a limit is exceeded or ``max_bytes`` cannot be reached, ``not_an_image``
            where the bytes are no complete picture of a known format.
    """
    check_bytes(len(source), limits)
    with _explained(source, limits), Image.open(BytesIO(source), formats=FORMATS) as image:
        _check_pixels(image, limits)
        profile = image.info.get("icc_profile")
        _decode_reduced(image, rendition.max_side)
        picture = _fit(_plain(image), rendition.max_side)
        picture = _turned_upright(picture, image)
        picture = _flatten(_to_srgb(picture, profile), rendition.background)
    return _encode(picture, rendition)


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


_TAKEN = "Pictures are taken as JPEG, PNG, WebP, TIFF, GIF or BMP."


def _beginning(source: bytes) -> str:
    if not source:
        return "The file is empty, probably an interrupted upload; upload it again."
    return f"The file does not begin like a picture (its first bytes are {source[:8].hex(' ')})."


def _damaged(error: Exception) -> Permanent:
    truncated = "truncated" in str(error).lower()
    what = "ends too early, probably an interrupted upload" if truncated else "is damaged"
    return Permanent(
        Reason.NOT_AN_IMAGE, f"The picture {what}; export or upload it again. (Pillow says: {error})"
    )


def _decode_reduced(image: Image.Image, max_side: int) -> None:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, as long as enough pixels are left for a clean resampling."""
    gap = 1.5 * max_side / max(image.size)
    image.draft(None, (max(1, round(image.width * gap)), max(1, round(image.height * gap))))


def _plain(image: Image.Image) -> Image.Image:
    """Return the first frame in a mode that can be resampled: palettes and bits resolved, 16 bits scaled."""
    if image.mode.startswith("I"):  # 16-bit grayscale: convert() alone would clip at 255
        return image.convert("I").point(lambda value: value / 257 + 0.5).convert("L")
    if image.has_transparency_data and image.mode not in ("RGBA", "LA"):
        return image.convert("RGBA")
    image.load()
    mode = _RESOLVED.get(image.mode, image.mode)
    return image.convert(mode) if mode != image.mode else image


_RESOLVED = {"1": "L", "P": "RGB", "F": "L", "RGBX": "RGB"}


def _fit(image: Image.Image, max_side: int) -> Image.Image:
    scale = max_side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _turned_upright(picture: Image.Image, source: Image.Image) -> Image.Image:
    """Apply the source's EXIF orientation; a broken EXIF block leaves the picture as it lies."""
    try:
        orientation = source.getexif().get(0x0112, 1)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return picture
    method = _TURNS.get(orientation)
    return picture.transpose(method) if method is not None else picture


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return ``image`` as RGB or RGBA in sRGB; without a usable profile its numbers are taken as they are."""
    mode = "RGBA" if image.mode in ("RGBA", "LA") else "RGB"
    if profile and (converted := _by_profile(image, profile)):
        return converted
    return image.convert(mode)


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return ``image`` converted by its embedded profile, None where the profile is broken or does not fit."""
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    try:
        embedded = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(colours, embedded, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if converted is not None and alpha:
        converted.putalpha(alpha)
    return converted


def _flatten(image: Image.Image, background: Colour) -> Image.Image:
    if image.mode != "RGBA":
        return image
    flat = Image.new("RGB", image.size, background)
    flat.paste(image, mask=image.getchannel("A"))
    return flat


def _encode(image: Image.Image, rendition: Rendition) -> Picture:
    """Return ``image`` as JPEG within ``max_bytes``, at the best quality, then the largest size, that fits."""
    for candidate, quality in _attempts(image, rendition.quality):
        content = _jpeg(candidate, quality)
        if len(content) <= rendition.max_bytes:
            return Picture(content, "image/jpeg", candidate.width, candidate.height)
    detail = f"Even at {SIDE_FLOOR} pixels the picture stays above {rendition.max_bytes:,} bytes (PICTURE_MAX_BYTES)."
    raise Permanent(Reason.TOO_LARGE, detail)


def _attempts(image: Image.Image, quality: int) -> Iterator[tuple[Image.Image, int]]:
    for lower in (*range(quality, QUALITY_FLOOR, -_QUALITY_STEP), min(quality, QUALITY_FLOOR)):
        yield image, lower
    side = max(image.size)
    while side > SIDE_FLOOR:
        side = max(SIDE_FLOOR, round(side * _SIDE_STEP))
        yield _fit(image, side), min(quality, QUALITY_FLOOR)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    target = BytesIO()
    # Of the source's metadata, Pillow would write the comment again unless told not to.
    image.save(
        target, "JPEG", quality=quality, optimize=True, comment=None, icc_profile=None, exif=b"", dpi=(0, 0)
    )
    return target.getvalue()
