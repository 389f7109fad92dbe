"""Corrects the right and lower edge of reduced pictures, whose last pixels may be partly outside. Pure."""

from collections.abc import Iterator
from math import ceil

from PIL import Image

Box = tuple[int, int, int, int]


def drop_partial(image: Image.Image, width: float, height: float) -> None:
    """Repeat the last whole column and row in place of the partial ones of a JPEG decoded at a reduced scale.

    ``width`` and ``height`` are the true size. The partial pixels contain what the encoder stored beyond the edge,
    often black.
    """
    for inner, outer in _partial_edges(image, width, height):
        image.paste(image.crop(inner), outer)


def weigh_partial(image: Image.Image, width: float, height: float) -> None:
    """Weigh the partial column and row of a picture reduced by ``Image.reduce``: resizing would count them in full."""
    for (inner, outer), fraction in zip(_partial_edges(image, width, height), _fractions(width, height), strict=True):
        image.paste(Image.blend(image.crop(inner), image.crop(outer), fraction), outer)


def extended(image: Image.Image, size: tuple[float, float]) -> Image.Image:
    """Return ``image`` enlarged to at least ``size`` by repeating its last column and row."""
    width, height = image.size
    larger = max(width, ceil(size[0])), max(height, ceil(size[1]))
    if larger == image.size:
        return image
    canvas = image.crop((0, 0, *larger))
    for left in range(width, larger[0]):
        canvas.paste(canvas.crop((width - 1, 0, width, height)), (left, 0))
    for top in range(height, larger[1]):
        canvas.paste(canvas.crop((0, height - 1, larger[0], height)), (0, top))
    return canvas


def _partial_edges(image: Image.Image, width: float, height: float) -> Iterator[tuple[Box, Box]]:
    """Yield the last whole and the partial column, then the same of the rows; none where nothing is whole."""
    column, row = int(width), int(height)
    if 0 < column < width:
        yield (column - 1, 0, column, image.height), (column, 0, column + 1, image.height)
    if 0 < row < height:
        yield (0, row - 1, image.width, row), (0, row, image.width, row + 1)


def _fractions(width: float, height: float) -> Iterator[float]:
    return (side - int(side) for side in (width, height) if 0 < int(side) < side)
