"""The benchmark's own photographs: made in code with what costs a decoder time, fine detail and a sensor's noise.

Every run of the same numpy and Pillow makes the same bytes. They are kept in ``.local``, under a name that changes
with this file.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from devstack.drawing import encodings
from devstack.machine.setup import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Make = Callable[[], bytes]

_NOISE = 4  # of 255: an ordinary camera indoors, in its full size
_OCTAVES = 11
_BICUBIC = Image.Resampling.BICUBIC


def folder() -> Path:
    """Return where they lie, made where they are missing."""
    return made("photographs", PHOTOGRAPHS)


def made(name: str, files: Mapping[str, Make]) -> Path:
    """Return the folder of that name, which holds these files and no others, each made once."""
    place = LOCAL / f"{name}-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
    place.mkdir(parents=True, exist_ok=True)
    for file, make in files.items():
        if not (place / file).exists():
            partial_file = place / f"{file}.partial"
            partial_file.write_bytes(make())
            partial_file.replace(place / file)
    return place


def photograph(width: int, height: int, seed: int = 1) -> Image.Image:
    """Return things before a background, with detail at every scale, as a sensor sees them."""
    random = np.random.default_rng(seed)
    light = _detail(random, width, height, _OCTAVES)
    scene = [_levels(128 + 36 * light + 14 * _detail(random, width, height, 3)) for _ in "RGB"]
    picture = Image.merge("RGB", scene)
    _put_things(picture, random)
    return Image.merge("RGB", [_noisy(random, channel) for channel in picture.split()])


def _detail(random: np.random.Generator, width: int, height: int, octaves: int) -> np.ndarray:
    """Return a random field in which every octave, from the whole to single pixels, has less contrast than the one before."""
    total: np.ndarray = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = random.standard_normal((3 << octave, 4 << octave), dtype=np.float32)
        total += 0.6**octave * np.asarray(Image.fromarray(cells).resize((width, height), _BICUBIC))
    return total


def _noisy(random: np.random.Generator, channel: Image.Image) -> Image.Image:
    noise = random.standard_normal((channel.height, channel.width), dtype=np.float32)
    return _levels(np.asarray(channel) + min(_NOISE, channel.width / 1000) * noise)


def _levels(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def _put_things(picture: Image.Image, random: np.random.Generator) -> None:
    """Draw forms with hard edges, light and dark: what ringing and shifted colours would show on."""
    draw = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = random.integers(0, picture.width), random.integers(0, picture.height)
        side = int(random.integers(picture.width // 60, picture.width // 8))
        colour = tuple(int(level) for level in random.integers(10, 246, 3))
        form = random.choice([draw.ellipse, draw.rectangle])
        form((x, y, x + side, y + side * 2 // 3), fill=colour, outline="white", width=max(1, side // 30))


def cut_out(picture: Image.Image) -> Image.Image:
    """Return the picture's middle on a transparent ground, as shops have their products."""
    inset = picture.width // 8
    alpha = Image.new("L", picture.size, 0)
    ImageDraw.Draw(alpha).ellipse((inset, inset, picture.width - inset, picture.height - inset), fill=255)
    alpha = alpha.resize((picture.width // 4, picture.height // 4)).resize(picture.size, _BICUBIC)
    clear = Image.new("RGBA", picture.size)
    clear.paste(picture, mask=alpha)
    clear.putalpha(alpha)
    return clear


def _wide_gamut(width: int, height: int) -> bytes:
    picture, profile = encodings.wide_gamut(photograph(width, height))
    return encodings.jpeg(picture, progressive=True, icc_profile=profile)


def _jpeg(width: int, height: int) -> bytes:
    return encodings.jpeg(photograph(width, height))


PHOTOGRAPHS: dict[str, Make] = {
    "camera-2mp.jpg": partial(_jpeg, 1632, 1224),
    "camera-5mp.jpg": partial(_jpeg, 2592, 1944),
    "camera-12mp.png": lambda: encodings.png(photograph(4000, 3000), compress_level=6),
    "camera-12mp.webp": lambda: encodings.webp(photograph(4000, 3000)),
    "camera-18mp.jpg": partial(_jpeg, 5184, 3456),
    "cut-out-4mp.png": lambda: encodings.png(cut_out(photograph(2000, 2000)), compress_level=6),
    "wide-gamut-12mp.jpg": partial(_wide_gamut, 4000, 3000),
}
