"""From the bytes of a photograph to the picture for Business Central. Pure.

The steps, in order: look at the header, check the limits, pass on what is finished already, wait for memory, decode
at the smallest sufficient scale, resample once, turn upright, convert to sRGB, flatten and pad on the background,
encode within the byte limit.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageChops

from shared.errors import Permanent, Reason
from shared.pictures import colours, encoding, exif, jpeg, resampling
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import USUAL_LIMITS, USUAL_RENDITION, Colour, Rendition, SourceLimits
from shared.pictures.sources import opened


@dataclass(frozen=True)
class Picture:
    """A picture as it goes to BC; ``quality`` is None where the source was such a picture already."""

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

    Never enlarged, and at most ``rendition.max_bytes`` long: first the quality goes down, then the size. Of several
    frames the first is taken. A JPEG that is like that already is returned as it is, byte for byte. Decoding waits
    until ``memory`` has room for it.

    Raises:
        Permanent: ``too_large`` where a limit is exceeded or ``max_bytes`` cannot be reached, ``not_an_image``
            where the bytes are no complete picture of a known format.
    """
    with opened(source, limits) as image:
        if _is_finished(source, image, rendition):
            width, height = image.size
            _check_whole(image)
            return Picture(source, "image/jpeg", width, height, None)
        picture = _rendered(image, rendition, memory or MemoryBudget(limits.max_pixels * 32))
    found = encoding.jpeg_within(rendition.max_bytes, picture, rendition.quality)
    if not found:
        detail = (
            f"Even at {encoding.SIDE_FLOOR} pixels the picture stays above {rendition.max_bytes:,} bytes "
            "(PICTURE_MAX_BYTES)."
        )
        raise Permanent(Reason.TOO_LARGE, detail)
    return Picture(found.content, "image/jpeg", found.width, found.height, found.quality)


def _is_finished(source: bytes, image: Image.Image, rendition: Rendition) -> bool:
    return (
        len(source) <= rendition.max_bytes
        and max(image.size) <= rendition.max_side
        and (rendition.fit != "pad" or image.width == image.height)
        and jpeg.is_bare(source)
    )


def _check_whole(image: Image.Image) -> None:
    """Decode as little as shows whether the file is complete."""
    image.draft("L", (1, 1))
    image.load()


def _rendered(image: Image.Image, rendition: Rendition, memory: MemoryBudget) -> Image.Image:
    profile = colours.foreign_profile(image)
    size = resampling.fitted_size(image.size, rendition.max_side)
    scale = resampling.set_scale(image, rendition.max_side, is_srgb=profile is None)
    plain = _plain_strips(image, profile, rendition.background)
    with memory.room(resampling.memory_for(image, scale, size)):
        picture = resampling.resampled(image, size, scale, plain)
    picture = colours.to_srgb(_turned_upright(picture, image), profile)
    picture = colours.flattened(picture, rendition.background)
    return _squared(picture, rendition.background) if rendition.fit == "pad" else picture


def _plain_strips(
    image: Image.Image, profile: bytes | None, background: Colour
) -> Callable[[Image.Image], Image.Image]:
    """Return what makes a strip of ``image`` fit for resampling: without palette, 16 bits or open transparency.

    Before a conversion by ``profile`` it cannot be laid on the background yet; premultiplied, no hidden colour bleeds
    out of what is transparent.
    """
    key_scale, is_negative = colours.transparent_key_scale(image), colours.is_negative(image)

    def plain(strip: Image.Image) -> Image.Image:
        strip = colours.plain(strip, key_scale)
        strip = ImageChops.invert(strip) if is_negative else strip
        if profile and strip.mode in ("RGBA", "LA"):
            return strip.convert(strip.mode[:-1] + "a")
        return colours.flattened(strip, background)

    return plain


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
