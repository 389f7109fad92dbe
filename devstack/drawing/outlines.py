"""Defines the outlines of shapes, in pixels of the picture. Pure geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, fsum, radians, sin
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Point = tuple[float, float]
STEPS = 14  # points per curve segment; more make no visible difference at 1600 pixels


@dataclass(frozen=True)
class Outline:
    """A filled polygon or, with a width, a line with round ends."""

    points: tuple[Point, ...]
    width: float = 0

    def moved(self, dx: float, dy: float) -> Outline:
        """Return the outline moved by ``dx`` and ``dy``."""
        return self._each(lambda x, y: (x + dx, y + dy))

    def mirrored(self, axis: float) -> Outline:
        """Return the outline mirrored at the vertical line x = ``axis``."""
        return self._each(lambda x, y: (2 * axis - x, y))

    def turned(self, degrees: float, centre: Point = (0, 0)) -> Outline:
        """Return the outline turned clockwise around ``centre``."""
        c, s, (cx, cy) = cos(radians(degrees)), sin(radians(degrees)), centre
        return self._each(lambda x, y: (cx + (x - cx) * c - (y - cy) * s, cy + (x - cx) * s + (y - cy) * c))

    def bounds(self, margin: float) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom, with a margin around the outline."""
        xs, ys = zip(*self.points, strict=True)
        far = self.width / 2 + margin
        return int(min(xs) - far) - 1, int(min(ys) - far) - 1, int(max(xs) + far) + 2, int(max(ys) + far) + 2

    def _each(self, move: Callable[[float, float], Point]) -> Outline:
        return replace(self, points=tuple(move(x, y) for x, y in self.points))


def polygon(*points: Point) -> Outline:
    """Return a polygon through the points."""
    return Outline(points)


def curve(*points: Point) -> Outline:
    """Return a closed, smooth outline through the points (Catmull-Rom)."""
    return Outline(_smooth((points[-1], *points, points[0], points[1])))


def symmetric(*right: Point) -> Outline:
    """Return a smooth outline from its right half, top to bottom; both ends are on the axis."""
    axis = right[0][0]
    return curve(*right, *((2 * axis - x, y) for x, y in reversed(right[1:-1])))


def line(*points: Point, width: float) -> Outline:
    """Return a smooth line through the points, with round ends."""
    return Outline(_smooth((points[0], *points, points[-1])), width)


def ellipse(x: float, y: float, rx: float, ry: float | None = None) -> Outline:
    """Return an ellipse around a centre, or a circle if ``ry`` is omitted."""
    return Outline(arc(x, y, rx, rx if ry is None else ry, 0, 360))


def ring(x: float, y: float, radius: float, width: float) -> Outline:
    """Return a circle drawn as a line."""
    return Outline(arc(x, y, radius, radius, 0, 360), width)


def box(left: float, top: float, right: float, bottom: float, radius: float = 0) -> Outline:
    """Return a rectangle, with round corners if a radius is given."""
    if not radius:
        return polygon((left, top), (right, top), (right, bottom), (left, bottom))
    corners = (
        (right - radius, bottom - radius),
        (left + radius, bottom - radius),
        (left + radius, top + radius),
        (right - radius, top + radius),
    )
    turns = zip(corners, (0, 90, 180, 270), strict=True)
    return Outline(tuple(p for (x, y), t in turns for p in arc(x, y, radius, radius, t, t + 90)))


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> tuple[Point, ...]:
    """Return points along an ellipse, clockwise, in degrees from three o'clock."""
    steps = max(12, int(abs(end - start) / 3))
    angles = (radians(start + (end - start) * i / steps) for i in range(steps + 1))
    return tuple((x + rx * cos(a), y + ry * sin(a)) for a in angles)


def _smooth(points: Sequence[Point]) -> tuple[Point, ...]:
    quads = zip(points, points[1:], points[2:], points[3:], strict=False)
    inner = tuple(_between(*quad, i / STEPS) for quad in quads for i in range(STEPS))
    return (*inner, points[-2])


def _between(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    # fsum, because sum() rounds floats differently since Python 3.12, and samples promise equal bytes.
    x, y = (fsum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) / 2 for axis in (0, 1))
    return x, y
