"""Decodes a source at the smallest sufficient scale, then resamples it once. Pure.

A photograph has ten times the pixels that Business Central shows, so the steps that touch all of them determine time
and memory: a JPEG is decoded at a reduced scale; every other format is reduced strip by strip, without a second copy.
"""

from collections.abc import Callable, Iterator
from math import ceil

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from shared.pictures import jpeg2000
from shared.pictures.decoding import first_frame
from shared.pictures.sources import BUFFERED_WHOLE
from shared.pictures.tiff import tile_bytes

Size = tuple[int, int]
Normalizer = Callable[[Image.Image], Image.Image]

# Decoding and reducing keep at least this many times the final pixels in a row: with fewer, fine texture breaks up.
_GAP = 1.2
_BLURRED = 4  # from this factor of the box filter on, LANCZOS restores sharpness
_SMALL_REDUCTION = 2  # from this reduction on, BICUBIC is worth its time
_STRIP = 1 << 18  # pixels that are converted and reduced at once
_REDUCIBLE = ("L", "RGB", "RGBX", "CMYK")
_RGB_IDS = list(b"RGB")
# Measured bytes per pixel during decoding, for formats that need more than the four of Pillow itself.
_DECODER_BYTES = {"WEBP": 13, "AVIF": 15, "JPEG2000": 25, "HEIF": 12, "GIF": 6}
_POINTER, _DEEPEST_PIXEL = 8, 8  # bytes; the deepest pixel has four channels of 16 bits
_OVERHEAD = 4 * 1024 * 1024  # bytes: tables, buffers, the encoded picture


def fitted_size(size: Size, max_side: int) -> Size:
    """Return ``size`` scaled to fit inside ``max_side``; never enlarged, never thinner than one pixel."""
    scale = min(1, max_side / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def set_scale(image: Image.Image, max_side: int, *, is_srgb: bool) -> int:
    """Prepare a JPEG to be decoded at 1/2, 1/4 or 1/8 if enough pixels remain, and in YCbCr if ``is_srgb``.

    Returns the factor by which loading will reduce it; ``image.size`` is the reduced size from now on. Other formats
    stay unchanged, at a factor of 1.
    """
    if not isinstance(image, JpegImageFile):
        return 1
    before = max(image.size)
    least = _GAP * max_side / before
    mode = "YCbCr" if is_srgb and _is_ycc(image) else None
    image.draft(mode, (max(1, ceil(image.width * least)), max(1, ceil(image.height * least))))
    return next(scale for scale in (1, 2, 4, 8) if ceil(before / scale) == max(image.size))


def _is_ycc(image: JpegImageFile) -> bool:
    """Whether a JPEG is coded in YCbCr, as usual, not in RGB, which Pillow's draft would turn into noise."""
    ids = [component[0] for component in image.layer]
    return image.mode == "RGB" and ids != _RGB_IDS and image.info.get("adobe_transform", 1) != 0


def memory_for(image: Image.Image, scale: int, size: Size) -> int:
    """Estimate from the header alone how many bytes ``resampled`` will hold at once; ``scale`` as for ``resampled``."""
    pixels = image.width * image.height
    reduced_pixels = min(pixels, 6 * size[0] * size[1])  # before the last filter; 6 is just above (2 × _GAP) ** 2
    decoded = pixels * _DECODER_BYTES.get(str(image.format), 4) + tile_bytes(image) + _coefficient_bytes(image, scale)
    lines = _POINTER * image.height + 2 * _DEEPEST_PIXEL * image.width  # Pillow's index of lines; two undecoded lines
    decoded += jpeg2000.component_bytes(image)
    return decoded + lines + 8 * reduced_pixels + _OVERHEAD


def _coefficient_bytes(image: Image.Image, scale: int) -> int:
    """Return the bytes in which libjpeg buffers a JPEG in several scans: two for each coefficient."""
    if not isinstance(image, JpegImageFile) or not image.info.get(BUFFERED_WHOLE):
        return 0
    areas = [horizontal * vertical for _, horizontal, vertical, _ in image.layer]
    return image.width * image.height * scale * scale * 2 * sum(areas) // max(1, *areas)


def resampled(image: Image.Image, size: Size, scale: int, normalize: Normalizer) -> Image.Image:
    """Return the first frame of ``image`` in ``size``; ``scale`` is the result of ``set_scale``, called before.

    ``normalize`` turns a strip of the source into a mode that can be resampled. It is not applied to a JPEG, which
    always is: L, RGB, CMYK or YCbCr.
    """
    if isinstance(image, JpegImageFile):
        image.load()
        reduced: Image.Image = image.copy() if image.size == size else image
        width, height = map(float, image.size)
    else:
        reduced, scale = _reduced(first_frame(image), max(size), normalize)
        width, height = image.width / scale, image.height / scale
    if reduced.size == size:
        return reduced
    kernel = _kernel(scale, max(width, height) / max(size))
    if reduced.mode == "YCbCr":
        return _resampled_planes(reduced, size, kernel)
    return reduced.resize(size, kernel, box=(0, 0, width, height))


def _kernel(factor: int, rest: float) -> Image.Resampling:
    """Return the filter for the ``rest`` of a reduction after a box filter has reduced by a whole ``factor``.

    LANCZOS restores some of the sharpness that a wide box took. For a small overall reduction, in which the filter
    takes most of the time, the narrow HAMMING is hardly worse.
    """
    if factor >= _BLURRED:
        return Image.Resampling.LANCZOS
    return Image.Resampling.BICUBIC if factor * rest >= _SMALL_REDUCTION else Image.Resampling.HAMMING


def _reduced(image: Image.Image, side: int, normalize: Normalizer) -> tuple[Image.Image, int]:
    """Return ``image``, normalized and reduced by a whole number, and that number."""
    factor = _factor(max(image.size), side)
    if image.mode in _REDUCIBLE and not image.has_transparency_data:
        return normalize(image.reduce(factor)), factor
    reduced = None
    for box in _boxes(image.size, factor):
        strip = normalize(image.crop(box)).reduce(factor)
        reduced = reduced or Image.new(strip.mode, (ceil(image.width / factor), ceil(image.height / factor)))
        reduced.paste(strip, (box[0] // factor, box[1] // factor))
    return reduced or image, factor  # no picture is without rows


def _boxes(size: Size, factor: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield strips of about ``_STRIP`` pixels; in a very wide picture they do not span the whole width."""
    width, height = size
    columns = min(width, max(1, _STRIP // factor // factor) * factor)
    rows = max(1, _STRIP // columns // factor) * factor
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _factor(before: int, after: int) -> int:
    """Reduce all the way if a whole number does, as no filter is better then; otherwise leave a gap for the filter."""
    return before // after if before % after == 0 else max(1, int(before / (after * _GAP)))


def _resampled_planes(image: Image.Image, size: Size, kernel: Image.Resampling) -> Image.Image:
    """Resample brightness in full and colour at half the size, as the encoded JPEG keeps no more of it."""
    half = ceil(size[0] / 2), ceil(size[1] / 2)
    brightness, *colours = image.split()

    def resampled_colour(plane: Image.Image) -> Image.Image:
        reduced = plane.reduce(_factor(max(plane.size), max(half))).resize(half, Image.Resampling.BILINEAR)
        return reduced.resize(size, Image.Resampling.NEAREST, box=(0, 0, size[0] / 2, size[1] / 2))

    return Image.merge("YCbCr", (brightness.resize(size, kernel), *map(resampled_colour, colours)))
