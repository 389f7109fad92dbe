"""Renders the bytes of a photograph as the picture for Business Central. Pure.

The steps, in order: read the header, check the limits, pass a finished picture through, wait for memory, decode at the
smallest sufficient scale, resample once, turn upright, convert to sRGB, flatten and pad on the background, encode
within the byte limit.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageChops

from shared.errors import Permanent, Reason
from shared.pictures import colours, encoding, estimates, exif, jpeg_bare, resampling, sources
from shared.pictures.diagnosis import readable_bytes
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import USUAL_LIMITS, USUAL_RENDITION, Colour, Rendition, SourceLimits


@dataclass(frozen=True)
class Picture:
    """Holds the picture for BC; ``quality`` is None if the source was passed through."""

    content: bytes
    content_type: str
    width: int
    height: int
    quality: int | None


def render(
    source: bytes,
    rendition: Rendition = USUAL_RENDITION,
    limits: SourceLimits = USUAL_LIMITS,
    memory: MemoryBudget | None = None,
) -> Picture:
    """Return ``source`` upright, in sRGB, flattened, inside ``max_side``, without metadata, as JPEG.

    Never enlarges. Keeps within ``rendition.max_bytes`` by lowering first the quality, then the size. Renders only the
    first of several frames. Returns a JPEG that needs no change byte for byte. Decodes once ``memory`` allows it.

    Raises:
        Permanent: ``too_large`` if a limit is exceeded or ``max_bytes`` cannot be reached, ``not_an_image`` if the
            bytes are not a complete picture in an accepted format.
    """
    with sources.opened(source, limits) as image:
        if _fits(len(source), image, rendition) and (skeleton := jpeg_bare.skeleton(source)):
            jpeg_bare.check_decodable(skeleton)
            return Picture(source, "image/jpeg", *image.size, None)
        picture = _rendered(image, rendition, memory or MemoryBudget())
    encoded = encoding.jpeg_within(rendition.max_bytes, picture, rendition.quality)
    if not encoded:
        limit = readable_bytes(rendition.max_bytes, is_limit=True)
        detail = f"Even at {encoding.SIDE_FLOOR} pixels the picture stays above {limit} (PICTURE_MAX_BYTES)."
        raise Permanent(Reason.TOO_LARGE, detail)
    return Picture(encoded.content, "image/jpeg", encoded.width, encoded.height, encoded.quality)


def _fits(size: int, image: Image.Image, rendition: Rendition) -> bool:
    """Whether a source of ``size`` bytes is within the limits of the rendition, and in its shape."""
    return (
        size <= rendition.max_bytes
        and max(image.size) <= rendition.max_side
        and (rendition.fit != "pad" or image.width == image.height)
    )


def _rendered(image: Image.Image, rendition: Rendition, memory: MemoryBudget) -> Image.Image:
    profile = colours.foreign_profile(image)
    size = resampling.fitted_size(image.size, rendition.max_side)
    reduction = resampling.set_scale(image, rendition.max_side, is_srgb=profile is None)
    flatten = colours.Flattening(rendition.background)
    normalize = _strip_normalizer(image, profile, flatten)
    with memory.reserve(estimates.reserved_bytes(image, reduction, size, memory.size)):
        sources.complete(image)
        picture = resampling.resampled(image, size, reduction, normalize)
    picture = colours.to_srgb(_turned_upright(picture, image), profile)
    picture = flatten(picture) if picture.mode == "RGBA" else picture
    flatten.check_visible()
    return _squared(picture, rendition.background) if rendition.fit == "pad" else picture


def _strip_normalizer(
    image: Image.Image, profile: bytes | None, flatten: colours.Flattening
) -> Callable[[Image.Image], Image.Image]:
    """Return a function that prepares a strip of ``image`` for resampling: no palette, 16 bits or straight alpha.

    With a ``profile``, strips cannot be flattened before they are converted; premultiplied alpha keeps the hidden
    colours of transparent pixels from bleeding. Must be called before ``image`` is loaded.
    """
    transparent_scale, is_negative = colours.transparent_level_scale(image), colours.is_negative(image)

    def normalize(strip: Image.Image) -> Image.Image:
        strip = colours.normalized(strip, transparent_scale)
        strip = ImageChops.invert(strip) if is_negative else strip
        if profile and strip.mode in ("RGBA", "LA"):
            return strip.convert(strip.mode[:-1] + "a")
        return flatten(strip)

    return normalize


def _turned_upright(picture: Image.Image, source: Image.Image) -> Image.Image:
    method = _TURNS.get(exif.orientation(source))
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


def _squared(picture: Image.Image, background: Colour) -> Image.Image:
    side = max(picture.size)
    colour = Image.new("RGB", (1, 1), background).convert(picture.mode).getpixel((0, 0))
    square = Image.new(picture.mode, (side, side), colour)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square
