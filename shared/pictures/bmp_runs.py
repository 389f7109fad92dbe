"""Unpacks the runs of pixels in a bitmap (BMP). Pure.

Pillow refuses a bitmap whose runs leave out its last rows, and takes a step for every pixel.
"""

from collections.abc import Iterator
from typing import NamedTuple

_DIGITS = bytes(int(chr(code), 16) if chr(code) in "0123456789abcdef" else 0 for code in range(256))


class _Skip(NamedTuple):
    """Moves to another pixel; without ``keeps_column`` from the first of the row."""

    right: int
    up: int
    keeps_column: bool = True


_NEXT_ROW = _Skip(0, 1, keeps_column=False)
_ROW_ENDS, _PICTURE_ENDS, _SKIPS = range(3)  # after a 0; larger numbers of pixels follow as they are


def unpacked(source: bytes, start: int, size: tuple[int, int], *, is_of_4: bool) -> bytes:
    """Return the rows that begin at ``start``, in their order in the file, a byte for each pixel.

    What no run covers has the first colour, as in Windows.

    Raises:
        OSError: the file ends before the picture does, or holds no pixel.
    """
    (width, height), x, y = size, 0, 0
    pixels, is_blank = bytearray(width * height), True
    for step in _steps(source, start, is_of_4=is_of_4):
        if isinstance(step, bytes):
            shown = max(0, min(len(step), width - x))
            pixels[y * width + x : y * width + x + shown] = step[:shown]
            x, is_blank = x + len(step), False
        else:
            x, y = (x if step.keeps_column else 0) + step.right, y + step.up
        if y >= height or (y == height - 1 and x >= width):
            break
    if is_blank:
        raise OSError("the bitmap holds no pixels")
    return bytes(pixels)


def _steps(source: bytes, at: int, *, is_of_4: bool) -> Iterator[bytes | _Skip]:
    """Yield the runs, and the skips between them, until the picture ends.

    Raises:
        OSError: the file ends first.
    """
    while at + 1 < len(source):
        count, value = source[at : at + 2]
        at += 2
        if count:
            yield bytes((value >> 4, value & 15) * (count + 1 >> 1))[:count] if is_of_4 else bytes((value,)) * count
        elif value == _ROW_ENDS:
            yield _NEXT_ROW
        elif value == _PICTURE_ENDS:
            return
        elif value == _SKIPS:
            yield _Skip(*source[at : at + 2].ljust(2, b"\0"))
            at += 2
        else:
            length = value + 1 >> 1 if is_of_4 else value
            run = source[at : at + length]
            yield run.hex().encode().translate(_DIGITS)[:value] if is_of_4 else run
            at += length + length % 2
    raise OSError("image file is truncated")
