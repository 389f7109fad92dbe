"""Draws photographs that show their number, and reads it from whatever a photograph has become. Pure."""

from collections.abc import Iterator
from io import BytesIO

from PIL import Image

_SIZE = (640, 480)
_GRID = (5, 4)  # fields: the bits of the number, light or dark
_MIDDLE = 127


def photographs(count: int) -> Iterator[bytes]:
    """Yield a JPEG for each number from 0 on; at most 2**20 can be told apart."""
    noise = Image.effect_noise(_SIZE, 20)
    for number in range(count):
        cells = bytes(255 * (number >> bit & 1) for bit in range(_GRID[0] * _GRID[1]))
        fields = Image.frombytes("L", _GRID, cells).resize(_SIZE, Image.Resampling.NEAREST)
        file = BytesIO()
        Image.blend(noise, fields, 0.5).convert("RGB").save(file, "JPEG", quality=50)
        yield file.getvalue()


def number_shown(picture: bytes) -> int:
    """Return the number that a picture shows."""
    with Image.open(BytesIO(picture)) as shown:
        cells = shown.convert("L").resize(_GRID, Image.Resampling.BOX).tobytes()
    return sum(1 << bit for bit, lightness in enumerate(cells) if lightness > _MIDDLE)
