"""From an opened source to few pixels: decoded at the smallest sufficient scale, then resampled once. Pure.

A photograph has ten times the pixels that Business Central shows, so what touches all of them decides about time and
memory: a JPEG is decoded at a reduced scale, everything else is reduced strip by strip, without a second whole copy.
"""

from collections.abc import Callable, Iterator
from math import ceil

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from shared.pictures.decoding import decoded_tile, first_frame
from shared.pictures.sources import KEPT_WHOLE

Size = tuple[int, int]

# What is decoded or reduced keeps at least so many times the final pixels in a row: with fewer, fine texture breaks up.
_GAP = 1.2
_BLURRED = 4
_SMALL_REDUCTION = 2
_STRIP = 1 << 18  # pixels that are converted and reduced in one go
_REDUCIBLE = ("L", "RGB", "RGBX", "CMYK")
_RGB_IDS = list(b"RGB")
# Bytes that a pixel takes while its format is decoded, where that is more than Pillow's own four; as measured.
_DECODERS = {"WEBP": 13, "AVIF": 15, "JPEG2000": 25, "HEIF": 12, "GIF": 6}
_POINTER, _DEEPEST = 8, 8  # bytes: of an address; of a pixel in four colours of 16 bits
_BESIDES = 4 * 1024 * 1024  # bytes: tables, buffers, the encoded picture


def fitted_size(size: Size, max_side: int) -> Size:
    """Return ``size`` scaled to fit inside ``max_side``; never enlarged, never thinner than one pixel."""
    scale = min(1, max_side / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def set_scale(image: Image.Image, max_side: int, *, is_srgb: bool) -> int:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8 where enough pixels are left, in YCbCr if no colour has to change.

    Returns by how much it will be reduced when it is loaded; ``image.size`` is already the reduced one.
    """
    if not isinstance(image, JpegImageFile):
        return 1
    before = max(image.size)
    least = _GAP * max_side / before
    mode = "YCbCr" if is_srgb and _is_ycc(image) else None
    image.draft(mode, (max(1, ceil(image.width * least)), max(1, ceil(image.height * least))))
    return next(scale for scale in (1, 2, 4, 8) if ceil(before / scale) == max(image.size))


def _is_ycc(image: JpegImageFile) -> bool:
    """Tell the usual JPEG from one that is coded in RGB, of which Pillow's draft would make noise."""
    ids = [component[0] for component in image.layer]
    return image.mode == "RGB" and ids != _RGB_IDS and image.info.get("adobe_transform", 1) != 0


def memory_for(image: Image.Image, scale: int, size: Size) -> int:
    """Return about how many bytes ``resampled`` will hold at once, from the header alone; ``scale`` as it needs it."""
    pixels = image.width * image.height
    few = min(pixels, 6 * size[0] * size[1])  # between the box and the filter; 6 is just above (2 × _GAP) ** 2
    decoded = pixels * _DECODERS.get(str(image.format), 4) + decoded_tile(image) + _coefficients(image, scale)
    lines = _POINTER * image.height + 2 * _DEEPEST * image.width  # Pillow's index of them; two of them, undecoded
    return decoded + lines + 8 * few + _BESIDES


def _coefficients(image: Image.Image, scale: int) -> int:
    """A progressive JPEG and the like is kept whole, at two bytes a coefficient, until its last scan has been read."""
    if not isinstance(image, JpegImageFile) or not image.info.get(KEPT_WHOLE):
        return 0
    areas = [horizontal * vertical for _, horizontal, vertical, _ in image.layer]
    return image.width * image.height * scale * scale * 2 * sum(areas) // max(1, *areas)


def resampled(image: Image.Image, size: Size, scale: int, plain: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Return the first frame of ``image`` in ``size``; ``scale`` is what ``set_scale`` returned.

    ``plain`` turns a strip of the source into a mode that can be resampled.
    """
    if isinstance(image, JpegImageFile):
        image.load()
        few: Image.Image = image.copy() if image.size == size else image
        width, height = map(float, image.size)
    else:
        few, scale = _reduced(first_frame(image), max(size), plain)
        width, height = image.width / scale, image.height / scale
    if few.size == size:
        return few
    kernel = _kernel(scale, max(width, height) / max(size))
    if few.mode == "YCbCr":
        return _planes(few, size, kernel)
    return few.resize(size, kernel, box=(0, 0, width, height))


def _kernel(reduced: int, rest: float) -> Image.Resampling:
    """Return the filter for a reduction by ``rest`` of what a box filter has reduced by a whole number before.

    LANCZOS gives back some of the sharpness that a wide box took. Where little is reduced in all, the narrow HAMMING
    is hardly worse; and it is there that the filter takes most of the time.
    """
    if reduced >= _BLURRED:
        return Image.Resampling.LANCZOS
    return Image.Resampling.BICUBIC if reduced * rest >= _SMALL_REDUCTION else Image.Resampling.HAMMING


def _reduced(image: Image.Image, side: int, plain: Callable[[Image.Image], Image.Image]) -> tuple[Image.Image, int]:
    """Return ``image``, plain and reduced by a whole number, and that number."""
    factor = _factor(max(image.size), side)
    if image.mode in _REDUCIBLE and not image.has_transparency_data:
        return plain(image.reduce(factor)), factor
    few = None
    for box in _boxes(image.size, factor):
        strip = plain(image.crop(box)).reduce(factor)
        few = few or Image.new(strip.mode, (ceil(image.width / factor), ceil(image.height / factor)))
        few.paste(strip, (box[0] // factor, box[1] // factor))
    return few or image, factor  # no picture is without rows


def _boxes(size: Size, factor: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield strips of ``size``, of about ``_STRIP`` pixels; those of a very wide picture do not reach from side to side."""
    width, height = size
    columns = min(width, max(1, _STRIP // factor // factor) * factor)
    rows = max(1, _STRIP // columns // factor) * factor
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _factor(before: int, after: int) -> int:
    """Where the box filter meets the final pixels, it is as good as any; where it does not, it must leave a gap."""
    return before // after if before % after == 0 else max(1, int(before / (after * _GAP)))


def _planes(image: Image.Image, size: Size, kernel: Image.Resampling) -> Image.Image:
    """Resample brightness in full and colour at half the size: the JPEG that comes of it keeps no more of it."""
    half = ceil(size[0] / 2), ceil(size[1] / 2)
    brightness, *colours = image.split()

    def colour(plane: Image.Image) -> Image.Image:
        few = plane.reduce(_factor(max(plane.size), max(half))).resize(half, Image.Resampling.BILINEAR)
        return few.resize(size, Image.Resampling.NEAREST, box=(0, 0, size[0] / 2, size[1] / 2))

    return Image.merge("YCbCr", (brightness.resize(size, kernel), *map(colour, colours)))
