"""Draws the rest of the demo's catalogue: bicycle, backpack, loudspeaker, screws, felt pads. Pure."""

from __future__ import annotations

from math import cos, radians, sin

from devstack.drawing.fills import Fill, flat, linear, radial, wood, woven
from devstack.drawing.outlines import Outline, Point, arc, box, curve, ellipse, line, polygon, ring, symmetric
from devstack.drawing.studio import Studio

STEEL = linear("#5a5f64", "#f2f4f6", "#9aa0a5", "#43474b", angle=30)
RUBBER = flat("#2a2b2d")


def bicycle() -> Studio:
    """Draw a touring bicycle from the chain side."""
    studio = Studio("#cfd8d2")
    rear, front, crank, seat, head = (430, 760), (1190, 760), (760, 780), (660, 400), (1070, 380)
    for x, _ in (rear, front):
        studio.shadow(x, 1000, 150, 24)
    for hub in (rear, front):
        _wheel(studio, hub)
    paint = linear("#2f8f83", "#7fd4c4", "#1c6a60", angle=50)
    for tube, width in (
        ((rear, seat), 16),
        ((rear, crank), 18),
        ((crank, seat), 28),
        ((crank, (1084, 450)), 30),
        (((674, 440), head), 26),
        (((1058, 340), (1090, 470)), 32),
    ):
        studio.lay(Outline(tube, width), paint, bulge=9)
    studio.lay(line((1090, 470), (1120, 580), (1190, 760), width=22), paint, bulge=8)
    studio.lay(line((660, 400), (640, 320), width=18), STEEL, bulge=6)
    studio.lay(
        curve((540, 300), (570, 286), (680, 300), (740, 308), (700, 326), (640, 330), (580, 346)),
        linear("#8a5a34", "#4a2b15", angle=90),
        bulge=10,
    )
    studio.lay(line((1058, 344), (1046, 290), (1100, 262), width=18), STEEL, bulge=6)
    studio.lay(
        line((1100, 262), (1180, 268), (1196, 320), (1130, 352), width=20),
        linear("#8a5a34", "#4a2b15"),
        bulge=7,
    )
    _drive(studio, rear, crank)
    studio.lay(line((330, 520), (560, 520), width=12), STEEL, bulge=4)
    studio.lay(line((360, 520), (430, 750), width=8), STEEL)
    return studio


def backpack() -> Studio:
    """Draw a backpack of coarse cloth against rough plaster: more detail than a small file can hold."""
    studio = Studio("#c9c2b8")
    plaster = woven(woven(linear("#d8cdbd", "#b3a695", angle=60), 110, 2, 3), 90, 1, 9)
    studio.lay(box(-4, -4, 1604, 1204), plaster)
    studio.glow(ellipse(840, 700, 420, 460), "#1b1511", 60, 0.55)
    slate = woven(linear("#71839a", "#4c5c72", "#2f3b4d", angle=30), 90, 2)
    dark = woven(linear("#4c5a6e", "#28323f", angle=30), 80, 2, 11)
    studio.lay(Outline(arc(800, 190, 90, 90, 170, 370), 34), dark, bulge=10)
    strap = line((510, 420), (420, 640), (470, 1000), width=70)
    studio.lay(strap, dark, bulge=20)
    studio.lay(strap.mirrored(800), dark, bulge=20)
    body = studio.lay(
        symmetric((800, 160), (1010, 200), (1100, 400), (1130, 760), (1080, 1060), (800, 1100)),
        slate,
        bulge=60,
    )
    studio.glow(ellipse(660, 360, 150, 140), "#ffffff", 70, 0.3, body)
    flap = studio.lay(symmetric((800, 170), (1000, 206), (1090, 400), (1060, 560), (800, 600)), slate, bulge=34)
    studio.glow(line((520, 548), (800, 580), (1080, 548), width=5), "#c9d3e0", 2, 0.6, flap)
    pocket = studio.lay(box(560, 720, 1040, 1050, 60), slate, bulge=34)
    studio.glow(box(570, 780, 1030, 800), "#0e141c", 9, 0.7, pocket)
    studio.lay(box(584, 782, 1016, 794, 5), linear("#e7c77f", "#9a7434"), bulge=3)
    for x in (660, 940):
        studio.lay(box(x - 26, 480, x + 26, 760, 8), linear("#b9763f", "#7a4520"), bulge=9)
        studio.lay(Outline(box(x - 38, 640, x + 38, 706, 8).points, 11), linear("#f0dca4", "#8e6a2c"), bulge=3)
    return studio


def loudspeaker() -> Studio:
    """Draw a cherry loudspeaker with two drivers."""
    studio = Studio("#d9d3d3")
    studio.shadow(810, 1092, 290, 36)
    studio.lay(
        polygon((1040, 140), (1120, 176), (1120, 1060), (1040, 1090)),
        wood("#7d3a24", "#4d1f13", 5, upright=True),
    )
    studio.lay(box(520, 136, 1050, 1090, 10), wood("#b8623f", "#7c3420", 41, upright=True), bulge=12)
    front = studio.lay(box(546, 164, 1024, 1062, 14), linear("#3a3c3f", "#1c1d1f", angle=60), bulge=8)
    studio.glow(ellipse(640, 240, 160, 120), "#ffffff", 80, 0.25, front)
    for y, radius in ((760, 196), (430, 130)):
        _driver(studio, 785, y, radius)
    studio.lay(ellipse(785, 240, 56), linear("#d9dcde", "#5b5f62", angle=50), bulge=8)
    studio.lay(ellipse(785, 240, 36), radial("#e8eaec", "#55595d", "#222426"), bulge=6)
    studio.lay(box(725, 1006, 845, 1030, 4), linear("#f0dca4", "#a37f3a", angle=90), bulge=3)
    return studio


def screws() -> Studio:
    """Draw six screws for handles."""
    studio = Studio("#d8d6d0")
    for number in range(6):
        x, y, lean = 380 + number * 168, 560 + (number % 2) * 60, (-9, 6, -4, 10, -7, 5)[number]
        _screw(studio, (x, y), lean)
    return studio


def felt_pads() -> Studio:
    """Draw a card of round felt pads."""
    studio = Studio("#d3d7da")
    studio.glow(box(330, 130, 1300, 1110, 20), "#17130f", 34, 0.5)
    studio.lay(box(310, 100, 1290, 1090, 24), woven(linear("#c99f6b", "#a97f4d", angle=60), 26, 2), bulge=6)
    colours = ("#6b4a36", "#e7dfd0", "#7d858a", "#3b3f42")
    for row, colour in enumerate(colours):
        for column in range(4):
            x, y = 446 + column * 236, 232 + row * 242
            studio.glow(ellipse(x + 10, y + 14, 96), "#1d0f04", 12, 0.6)
            studio.lay(ellipse(x, y, 96), woven(flat(colour), 70, 2, row * 4 + column), bulge=16)
    return studio


def _wheel(studio: Studio, hub: Point) -> None:
    x, y = hub
    for spoke in range(0, 360, 15):
        a, b = radians(spoke), radians(spoke + 30)
        ends = ((x + 14 * cos(b), y + 14 * sin(b)), (x + 216 * cos(a), y + 216 * sin(a)))
        studio.lay(Outline(ends, 2.4), flat("#8e9498"))
    studio.lay(ring(x, y, 236, 22), RUBBER, bulge=6)
    studio.lay(ring(x, y, 219, 12), STEEL)
    studio.lay(ellipse(x, y, 20), STEEL, bulge=5)
    studio.lay(Outline(arc(x, y, 262, 262, 190, 330), 12), linear("#2f8f83", "#7fd4c4"), bulge=4)


def _drive(studio: Studio, rear: Point, crank: Point) -> None:
    for (x, y), radius in ((rear, 30), (crank, 62)):
        studio.lay(ring(x, y, radius, 12), STEEL)
    for sign in (-1, 1):
        chain = ((rear[0], rear[1] + sign * 30), (crank[0], crank[1] + sign * 62))
        studio.lay(Outline(chain, 6), flat("#4d5154"))
    studio.lay(Outline((crank, (840, 880)), 18), STEEL, bulge=6)
    studio.lay(box(800, 876, 886, 898, 6), RUBBER, bulge=4)
    studio.lay(ellipse(*crank, 20), STEEL, bulge=5)


def _driver(studio: Studio, x: float, y: float, radius: float) -> None:
    studio.lay(ellipse(x, y, radius + 14), linear("#e3e6e8", "#4b4f52", angle=50), bulge=8)
    studio.lay(ellipse(x, y, radius), radial("#141516", "#1b1c1e", "#4a4d50"))
    cone = studio.lay(ellipse(x, y, radius * 0.86), radial("#0f1011", "#2a2c2e", "#6c7074"))
    studio.glow(ellipse(x + radius * 0.3, y + radius * 0.36, radius * 0.34), "#c9ced2", radius * 0.2, 0.6, cone)
    studio.lay(ellipse(x, y, radius * 0.3), radial("#c9a06b", "#8d5f34", "#3b2413"), bulge=10)
    for angle in range(45, 360, 90):
        bolt = (x + (radius + 4) * cos(radians(angle)), y + (radius + 4) * sin(radians(angle)))
        studio.lay(ellipse(*bolt, 7), flat("#33363a"))


def _screw(studio: Studio, head: Point, lean: float) -> None:
    x, y = head
    metal: Fill = linear("#6d7276", "#f8fafb", "#b7bcc0", "#565b5f")
    shaft = polygon((x - 22, y), (x + 22, y), (x + 22, y + 330), (x, y + 380), (x - 22, y + 330))
    studio.glow(shaft.turned(lean, head).moved(26, 22), "#1a1714", 16, 0.5)
    studio.lay(shaft.turned(lean, head), metal, bulge=8)
    for turn in range(70, 340, 22):
        thread = polygon((x - 33, y + turn + 10), (x + 33, y + turn - 8), (x + 33, y + turn), (x - 33, y + turn + 18))
        studio.lay(thread.turned(lean, head), metal, bulge=4)
    studio.glow(ellipse(x + 16, y - 44, 74, 70), "#1a1714", 14, 0.5)
    cap = studio.lay(ellipse(x, y - 56, 74), linear("#fbfcfc", "#c3c8cc", "#787d82", angle=50), bulge=12)
    for angle in (lean + 20, lean + 110):
        studio.lay(box(x - 44, y - 65, x + 44, y - 47, 4).turned(angle, (x, y - 56)), flat("#3a3e42"))
    studio.glow(ellipse(x - 26, y - 86, 22, 14), "#ffffff", 8, 0.8, cap)
