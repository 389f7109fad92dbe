"""Computes a profile for CMYK that has none: European offset print on coated paper. Pure.

Applies the Neugebauer equations in Yule and Nielsen's form to the published values of ISO 12647-2:2004/Amd 1, paper
types 1 and 2 (the conditions of FOGRA39), so that we ship no profile under a licence of its own.
"""

import struct
from functools import cache

from shared.pictures import icc

_Colour = tuple[float, ...]  # X, Y, Z or L*, a*, b*
_PAPER = (95.0, 0.0, -2.0)
# CIELAB of solids and overprints, measured on white. In an index, bit 0 is cyan, 1 magenta, 2 yellow.
_WITHOUT_YELLOW: tuple[_Colour, ...] = (_PAPER, (55, -37, -50), (48, 74, -3), (24, 22, -46))
_WITH_YELLOW: tuple[_Colour, ...] = ((89, -5, 93), (50, -65, 27), (47, 68, 48), (23, 0, 0))
_SOLIDS = _WITHOUT_YELLOW + _WITH_YELLOW
_BLACK = (16.0, 0.0, 0.0)
_TONE_VALUE_INCREASE = (0.13, 0.13, 0.13, 0.16)  # of C, M, Y, K at a tone of 50 %
_BEST_MEASURE = (0, 1, 2, 1)  # the index in X, Y, Z that shows the tone of C, M, Y, K best
_N = 1.5  # Yule and Nielsen's factor: how far light spreads in the paper between the dots
_GRID = 9  # points on each side of the table
_CURVE_POINTS = 256
_IDENTITY = (65536, 0, 0, 0, 65536, 0, 0, 0, 65536)  # the matrix of a lut16, which only XYZ would use


@cache
def coated_paper_profile() -> bytes:
    """Return an ICC profile (2.4, input, CMYK to CIELAB) that maps bare paper to white; always the same bytes.

    Computing it takes about 50 ms, once in a process and only when the first such CMYK arrives.
    """
    paper = tuple(part * light for part, light in zip(_xyz(_PAPER), icc.D50, strict=True))
    # An input profile: an output profile would need the way back, too.
    return icc.profile(b"scnr", b"CMYK", b"Lab ", {b"wtpt": icc.xyz(paper), b"A2B0": _table()})


def _table() -> bytes:
    """Return the lut16: four tone curves, the grid of colours, and three identity curves."""
    head = b"mft2\0\0\0\0" + struct.pack(">4B9i2H", 4, 3, _GRID, 0, *_IDENTITY, _CURVE_POINTS, 2)
    tones = [round(65535 * tone) for ink in range(4) for tone in _tone_curve(ink)]
    colours = [number for reflectance in _grid() for number in _encoded(reflectance)]
    numbers = [*tones, *colours, *(0, 65535) * 3]
    return head + struct.pack(f">{len(numbers)}H", *numbers)


def _tone_curve(ink: int) -> list[float]:
    """Return the area of one ink with which Yule and Nielsen's form gives each printed tone."""
    solid = _reflectances()[1 << ink][_BEST_MEASURE[ink]]
    tones = (step / (_CURVE_POINTS - 1) for step in range(_CURVE_POINTS))
    areas = (tone + 4 * _TONE_VALUE_INCREASE[ink] * tone * (1 - tone) for tone in tones)
    return [(1 - (1 - area * (1 - solid**_N)) ** (1 / _N)) / (1 - solid) for area in areas]


def _grid() -> list[_Colour]:
    """Return the reflectances (to the power of 1/n) at all points of the grid, the last ink changing fastest."""
    points = [_reflectances()]
    for _ in range(4):  # each list keeps the overprints of the inks that are not mixed in yet
        points = [_mixed(solids, step / (_GRID - 1)) for solids in points for step in range(_GRID)]
    return [colour for (colour,) in points]


def _mixed(solids: list[_Colour], area: float) -> list[_Colour]:
    pairs = zip(solids[::2], solids[1::2], strict=True)  # without and with the next ink
    return [tuple(p + (q - p) * area for p, q in zip(*pair, strict=True)) for pair in pairs]


@cache
def _reflectances() -> list[_Colour]:
    """Return X, Y, Z of all 16 overprints relative to the paper, to the power of 1/n; 8 is the bit of black."""
    paper = _xyz(_PAPER)
    solids = [*_SOLIDS, _BLACK, *(_under_black(solid) for solid in _SOLIDS[1:])]
    relative = (zip(_xyz(solid), paper, strict=True) for solid in solids)
    return [tuple((part / white) ** (1 / _N) for part, white in colour) for colour in relative]


def _under_black(solid: _Colour) -> _Colour:
    """Return the colour of black over other inks: darker than black alone, with a little of their hue."""
    lightness, a, b = solid
    return 6 + 0.1 * lightness, 0.17 * a, 0.17 * b


def _xyz(lab: _Colour) -> _Colour:
    """Return X, Y, Z relative to the illuminant."""
    y = (lab[0] + 16) / 116
    roots = (y + lab[1] / 500, y, y - lab[2] / 200)
    return tuple(f**3 if f > 6 / 29 else (f - 4 / 29) * 108 / 841 for f in roots)


def _encoded(reflectance: _Colour) -> tuple[int, ...]:
    """Return CIELAB in the encoding of a lut16: 0xFF00 is a lightness of 100, 0x8000 an a or b of 0."""
    relative = (part**_N for part in reflectance)
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else t * 841 / 108 + 4 / 29 for t in relative)
    lightness, a, b = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    return round(lightness * 652.8), round((a + 128) * 256), round((b + 128) * 256)
