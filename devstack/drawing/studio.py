"""Composes product shots: a lit backdrop with shapes laid on it from back to front. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from devstack.drawing.fills import Fill, Size, blended, coloured, noise
from devstack.drawing.outlines import Outline, ellipse

SUPERSAMPLE = 3  # masks are drawn this much larger and then averaged, for smooth edges
COARSE = 4  # blurred shapes are drawn this much smaller, for 16 times less work
GRAIN = 3  # levels of film grain, without which the backdrop's soft gradients show bands

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Shape:
    """A shape in the picture, which lights and shades can be limited to."""

    box: Box
    mask: Image.Image


class Studio:
    """One picture while it is drawn."""

    def __init__(self, wall: str, size: Size = (1600, 1200)) -> None:
        self.picture = _backdrop(wall, size)
        self._covered = Image.new("L", size)

    def lay(self, outline: Outline, fill: Fill, *, bulge: float = 0) -> Shape:
        """Lay a shape; its edge curves away from the light over ``bulge`` pixels."""
        box = outline.bounds(bulge)
        mask = _mask(outline, box)
        surface = fill(mask.size)
        if bulge:
            surface = _bulged(surface, mask, bulge)
        self.picture.paste(surface, box, mask)
        self._covered.paste(255, box, mask)
        return Shape(box, mask)

    def glow(self, outline: Outline, colour: str, blur: float, strength: float, within: Shape | None = None) -> None:
        """Lay a soft light, or a soft shade if the colour is dark; keep it inside ``within`` if given."""
        box = outline.bounds(blur * 2.5)
        mask = _blurred(outline, box, blur).point([round(level * strength) for level in range(256)])
        if within:
            mask = ImageChops.multiply(mask, _mask_in(within, box))
        self.picture.paste(colour, box, mask)

    def shadow(self, x: float, y: float, rx: float, ry: float, strength: float = 0.5) -> None:
        """Lay the shadow of an object on the floor: wide and faint, with a dark centre where it touches."""
        self.glow(ellipse(x + rx * 0.06, y + ry * 0.3, rx * 1.12, ry * 1.5), "#1a1613", ry * 1.1, strength * 0.55)
        self.glow(ellipse(x, y, rx * 0.92, ry * 0.6), "#14100e", max(ry * 0.4, 5), strength * 0.8)

    def cut_out(self) -> Image.Image:
        """Return the shapes without backdrop and shadows (RGBA)."""
        picture = self.picture.copy()
        picture.putalpha(self._covered)
        return picture


def _backdrop(wall: str, size: Size) -> Image.Image:
    bright, deep = blended(wall, "#ffffff", 0.55), blended(wall, "#2a2522", 0.16)
    stops = (deep, wall, wall, bright, blended(wall, "#ffffff", 0.3), wall, deep)
    ramp = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
    picture = coloured(ramp, stops)
    spot = Image.radial_gradient("L").point([max(0, 130 - level) for level in range(256)])
    picture.paste(blended(wall, "#ffffff", 0.85), (0, 0, *size), spot.resize(size, Image.Resampling.BILINEAR))
    return _grained(picture)


def _grained(picture: Image.Image) -> Image.Image:
    tile = noise((317, 307), 5).point([level * GRAIN // 256 for level in range(256)])
    grain = Image.new("L", picture.size)
    for left in range(0, picture.width, tile.width):
        for top in range(0, picture.height, tile.height):
            grain.paste(tile, (left, top))
    return ImageChops.add(picture, grain.convert("RGB"), offset=-(GRAIN // 2))


def _mask(outline: Outline, box: Box) -> Image.Image:
    size = ((box[2] - box[0]) * SUPERSAMPLE, (box[3] - box[1]) * SUPERSAMPLE)
    return _drawn(outline, box, size, SUPERSAMPLE).reduce(SUPERSAMPLE)


def _blurred(outline: Outline, box: Box, blur: float) -> Image.Image:
    coarse = COARSE if blur >= 2 * COARSE else 1
    size = ((box[2] - box[0]) // coarse + 1, (box[3] - box[1]) // coarse + 1)
    soft = _drawn(outline, box, size, 1 / coarse).filter(ImageFilter.GaussianBlur(blur / coarse))
    return soft.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BICUBIC)


def _drawn(outline: Outline, box: Box, size: Size, scale: float) -> Image.Image:
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    points = [((x - box[0]) * scale, (y - box[1]) * scale) for x, y in outline.points]
    if not outline.width:
        draw.polygon(points, fill=255)
        return mask
    width = max(1, round(outline.width * scale))
    draw.line(points, fill=255, width=width, joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return mask


def _bulged(surface: Image.Image, mask: Image.Image, bulge: float) -> Image.Image:
    """Darken towards the edge, more on the right and below, because the light comes from the upper left."""
    coarse = mask.reduce(COARSE) if bulge >= 2 * COARSE else mask
    scale = coarse.width / mask.width
    soft = coarse.filter(ImageFilter.GaussianBlur(bulge * scale * 0.8))
    shift = round(bulge * scale * 0.35)
    lit = ImageChops.offset(soft, -shift, -shift).resize(mask.size, Image.Resampling.BILINEAR)
    shaded = surface.point([level * 2 // 5 for level in range(256)] * 3)
    return Image.composite(surface, shaded, lit.point([min(255, int(level * 1.12)) for level in range(256)]))


def _mask_in(shape: Shape, box: Box) -> Image.Image:
    """Return the shape's mask within another box."""
    mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
    mask.paste(shape.mask, (shape.box[0] - box[0], shape.box[1] - box[1]))
    return mask
