"""Computes how different two colours look by CIE 142-2001 (CIEDE2000)."""

from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

Lab = tuple[float, float, float]


def ciede2000(first: Lab, second: Lab) -> float:
    """Return the difference of two colours in CIELAB; hardly anybody sees a difference below 1."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    g = 1.5 - _towards_one((hypot(a1, b1) + hypot(a2, b2)) / 2) / 2
    c1, c2 = hypot(g * a1, b1), hypot(g * a2, b2)
    h1, h2 = degrees(atan2(b1, g * a1)) % 360, degrees(atan2(b2, g * a2)) % 360
    turn = ((h2 - h1 + 180) % 360 - 180) if c1 and c2 else 0.0
    hue = 2 * sqrt(c1 * c2) * sin(radians(turn / 2))
    mean = (h1 + turn / 2) % 360 if c1 and c2 else h1 + h2
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    t = 1 + sum(part * cos(radians(times * mean + shift)) for part, times, shift in waves)
    per_light = 1 + 0.015 * (light - 50) ** 2 / sqrt(20 + (light - 50) ** 2)
    per_chroma, per_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotation = -2 * _towards_one(chroma) * sin(radians(60 * exp(-(((mean - 275) / 25) ** 2))))
    dl, dc, dh = (l2 - l1) / per_light, (c2 - c1) / per_chroma, hue / per_hue
    return sqrt(dl * dl + dc * dc + dh * dh + rotation * dc * dh)


def _towards_one(chroma: float) -> float:
    return sqrt(chroma**7 / (chroma**7 + 25**7))
