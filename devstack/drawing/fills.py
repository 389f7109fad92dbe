"""Fills shapes with paint, metal, wood or cloth. Pure and repeatable."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageColor

if TYPE_CHECKING:
    from collections.abc import Sequence

Size = tuple[int, int]
Fill = Callable[[Size], Image.Image]


def flat(colour: str) -> Fill:
    """Return a single colour."""
    return lambda size: Image.new("RGB", size, colour)


def linear(*stops: str, angle: float = 0) -> Fill:
    """Return a gradient of evenly spaced colours: from the left at 0 degrees, from the top at 90."""
    ramp = Image.linear_gradient("L").rotate(90 - angle, Image.Resampling.BILINEAR)
    if angle % 90:
        ramp = ramp.crop((38, 38, 218, 218))  # without the corners, which rotation leaves empty
    return lambda size: coloured(ramp.resize(size, Image.Resampling.BILINEAR), stops)


def radial(*stops: str) -> Fill:
    """Return a gradient of evenly spaced colours from the centre outwards."""
    ramp = Image.radial_gradient("L")
    return lambda size: coloured(ramp.resize(size, Image.Resampling.BILINEAR), stops)


def wood(light: str, dark: str, seed: int = 1, *, upright: bool = False) -> Fill:
    """Return boards with growth rings, from contour lines of stretched noise, and fine pores."""
    middle = blended(light, dark, 0.45)
    stops = (light, middle, light, blended(light, dark, 0.75), light, middle, blended(light, dark, 0.2), dark)

    def fill(size: Size) -> Image.Image:
        along = (size[1], size[0]) if upright else size
        rings = noise((4, max(4, along[1] // 60)), seed).resize(along, Image.Resampling.BICUBIC)
        pores = noise((12, max(8, along[1] // 3)), seed + 1).resize(along, Image.Resampling.BILINEAR)
        board = Image.blend(coloured(rings, stops), coloured(pores, (light, dark)), 0.32)
        return board.transpose(Image.Transpose.ROTATE_90) if upright else board

    return fill


def woven(base: Fill, strength: int = 40, thread: int = 3, seed: int = 7) -> Fill:
    """Return cloth: light and dark threads over the fill ``base``."""

    def fill(size: Size) -> Image.Image:
        width, height = max(1, size[0] // thread), max(1, size[1] // thread)
        threads = noise((width, height), seed).point(_spread(strength))
        threads = threads.resize(size, Image.Resampling.BILINEAR).convert("RGB")
        return ImageChops.add(base(size), threads, offset=-strength // 2)

    return fill


def noise(size: Size, seed: int) -> Image.Image:
    """Return grey noise, equal for equal seeds."""
    pixels = Random(seed).randbytes(size[0] * size[1])  # noqa: S311 - a texture, not a secret
    return Image.frombytes("L", size, pixels)


def coloured(grey: Image.Image, stops: Sequence[str]) -> Image.Image:
    """Return the grey picture with black to white mapped to a gradient of colours."""
    picture = grey.copy()
    picture.putpalette([round(part) for level in range(256) for part in _at(stops, level / 255)])
    return picture.convert("RGB")


def blended(first: str, second: str, share: float) -> str:
    """Return the colour between two, at ``share`` of the way."""
    return "#{:02x}{:02x}{:02x}".format(*(round(part) for part in _at((first, second), share)))


def _at(stops: Sequence[str], share: float) -> list[float]:
    place = share * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    low, high = ImageColor.getrgb(stops[index]), ImageColor.getrgb(stops[index + 1])
    return [a + (b - a) * (place - index) for a, b in zip(low, high, strict=True)]


def _spread(strength: int) -> list[int]:
    return [level * strength // 255 for level in range(256)]
