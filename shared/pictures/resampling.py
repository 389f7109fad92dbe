"""Decodes a source at the smallest sufficient scale, then resamples it once. Pure.

A photograph has ten times the pixels that Business Central shows, so the steps that touch all of them determine time
and memory: a JPEG is decoded at a reduced scale; every other format is reduced strip by strip, without a second copy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from shared.pictures import edges
from shared.pictures.decoding import first_frame

Size = tuple[int, int]
Normalizer = Callable[[Image.Image], Image.Image]

# Decoding and reducing keep at least this many times the final pixels in a row: with fewer, fine texture breaks up.
_GAP = 1.2
_BLURRED = 4  # from this factor of the box filter on, LANCZOS restores sharpness
_SMALL_REDUCTION = 2  # from this reduction on, BICUBIC is worth its time
_STRIP = 1 << 18  # pixels that are converted and reduced at once
_REDUCIBLE = ("L", "RGB", "RGBX", "CMYK")
_RGB_IDS = list(b"RGB")
_OPAQUE = b"\xff"


@dataclass(frozen=True)
class Reduction:
    """Tells by which ``scale`` loading reduces a source, and its true size then, in fractions of pixels.

    The decoder completes the last pixels from whatever the encoder stored beyond the edge.
    """

    scale: int
    width: float
    height: float


def fitted_size(size: Size, max_side: int) -> Size:
    """Return ``size`` scaled to fit inside ``max_side``; never enlarged, never thinner than one pixel."""
    scale = min(1, max_side / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def most_reduced_pixels(size: Size) -> int:
    """Return an upper bound of the pixels that remain for the last filter; 6 is just above (2 × _GAP) ** 2."""
    return 6 * size[0] * size[1]


def set_scale(image: Image.Image, max_side: int, *, is_srgb: bool) -> Reduction:
    """Prepare a JPEG to be decoded at 1/2, 1/4 or 1/8 if enough pixels remain, and in YCbCr if ``is_srgb``.

    ``image.size`` is the reduced size from now on, rounded up. Other formats stay unchanged, at a scale of 1.
    """
    width, height = image.size
    if not isinstance(image, JpegImageFile):
        return Reduction(1, width, height)
    least = _GAP * max_side / max(width, height)
    mode = "YCbCr" if is_srgb and _is_ycc(image) else None
    image.draft(mode, (max(1, ceil(width * least)), max(1, ceil(height * least))))
    scale = next(scale for scale in (1, 2, 4, 8) if ceil(max(width, height) / scale) == max(image.size))
    return Reduction(scale, width / scale, height / scale)


def _is_ycc(image: JpegImageFile) -> bool:
    """Whether a JPEG is coded in YCbCr, as usual, not in RGB, which Pillow's draft would turn into noise."""
    ids = [component[0] for component in image.layer]
    return image.mode == "RGB" and ids != _RGB_IDS and image.info.get("adobe_transform", 1) != 0


def resampled(image: Image.Image, size: Size, reduction: Reduction, normalize: Normalizer) -> Image.Image:
    """Return the first frame of ``image`` in ``size``; ``reduction`` is the result of ``set_scale``, called before.

    ``normalize`` turns a strip of the source into a mode that can be resampled. It is not applied to a JPEG, which
    always is: L, RGB, CMYK or YCbCr.
    """
    if isinstance(image, JpegImageFile):
        image.load()
        reduced: Image.Image = image.copy() if image.size == size else image
        edges.drop_partial(reduced, reduction.width, reduction.height)
    else:
        reduced, reduction = _reduced(first_frame(image), max(size), normalize)
        edges.weigh_partial(reduced, reduction.width, reduction.height)
    width, height = reduction.width, reduction.height
    if size == (width, height):
        return reduced
    kernel = _kernel(reduction.scale, max(width, height) / max(size))
    if reduced.mode == "YCbCr":
        return _resampled_planes(reduced, size, kernel, (width, height))
    return reduced.resize(size, kernel, box=(0, 0, width, height))


def _kernel(factor: int, rest: float) -> Image.Resampling:
    """Return the filter for the ``rest`` of a reduction after a box filter has reduced by a whole ``factor``.

    LANCZOS restores some of the sharpness that a wide box took. For a small overall reduction, in which the filter
    takes most of the time, the narrow HAMMING is hardly worse.
    """
    if factor >= _BLURRED:
        return Image.Resampling.LANCZOS
    return Image.Resampling.BICUBIC if factor * rest >= _SMALL_REDUCTION else Image.Resampling.HAMMING


def _reduced(image: Image.Image, side: int, normalize: Normalizer) -> tuple[Image.Image, Reduction]:
    """Return ``image``, normalized and reduced by a whole number."""
    factor = _factor(max(image.size), side)
    reduction = Reduction(factor, image.width / factor, image.height / factor)
    if _is_reducible(image):
        return normalize(image.reduce(factor)), reduction
    mode = normalize(image.crop((0, 0, 1, 1))).mode
    reduced = Image.new(mode, (ceil(reduction.width), ceil(reduction.height)))
    for box in _boxes(image.size, factor):
        strip = _without_opaque_alpha(image.crop(box))
        if factor == 1:  # ``reduce`` would copy it
            strip = normalize(strip)
        else:
            strip = normalize(strip.reduce(factor)) if _is_reducible(strip) else normalize(strip).reduce(factor)
        reduced.paste(strip, (box[0] // factor, box[1] // factor))
    return reduced, reduction


def _is_reducible(image: Image.Image) -> bool:
    return image.mode in _REDUCIBLE and not image.has_transparency_data


def _without_opaque_alpha(strip: Image.Image) -> Image.Image:
    """Return RGBA without transparency as RGBX, by copying blocks of memory: ``convert`` would go pixel by pixel."""
    if strip.mode != "RGBA" or strip.getchannel("A").tobytes() != _OPAQUE * (strip.width * strip.height):
        return strip
    return Image.frombuffer("RGBX", strip.size, strip.tobytes(), "raw", "RGBX", 0, 1)


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


def _resampled_planes(
    image: Image.Image, size: Size, kernel: Image.Resampling, true_size: tuple[float, float]
) -> Image.Image:
    """Resample brightness in full and colour at half the size, as the encoded JPEG keeps no more of it."""
    half = ceil(size[0] / 2), ceil(size[1] / 2)
    brightness, *colours = image.split()

    def resampled_colour(plane: Image.Image) -> Image.Image:
        factor = _factor(max(plane.size), max(half))
        width, height = (side / factor for side in true_size)
        reduced = plane.reduce(factor)
        # A last pixel of half the size may cover more than the picture.
        covered = 2 * half[0] * width / size[0], 2 * half[1] * height / size[1]
        reduced = edges.extended(reduced, covered).resize(half, Image.Resampling.BILINEAR, box=(0, 0, *covered))
        return reduced.resize(size, Image.Resampling.NEAREST, box=(0, 0, size[0] / 2, size[1] / 2))

    brightness = brightness.resize(size, kernel, box=(0, 0, *true_size))
    return Image.merge("YCbCr", (brightness, *map(resampled_colour, colours)))
