"""Draws the household goods of the demo's catalogue: lamp, plant, clock, fruit bowl. Pure."""

from __future__ import annotations

from devstack.drawing.fills import flat, linear, radial
from devstack.drawing.outlines import Outline, arc, box, curve, ellipse, line, polygon, symmetric
from devstack.drawing.studio import Studio

BRASS = linear("#7d5a1e", "#f6dd96", "#c39a45", "#6d4c17")


def lamp() -> Studio:
    """Draw a brass desk lamp, switched on."""
    studio = Studio("#b9bfae")
    studio.glow(polygon((470, 470), (690, 400), (860, 1000), (260, 1000)), "#fff3c4", 70, 0.75)
    studio.shadow(1000, 1026, 250, 40)
    studio.lay(ellipse(1000, 1014, 224, 44), linear("#5f430f", "#c59c48", "#5a3f12"))
    base = studio.lay(ellipse(1000, 1000, 224, 44), linear("#8f6a26", "#f3d88e", "#a37a30"), bulge=8)
    studio.glow(ellipse(930, 988, 90, 14), "#fffdf0", 12, 0.7, base)
    studio.lay(line((1000, 990), (1150, 640), width=24), BRASS, bulge=9)
    studio.lay(line((1150, 640), (700, 300), width=22), linear("#fae6ab", "#96702a", angle=90), bulge=8)
    studio.lay(ellipse(1150, 640, 34), radial("#fff2c4", "#c59c48", "#6d4c17"), bulge=8)
    shade = curve((690, 250), (744, 300), (742, 420), (700, 500), (440, 560), (446, 440), (560, 310), (630, 256))
    studio.lay(ellipse(572, 528, 140, 34).turned(-13, (572, 528)), radial("#fffef2", "#ffe9a0", "#e8b94e"))
    hood = studio.lay(shade, linear("#8a6422", "#f8e2a0", "#c79d48", "#7a571d", angle=20), bulge=22)
    studio.glow(line((610, 320), (500, 450), width=40), "#ffffff", 22, 0.55, hood)
    studio.lay(ellipse(572, 530, 120, 20).turned(-13, (572, 530)), flat("#fffbe6"))
    studio.glow(ellipse(572, 548, 110, 30), "#fffce8", 26, 0.9)
    return studio


def plant_pot() -> Studio:
    """Draw a plant in a terracotta pot."""
    studio = Studio("#d6dcd3")
    studio.shadow(800, 1062, 280, 44)
    for number, (angle, length) in enumerate(
        (
            (-74, 400),
            (70, 400),
            (-52, 470),
            (50, 480),
            (-30, 560),
            (32, 540),
            (-12, 620),
            (12, 560),
            (-62, 300),
            (60, 290),
        )
    ):
        _leaf(studio, (800, 690), angle, length, 78 + number * 11 % 24)
    studio.lay(
        symmetric((800, 640), (1040, 660), (960, 1010), (910, 1060), (800, 1066)),
        linear("#e38b5f", "#c8693f", "#e09065", "#8a3e20"),
        bulge=26,
    )
    body = studio.lay(box(540, 620, 1060, 724, 16), linear("#d67f55", "#f0a67c", "#cf7048", "#8a3e20"), bulge=14)
    studio.glow(box(540, 724, 1060, 742), "#3a1407", 12, 0.55)
    studio.glow(ellipse(680, 664, 60, 30), "#fff3ea", 24, 0.5, body)
    studio.glow(ellipse(690, 860, 40, 120), "#ffe6d6", 34, 0.4)
    return studio


def clock() -> Studio:
    """Draw a wall clock at eight minutes past ten."""
    studio = Studio("#e3dfd6")
    studio.glow(ellipse(826, 640, 440), "#17130f", 44, 0.5)
    studio.lay(ellipse(800, 600, 440), linear("#fafafa", "#7b8084", "#e6e9eb", "#3d4144", angle=50), bulge=12)
    studio.lay(ellipse(800, 600, 404), linear("#42474b", "#c9ced1", angle=50))
    face = studio.lay(ellipse(800, 600, 392), linear("#ffffff", "#eceae4", angle=60))
    studio.glow(Outline(arc(812, 616, 398, 398, 180, 300), 30), "#2a241c", 22, 0.45, face)
    for minute in range(60):
        _tick(studio, minute)
    for angle, length, width, colour in (
        (304, 210, 26, "#22262a"),
        (50, 316, 18, "#22262a"),
        (212, 330, 7, "#cf3b2e"),
    ):
        hand = polygon(
            (800 - width / 2, 660),
            (800 + width / 2, 660),
            (800 + width / 4, 600 - length),
            (800 - width / 4, 600 - length),
        )
        hand = hand.turned(angle, (800, 600))
        studio.glow(hand.moved(8, 12), "#1b150f", 9, 0.4, face)
        studio.lay(hand, flat(colour))
    studio.lay(ellipse(800, 600, 22), radial("#f0735f", "#b62c20"), bulge=4)
    studio.glow(curve((560, 330), (760, 240), (900, 300), (600, 560)), "#ffffff", 50, 0.7, face)
    return studio


def fruit_bowl() -> Studio:
    """Draw a blue bowl of apples."""
    studio = Studio("#d9d2c2")
    studio.shadow(800, 1020, 330, 48)
    studio.lay(ellipse(800, 640, 500, 96), linear("#1f4a73", "#6fa0c6", "#16385a"))
    fruit = ((560, 560, 0), (1040, 560, 1), (800, 500, 2), (680, 600, 1), (920, 606, 0))
    for x, y, kind in fruit:
        _apple(studio, x, y, kind)
    outline = (*arc(800, 640, 500, 96, 0, 180), *arc(800, 640, 500, 376, 180, 0))
    body = studio.lay(Outline(outline), linear("#2f6b9c", "#8fc1e2", "#3b7cae", "#17395c"), bulge=40)
    for offset, width in ((70, 14), (100, 6)):
        studio.glow(Outline(arc(800, 640 + offset, 500, 110, 0, 180), width), "#f4f8fb", 3, 0.85, body)
    studio.glow(ellipse(590, 800, 70, 50), "#ffffff", 36, 0.6, body)
    studio.glow(Outline(arc(800, 640, 498, 96, 0, 180), 8), "#e6f3fb", 3, 0.8)
    return studio


def _leaf(studio: Studio, foot: tuple[float, float], angle: float, length: float, width: float) -> None:
    x, y = foot
    blade = curve(
        (x, y),
        (x + width * 0.8, y - length * 0.4),
        (x + width * 0.5, y - length * 0.8),
        (x, y - length),
        (x - width * 0.5, y - length * 0.8),
        (x - width * 0.8, y - length * 0.4),
    )
    shape = studio.lay(blade.turned(angle, foot), linear("#9fd07a", "#4f9a4b", "#1f5a2c", angle=55), bulge=14)
    vein = line((x, y), (x, y - length * 0.94), width=6).turned(angle, foot)
    studio.glow(vein, "#d9f2b4", 3, 0.8, shape)


def _tick(studio: Studio, minute: int) -> None:
    hour = minute % 5 == 0
    width, length = (14, 52) if hour else (5, 24)
    tick = box(800 - width / 2, 230, 800 + width / 2, 230 + length, width / 2)
    studio.lay(tick.turned(minute * 6, (800, 600)), flat("#22262a" if hour else "#8b8d8c"))


def _apple(studio: Studio, x: float, y: float, kind: int) -> None:
    colours = (
        ("#ff9a7a", "#d8332a", "#7c0f14"),
        ("#eef2a0", "#a9c23f", "#56721c"),
        ("#ffc98a", "#e0562e", "#8c1f18"),
    )[kind]
    studio.glow(ellipse(x + 10, y + 20, 140, 130), "#1a0d08", 22, 0.5)
    body = symmetric(
        (x, y - 112), (x + 70, y - 136), (x + 140, y - 40), (x + 112, y + 96), (x + 40, y + 136), (x, y + 126)
    )
    skin = studio.lay(body, linear(*colours, angle=40), bulge=34)
    studio.glow(ellipse(x, y - 112, 46, 16), "#3a1206", 10, 0.7, skin)
    studio.lay(
        line((x, y - 108), (x + 6, y - 150), (x + 24, y - 180), width=11),
        linear("#8a5a30", "#4a2b12"),
        bulge=3,
    )
    studio.glow(ellipse(x - 50, y - 50, 30, 36), "#ffffff", 15, 0.85, skin)
