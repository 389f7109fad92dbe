"""Unpacks the runs of pixels in a bitmap (BMP). Pure.

Pillow refuses a bitmap whose runs leave out its last rows, and takes a step for every pixel.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from shared.errors import Permanent, Reason
from shared.pictures.diagnosis import EXPORT_AGAIN

_MOST_STEPS = 4_000_000  # some seconds
_RUNS = re.compile(rb"(?:[^\0].){1,4096}", re.DOTALL)  # a number of pixels and their colour
_LEVELS = [bytes((level,)) for level in range(256)]
_PAIRS = [bytes((levels >> 4, levels & 15)) for levels in range(256)]
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
        OSError: the file ends before the picture does, or leaves out most rows.
        Permanent: ``not_an_image`` for runs in so many pieces that they must be an attack.
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
    if is_blank or y < height // 2:
        raise OSError("image file is truncated: most rows are missing")
    return bytes(pixels)


def _steps(source: bytes, at: int, *, is_of_4: bool) -> Iterator[bytes | _Skip]:
    """Yield the runs, many at a time, and the skips between them, until the picture ends.

    Raises:
        OSError: the file ends first.
        Permanent: ``not_an_image`` for so many steps that nobody but an attacker would need them.
    """
    for _ in range(_MOST_STEPS):
        if runs := _RUNS.match(source, at):
            at = runs.end()
            yield _of_4(runs[0]) if is_of_4 else _of_8(runs[0])
            continue
        if at + 1 >= len(source):
            raise OSError("image file is truncated")
        value, at = source[at + 1], at + 2
        if value == _ROW_ENDS:
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
    raise Permanent(Reason.NOT_AN_IMAGE, f"The file is split into more than {_MOST_STEPS:,} pieces; {EXPORT_AGAIN}")


def _of_8(runs: bytes) -> bytes:
    return b"".join([_LEVELS[level] * count for count, level in zip(runs[::2], runs[1::2], strict=True)])


def _of_4(runs: bytes) -> bytes:
    """Return runs of two colours by turns."""
    pairs = zip(runs[::2], runs[1::2], strict=True)
    return b"".join([(_PAIRS[levels] * (count + 1 >> 1))[:count] for count, levels in pairs])
