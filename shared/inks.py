"""What CMYK without a profile of its own looks like: European offset print on coated paper. Pure.

Computed with the Neugebauer equations, in Yule and Nielsen's form, from the published values of ISO 12647-2:2004/Amd 1,
paper types 1 and 2 (the conditions of FOGRA39), so that no profile with a licence of its own has to be shipped.
"""

import struct
from functools import cache

_Triple = tuple[float, float, float]
_PAPER = (95.0, 0.0, -2.0)
# CIELAB of the solids and their overprints, measured on white; the bits of the key: 1 cyan, 2 magenta, 4 yellow.
_SOLIDS: dict[int, _Triple] = {
    0: _PAPER,
    1: (55, -37, -50),
    2: (48, 74, -3),
    3: (24, 22, -46),
    4: (89, -5, 93),
    5: (50, -65, 27),
    6: (47, 68, 48),
    7: (23, 0, 0),
}
_BLACK = (16.0, 0.0, 0.0)
_TONE_VALUE_INCREASE = (0.13, 0.13, 0.13, 0.16)  # of C, M, Y, K at a tone of 50 %
_SCREENED_BY = (0, 1, 2, 1)  # which of X, Y, Z shows the tone of C, M, Y, K best
_N = 1.5  # Yule and Nielsen's factor: how far light spreads in the paper between the dots
_GRID = 9  # points on each side of the table
_CURVE_POINTS = 256
_ILLUMINANT = (0.9642, 1.0, 0.8249)  # D50, white of the profile connection space
_UNCHANGED = (65536, 0, 0, 0, 65536, 0, 0, 0, 65536)  # the matrix of a lut16, which serves XYZ only


@cache
def coated_paper_profile() -> bytes:
    """Return an ICC profile (2.4, input, CMYK to CIELAB) in which the bare paper is white; always the same bytes."""
    tags = {
        b"desc": _description(b"Offset on coated paper, computed from ISO 12647-2"),
        b"cprt": b"text\0\0\0\0No copyright, use freely\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(_media_white()),
        b"A2B0": _table(),
    }
    directory, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        directory += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    content = directory + body
    # An input profile, not an output one: it has no way back, and black point compensation would look for it.
    header = struct.pack(">I4xI4s4s4s", 128 + len(content), 0x02400000, b"scnr", b"CMYK", b"Lab ")
    header += struct.pack(">6H4s28x", 2004, 1, 1, 0, 0, 0, b"acsp") + _fixed(_ILLUMINANT)
    return header.ljust(128, b"\0") + content


def _description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + bytes(1 + 8 + 3 + 67)


def _fixed(numbers: _Triple) -> bytes:
    return struct.pack(">3i", *(round(number * 65536) for number in numbers))


def _media_white() -> _Triple:
    x, y, z = (part * light for part, light in zip(_xyz(_PAPER), _ILLUMINANT, strict=True))
    return x, y, z


def _table() -> bytes:
    """Return the lut16: four tone curves, the grid of colours, and three curves that change nothing."""
    head = b"mft2\0\0\0\0" + struct.pack(">4B9i2H", 4, 3, _GRID, 0, *_UNCHANGED, _CURVE_POINTS, 2)
    tones = [round(65535 * tone) for ink in range(4) for tone in _tone_curve(ink)]
    colours = [number for reflectance in _grid() for number in _encoded(reflectance)]
    numbers = [*tones, *colours, *(0, 65535) * 3]
    return head + struct.pack(f">{len(numbers)}H", *numbers)


def _tone_curve(ink: int) -> list[float]:
    """Return the area that one ink covers, as Yule and Nielsen's form needs it to show the printed tone."""
    solid = _reflectances()[1 << ink][_SCREENED_BY[ink]]
    tones = (step / (_CURVE_POINTS - 1) for step in range(_CURVE_POINTS))
    areas = (tone + 4 * _TONE_VALUE_INCREASE[ink] * tone * (1 - tone) for tone in tones)
    return [(1 - (1 - area * (1 - solid**_N)) ** (1 / _N)) / (1 - solid) for area in areas]


def _grid() -> list[_Triple]:
    """Return the reflectances (to the power of 1/n) at all points of the grid, the last ink changing fastest."""
    points = [_reflectances()]
    for _ in range(4):  # what is left of each list: the overprints of the inks that are still to be mixed in
        points = [_mixed(solids, step / (_GRID - 1)) for solids in points for step in range(_GRID)]
    return [colour for (colour,) in points]


def _mixed(solids: list[_Triple], area: float) -> list[_Triple]:
    pairs = zip(solids[::2], solids[1::2], strict=True)
    return [(x + (u - x) * area, y + (v - y) * area, z + (w - z) * area) for (x, y, z), (u, v, w) in pairs]


@cache
def _reflectances() -> list[_Triple]:
    """Return X, Y, Z of all 16 overprints relative to the paper, to the power of 1/n; 8 is the bit of black."""
    paper = _xyz(_PAPER)
    solids = [_SOLIDS[inks] for inks in range(8)]
    solids += [_BLACK, *(_under_black(solid) for solid in solids[1:])]
    return [_powers(_xyz(solid), paper) for solid in solids]


def _powers(colour: _Triple, paper: _Triple) -> _Triple:
    x, y, z = ((part / white) ** (1 / _N) for part, white in zip(colour, paper, strict=True))
    return x, y, z


def _under_black(solid: _Triple) -> _Triple:
    """Black over other inks is darker than alone and keeps a little of their hue."""
    lightness, a, b = solid
    return 6 + 0.1 * lightness, 0.17 * a, 0.17 * b


def _xyz(lab: _Triple) -> _Triple:
    """Return X, Y, Z as parts of the illuminant's."""
    y = (lab[0] + 16) / 116
    x, z = y + lab[1] / 500, y - lab[2] / 200
    x, y, z = (f**3 if f > 6 / 29 else (f - 4 / 29) * 108 / 841 for f in (x, y, z))
    return x, y, z


def _encoded(reflectance: _Triple) -> _Triple:
    """Return CIELAB as a lut16 holds it: 0xFF00 is a lightness of 100, 0x8000 an a or b of 0."""
    x, y, z = (
        t ** (1 / 3) if t > 216 / 24389 else t * 841 / 108 + 4 / 29 for t in (r**_N for r in reflectance)
    )
    return (
        round((116 * y - 16) * 652.8),
        round((500 * (x - y) + 128) * 256),
        round((200 * (y - z) + 128) * 256),
    )
