"""Defines the picture for BC and the limits for sources. Pure.

Imports no Pillow, so that reading the settings does not load it.
"""

from dataclasses import dataclass

Colour = tuple[int, int, int]

FITS = ("inside", "pad")


@dataclass(frozen=True)
class Rendition:
    """Describes the picture for BC: sides in pixels, sizes in bytes, JPEG quality, background as RGB.

    ``fit`` is ``inside``, which keeps the shape, or ``pad``, which adds background until the picture is square.
    """

    max_side: int = 1024
    max_bytes: int = 262_144
    quality: int = 85
    background: Colour = (255, 255, 255)
    fit: str = FITS[0]


@dataclass(frozen=True)
class SourceLimits:
    """Limits what a source may be; checked before anything expensive.

    Frames need no limit: only the first is ever decoded, or even searched for.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 120_000_000


USUAL_RENDITION = Rendition()
USUAL_LIMITS = SourceLimits()
