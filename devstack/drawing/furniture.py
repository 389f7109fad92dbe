"""Draws the furniture of the demo's catalogue: desk, chairs, table, pedestal, shelf. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devstack.drawing.fills import Fill, blended, flat, linear, wood, woven
from devstack.drawing.outlines import box, curve, ellipse, line, polygon, symmetric
from devstack.drawing.studio import Studio

if TYPE_CHECKING:
    from devstack.drawing.outlines import Outline

OAK = ("#e2bd8a", "#b07f4a")
WALNUT = ("#96694a", "#5a3823")
STEEL = linear("#565b60", "#dfe3e6", "#8b9196", "#43474b")


def desk(light: str = OAK[0], dark: str = OAK[1], wall: str = "#c9d3d6") -> Studio:
    """Draw a desk with tapered legs and two drawers."""
    studio = Studio(wall)
    shade = (blended(light, "#2a1708", 0.25), blended(dark, "#2a1708", 0.45))
    studio.shadow(800, 985, 660, 50)
    back = polygon((352, 560), (402, 560), (378, 950), (358, 950))
    _both(studio, back, 800, linear(*shade), 8)
    studio.lay(box(250, 560, 1350, 690), linear(shade[1], shade[0], shade[1]))
    for left in (262, 812):
        front = studio.lay(box(left, 600, left + 526, 706, 8), wood(light, dark, left), bulge=7)
        studio.glow(box(left, 596, left + 526, 606), "#1c0f05", 8, 0.6, front)
        studio.lay(box(left + 218, 640, left + 308, 654, 7), linear("#f4dfa6", "#a67c33", angle=90), bulge=5)
    leg = polygon((236, 590), (296, 590), (264, 1004), (240, 1004))
    studio.lay(leg, wood(light, dark, 3, upright=True), bulge=12)
    studio.lay(leg.mirrored(800), wood(light, dark, 4, upright=True), bulge=12)
    top = studio.lay(polygon((322, 476), (1278, 476), (1400, 566), (200, 566)), wood(light, dark, 11))
    studio.glow(ellipse(620, 510, 380, 40), "#fffaf0", 45, 0.5, top)
    studio.lay(box(198, 564, 1402, 598, 6), wood(*shade, seed=12), bulge=6)
    _books(studio, 1050, 512)
    return studio


def guest_chair(light: str, dark: str, wall: str) -> Studio:
    """Draw an upholstered chair with wooden legs and arms."""
    studio = Studio(wall)
    cloth = woven(linear(light, blended(light, dark, 0.35), dark, angle=35), 26)
    timber = linear("#8d5c35", "#d9a56c", "#7c4e2b")
    studio.shadow(800, 1056, 420, 46)
    leg = polygon((560, 760), (606, 760), (574, 1024), (550, 1024))
    _both(studio, leg, 800, linear("#5d3b21", "#8a5a34"), 8)
    rest = symmetric((800, 196), (1010, 214), (1096, 290), (1086, 470), (1040, 640), (800, 672))
    back = studio.lay(rest, cloth, bulge=44)
    studio.glow(ellipse(690, 320, 170, 90), "#ffffff", 60, 0.28, back)
    for x in (640, 800, 960):
        studio.glow(line((x, 240), (x, 640), width=5), dark, 5, 0.65, back)
    studio.glow(ellipse(800, 680, 300, 46), "#150805", 26, 0.6, back)
    seat = symmetric((800, 640), (1060, 646), (1140, 700), (1126, 780), (1020, 812), (800, 818))
    cushion = studio.lay(seat, cloth, bulge=34)
    studio.glow(ellipse(740, 690, 270, 32), "#ffffff", 34, 0.32, cushion)
    studio.glow(line((480, 766), (800, 790), (1120, 766), width=5), dark, 4, 0.7, cushion)
    leg = polygon((478, 560), (522, 560), (510, 1076), (478, 1076))
    _both(studio, leg, 800, timber, 12)
    _both(studio, line((484, 560), (500, 522), (560, 500), (600, 480), width=36), 800, timber, 12)
    return studio


def swivel_chair() -> Studio:
    """Draw a blue office chair on castors, upright (1200 by 1600)."""
    studio = Studio("#d8d3cb", (1200, 1600))
    cloth = woven(linear("#5f9bd6", "#2f6cb0", "#1d4678", angle=30), 30, thread=4)
    studio.shadow(600, 1462, 390, 48)
    for x, y in ((250, 1400), (430, 1450), (770, 1450), (950, 1400), (600, 1350)):
        studio.lay(line((600, 1290), ((x + 600) / 2, (y + 1262) / 2), (x, y - 30), width=38), STEEL, bulge=14)
        studio.lay(ellipse(x, y, 34, 38), linear("#4a4d50", "#17181a"), bulge=12)
    studio.lay(box(572, 1010, 628, 1300, 10), STEEL, bulge=10)
    studio.lay(box(548, 1000, 652, 1120, 16), linear("#222426", "#5a5e62", "#1b1c1e"), bulge=10)
    studio.lay(box(560, 720, 640, 1010, 20), linear("#222426", "#5a5e62", "#1b1c1e"), bulge=10)
    rest = symmetric((600, 170), (780, 190), (862, 290), (872, 520), (820, 740), (600, 790))
    back = studio.lay(rest, cloth, bulge=50)
    studio.glow(ellipse(510, 330, 130, 110), "#ffffff", 60, 0.34, back)
    studio.glow(line((372, 560), (600, 600), (828, 560), width=12), "#0d2747", 8, 0.75, back)
    studio.glow(line((372, 574), (600, 614), (828, 574), width=6), "#bcdcff", 5, 0.5, back)
    _both(studio, line((330, 950), (262, 900), (262, 740), width=34), 600, flat("#2c2f32"), 12)
    _both(studio, box(206, 700, 356, 744, 22), 600, linear("#55595d", "#1f2123", angle=90), 10)
    seat = symmetric((600, 880), (830, 884), (930, 940), (908, 1010), (800, 1034), (600, 1040))
    cushion = studio.lay(seat, cloth, bulge=34)
    studio.glow(ellipse(530, 922, 240, 26), "#ffffff", 30, 0.36, cushion)
    return studio


def conference_table() -> Studio:
    """Draw an oval table on two trumpet feet."""
    studio = Studio("#cfd2d2")
    studio.shadow(800, 985, 480, 50, 0.45)
    for x in (520, 1080):
        studio.lay(ellipse(x, 978, 150, 32), linear("#62676b", "#eef1f3", "#7c8286", "#4d5255"), bulge=10)
        foot = polygon((x - 36, 560), (x + 36, 560), (x + 46, 880), (x + 130, 972), (x - 130, 972), (x - 46, 880))
        studio.lay(foot, linear("#54595d", "#f4f6f7", "#9aa0a4", "#3e4246"), bulge=16)
        studio.glow(ellipse(x, 580, 120, 60), "#101010", 30, 0.7)
    studio.lay(ellipse(800, 560, 640, 128), linear("#5d4432", "#a98160", "#5d4432"))
    top = studio.lay(ellipse(800, 536, 640, 126), wood("#cda67f", "#94694a", 21), bulge=8)
    studio.glow(ellipse(600, 490, 300, 40), "#ffffff", 50, 0.6, top)
    for x in (560, 800, 1040):
        studio.glow(ellipse(x + 14, 552, 74, 14), "#20150d", 10, 0.5, top)
        studio.lay(ellipse(x, 540, 70, 15), linear("#ffffff", "#b9bdbf"), bulge=4)
        studio.lay(ellipse(x, 538, 40, 8), linear("#c9cdcf", "#f8f9f9"))
    return studio


def pedestal() -> Studio:
    """Draw a pedestal with three drawers on castors."""
    studio = Studio("#d5cfc4")
    studio.shadow(810, 1052, 330, 42)
    for x in (560, 1010):
        studio.lay(ellipse(x, 1030, 30, 32), linear("#55585b", "#17181a"), bulge=10)
    studio.lay(polygon((520, 210), (1040, 210), (1100, 262), (500, 262)), wood("#edcb9b", "#c1925a", 31))
    studio.lay(polygon((1060, 262), (1100, 262), (1100, 1004), (1060, 1020)), wood("#a87a48", "#76502b", 32))
    body = studio.lay(box(500, 260, 1064, 1020, 6), wood(*OAK, seed=33, upright=True), bulge=10)
    for top, bottom in ((286, 470), (484, 668), (682, 996)):
        studio.glow(box(520, top - 3, 1046, bottom + 5, 6), "#2b1706", 5, 0.9, body)
        drawer = studio.lay(box(522, top, 1042, bottom, 6), wood(*OAK, seed=top), bulge=5)
        studio.glow(ellipse(640, top + 40, 200, 60), "#fff7e6", 60, 0.4, drawer)
        studio.glow(line((700, top + 74), (864, top + 74), width=12), "#3a210c", 9, 0.7, drawer)
        studio.lay(line((700, top + 62), (864, top + 62), width=16), STEEL, bulge=5)
    return studio


def shelf() -> Studio:
    """Draw a walnut shelf with books, a bowl and a plant."""
    studio = Studio("#dcd7d2")
    studio.shadow(800, 1092, 500, 34)
    back = studio.lay(box(340, 130, 1260, 1080), linear("#c9bfb4", "#a89c90", angle=50))
    for y in (370, 620, 870):
        studio.glow(box(340, y - 240, 1260, y - 190), "#20140c", 40, 0.6, back)
        _books(studio, {370: 690, 620: 800, 870: 400}[y], y - 2, upright=True)
    _bowl(studio, 440, 618)
    _bowl(studio, 1010, 868)
    for y in (120, 368, 618, 868, 1064):
        studio.lay(box(322, y, 1278, y + 26, 4), wood(*WALNUT, seed=y), bulge=5)
    for x in (310, 1258):
        studio.lay(box(x, 100, x + 32, 1098, 5), wood(*WALNUT, seed=x, upright=True), bulge=7)
    return studio


def _both(studio: Studio, left: Outline, axis: float, fill: Fill, bulge: float) -> None:
    for side in (left, left.mirrored(axis)):
        studio.lay(side, fill, bulge=bulge)


def _books(studio: Studio, x: int, floor: int, *, upright: bool = False) -> None:
    covers = ("#c2503f", "#e6b656", "#3f6f78", "#f0e7d8", "#7a8f5a", "#27435f", "#d98b6b", "#8d4a5c")
    for number, colour in enumerate(covers if upright else covers[:3]):
        tall, thick = 150 + (number * 53) % 46, 30 + (number * 17) % 20
        cover: Fill = linear(blended(colour, "#ffffff", 0.3), colour, blended(colour, "#000000", 0.35))
        if upright:
            studio.lay(box(x, floor - tall, x + thick, floor, 3), cover, bulge=4)
            studio.lay(box(x + 5, floor - tall + 20, x + thick - 5, floor - tall + 28), flat("#f5e9c8"))
            x += thick + 1
        else:
            studio.lay(
                box(x, floor - 24 * (number + 1), x + 200 - 14 * number, floor - 24 * number, 4),
                cover,
                bulge=4,
            )


def _bowl(studio: Studio, x: int, floor: int) -> None:
    bowl = curve((x, floor - 96), (x + 180, floor - 92), (x + 130, floor - 16), (x + 90, floor), (x + 46, floor - 16))
    body = studio.lay(bowl, linear("#f6f1e6", "#cdd9d4", "#7f9a95"), bulge=16)
    studio.glow(ellipse(x + 60, floor - 60, 22, 26), "#ffffff", 14, 0.8, body)
