"""Draws the pottery of the demo's catalogue: mug, vase, teapot. Pure."""

from __future__ import annotations

from math import cos, radians, sin

from devstack.drawing.fills import flat, linear, radial, woven
from devstack.drawing.outlines import Outline, arc, curve, ellipse, line, symmetric
from devstack.drawing.studio import Studio


def mug() -> Studio:
    """Draw a celadon mug of coffee."""
    studio = Studio("#dcd3c8")
    glaze = linear("#7fb3a0", "#d5eee2", "#a9d4c2", "#7db09d", "#4b7f6e")
    studio.shadow(780, 986, 290, 46)
    studio.lay(
        line((1020, 470), (1200, 480), (1236, 640), (1150, 780), (1000, 820), width=66),
        linear("#b4dccb", "#4b7f6e"),
        bulge=24,
    )
    body = studio.lay(
        symmetric((760, 330), (1046, 350), (1050, 620), (1010, 900), (900, 984), (760, 990)), glaze, bulge=26
    )
    studio.lay(ellipse(760, 356, 290, 66), linear("#c9e8da", "#eefaf3", "#86b8a5"), bulge=4)
    inside = studio.lay(ellipse(760, 360, 266, 54), linear("#5f9482", "#b4dccb"))
    coffee = studio.lay(ellipse(760, 378, 236, 36), radial("#a4683a", "#5b3016", "#3a1c0b"))
    studio.glow(ellipse(690, 368, 80, 10), "#f4d4ac", 9, 0.6, coffee)
    studio.glow(Outline(arc(760, 360, 262, 50, 180, 360), 26), "#173a30", 14, 0.45, inside)
    studio.glow(curve((560, 480), (610, 470), (630, 700), (620, 860), (580, 800)), "#ffffff", 20, 0.75, body)
    for y in (640, 662):
        studio.glow(Outline(arc(760, y - 60, 292, 62, 0, 180), 7), "#3d7160", 3, 0.6, body)
    for x in (690, 800):
        studio.glow(line((x, 300), (x + 40, 220), (x - 20, 140), (x + 30, 60), width=22), "#ffffff", 18, 0.45)
    return studio


def vase() -> Studio:
    """Draw a green vase with grasses."""
    studio = Studio("#e4e0d8")
    studio.shadow(800, 1090, 190, 36)
    for angle, length, head in ((-26, 360, 0), (-13, 400, 1), (2, 440, 0), (15, 390, 1), (28, 340, 0)):
        _grass(studio, (800, 560), angle, length, head)
    points = (
        (800, 520),
        (868, 528),
        (850, 620),
        (900, 720),
        (1000, 860),
        (960, 1030),
        (880, 1086),
        (800, 1090),
    )
    body = studio.lay(symmetric(*points), linear("#5d8f4a", "#bfe09f", "#86b968", "#5d9148", "#2d5724"), bulge=34)
    studio.lay(ellipse(800, 532, 72, 18), linear("#86b968", "#d4efba", "#4a7a38"), bulge=3)
    studio.lay(ellipse(800, 534, 56, 11), flat("#274b1f"))
    studio.glow(curve((690, 790), (730, 760), (720, 900), (690, 980), (660, 900)), "#ffffff", 20, 0.75, body)
    studio.glow(ellipse(920, 960, 40, 90), "#d9f3c4", 34, 0.4, body)
    return studio


def teapot() -> Studio:
    """Draw a sea-blue teapot."""
    studio = Studio("#dfe2df")
    glaze = linear("#3f7f9b", "#a9dbe8", "#5b9fb8", "#3b7a96", "#1c4a63", angle=20)
    studio.shadow(790, 1006, 320, 46)
    studio.lay(line((1080, 520), (1290, 470), (1350, 620), (1240, 800), (1050, 860), width=54), glaze, bulge=22)
    spout = curve(
        (560, 620),
        (420, 600),
        (350, 470),
        (250, 420),
        (300, 400),
        (420, 430),
        (480, 520),
        (600, 560),
        (620, 880),
        (470, 800),
    )
    studio.lay(spout, glaze, bulge=24)
    body = studio.lay(
        symmetric((790, 400), (1010, 440), (1130, 640), (1090, 860), (960, 990), (790, 1004)), glaze, bulge=48
    )
    studio.glow(ellipse(640, 560, 100, 70), "#ffffff", 36, 0.85, body)
    for offset, width in ((30, 16), (62, 5)):
        studio.glow(Outline(arc(790, 640 + offset, 350, 96, 0, 180), width), "#eef8fa", 3, 0.85, body)
    studio.glow(ellipse(790, 452, 220, 40), "#0f2f40", 14, 0.6, body)
    lid = studio.lay(symmetric((790, 340), (900, 366), (986, 434), (940, 466), (790, 474)), glaze, bulge=16)
    studio.glow(ellipse(700, 392, 50, 20), "#ffffff", 14, 0.8, lid)
    knob = studio.lay(ellipse(790, 322, 44, 40), glaze, bulge=14)
    studio.glow(ellipse(776, 306, 12, 9), "#ffffff", 6, 0.9, knob)
    return studio


def _grass(studio: Studio, foot: tuple[float, float], angle: float, length: float, head: int) -> None:
    tip = (foot[0] + length * sin(radians(angle)), foot[1] - length * cos(radians(angle)) + 40)
    bend = ((foot[0] + tip[0]) / 2 - angle, (foot[1] + tip[1]) / 2)
    studio.lay(line(foot, bend, tip, width=7), linear("#7d9a58", "#b8c98a", angle=90))
    fill = linear(*(("#f4dca6", "#c99a4f"), ("#f7e9e4", "#d79a94"))[head])
    plume = curve((tip[0], tip[1] - 110), (tip[0] + 26, tip[1] - 20), (tip[0], tip[1] + 70), (tip[0] - 26, tip[1] - 20))
    studio.lay(plume.turned(angle * 1.3, tip), woven(fill, 60), bulge=12)
