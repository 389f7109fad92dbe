"""Builds ICC profiles: of displays by their primaries, white and gamma, or from any tags. Pure."""

import struct
from collections.abc import Mapping, Sequence

Point = tuple[float, float]  # CIE 1931 x, y
Vector = tuple[float, float, float]  # X, Y, Z, or the responses of the eye

# The largest profiles of printing presses have 3 MB; a larger one can only be meant to keep us busy.
LARGEST_PROFILE = 4 * 1024 * 1024
D50: Vector = (0.9642, 1.0, 0.8249)  # white of the profile connection space
SRGB_WHITE: Point = (0.3127, 0.3290)
SRGB_PRIMARIES: tuple[Point, Point, Point] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_WHITES = (0.2, 0.5)  # the range of x and y for every light under which people look at pictures
# ICC.1:2010, annex E: from XYZ to the sharpened responses of the eye (Bradford), in which white is adapted.
_BRADFORD: tuple[Vector, Vector, Vector] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_IN_A_PLANE = 1e-6  # with a smaller determinant, the last digits decide whether the columns can mix white


def rgb_profile(white: Point, primaries: Sequence[Point], gamma: float) -> bytes | None:
    """Return the profile of a display with these colours; None if no display can have them.

    ``gamma`` is the exponent from numbers to light, from 0 to below 256.
    """
    colorants = _colorants(white, primaries)
    if colorants is None:
        return None
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {name: xyz(column) for name, column in zip(names, colorants, strict=True)}
    return profile(b"mntr", b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def gray_profile(gamma: float) -> bytes:
    """Return the profile of neutral grays; ``gamma`` as for ``rgb_profile``."""
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def profile(kind: bytes, space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Return a profile of version 2.4; the same tags always give the same bytes."""
    usual = {b"desc": _description(b"Computed"), b"cprt": b"text\0\0\0\0No copyright\0", b"wtpt": xyz(D50)}
    tags = usual | dict(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        directory += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    content = directory + body
    header = struct.pack(">I4xI4s4s4s", 128 + len(content), 0x02400000, kind, space, connection)
    header += struct.pack(">6H4s28x", 2004, 1, 1, 0, 0, 0, b"acsp") + _fixed(D50)
    return header.ljust(128, b"\0") + content


def _description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + bytes(1 + 8 + 3 + 67)


def xyz(colour: Sequence[float]) -> bytes:
    """Return a colour as the data of a tag."""
    return b"XYZ \0\0\0\0" + _fixed(colour)


def _fixed(numbers: Sequence[float]) -> bytes:
    return struct.pack(">3i", *(round(number * 65536) for number in numbers))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _colorants(white: Point, primaries: Sequence[Point]) -> list[Vector] | None:
    """Return X, Y, Z of full red, green and blue, adapted to D50 as white."""
    low, high = _WHITES
    if not all(low <= part <= high for part in white):
        return None
    if not all(x >= 0 and y > 0 and x + y <= 1 for x, y in primaries):
        return None
    columns = [_light(point) for point in primaries]
    white_light = _light(white)
    parts = _solved(columns, white_light)
    if parts is None or min(parts) <= 0:  # no mixture of them is white
        return None
    return [_adapted([c * part for c in column], white_light) for column, part in zip(columns, parts, strict=True)]


def _light(point: Point) -> Vector:
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _adapted(colour: Sequence[float], white: Vector) -> Vector:
    responses = zip(_responses(colour), _responses(white), _responses(D50), strict=True)
    wanted = [part * after / before for part, before, after in responses]
    return _solved(list(zip(*_BRADFORD, strict=True)), wanted) or D50  # its columns lie in no plane


def _responses(colour: Sequence[float]) -> list[float]:
    return [sum(weight * part for weight, part in zip(row, colour, strict=True)) for row in _BRADFORD]


def _solved(columns: Sequence[Sequence[float]], wanted: Sequence[float]) -> Vector | None:
    """Return how much of each column mixes ``wanted`` (Cramer's rule); None if the three lie in a plane."""
    a, b, c = columns
    whole = _determinant(a, b, c)
    if abs(whole) < _IN_A_PLANE:
        return None
    parts = (_determinant(wanted, b, c), _determinant(a, wanted, c), _determinant(a, b, wanted))
    return parts[0] / whole, parts[1] / whole, parts[2] / whole


def _determinant(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    crossed = (b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0])
    return sum(x * y for x, y in zip(a, crossed, strict=True))
