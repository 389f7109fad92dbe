"""Creates the benchmark's photographs in code, with what costs decoders time: fine detail and sensor noise.

The same versions of numpy and Pillow create the same bytes. They are cached in ``.local``, in folders named after a
hash of this file.
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

_NOISE = 4  # of 255: an ordinary camera indoors, at full size
_OCTAVES = 11
_BICUBIC = Image.Resampling.BICUBIC


def folder() -> Path:
    """Return the folder of photographs; create missing ones."""
    return create_folder("photographs", PHOTOGRAPHS)


def create_folder(name: str, files: Mapping[str, Make]) -> Path:
    """Return the folder ``name`` with exactly these files; each is created once."""
    folder = LOCAL / f"{name}-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, make in files.items():
        if not (folder / file).exists():
            partial_file = folder / f"{file}.partial"
            partial_file.write_bytes(make())
            partial_file.replace(folder / file)
    return folder


def photograph(width: int, height: int, seed: int = 1) -> Image.Image:
    """Return objects on a background with detail at every scale and a sensor's noise."""
    random = np.random.default_rng(seed)
    light = _detail(random, width, height, _OCTAVES)
    scene = [_levels(128 + 36 * light + 14 * _detail(random, width, height, 3)) for _ in "RGB"]
    picture = Image.merge("RGB", scene)
    _draw_objects(picture, random)
    return Image.merge("RGB", [_noisy(random, channel) for channel in picture.split()])


def _detail(random: np.random.Generator, width: int, height: int, octaves: int) -> np.ndarray:
    """Return random detail at every scale, from the whole picture to single pixels, with falling contrast."""
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


def _draw_objects(picture: Image.Image, random: np.random.Generator) -> None:
    """Draw light and dark shapes with hard edges, which would reveal ringing and shifted colours."""
    draw = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = random.integers(0, picture.width), random.integers(0, picture.height)
        side = int(random.integers(picture.width // 60, picture.width // 8))
        colour = tuple(int(level) for level in random.integers(10, 246, 3))
        shape = random.choice([draw.ellipse, draw.rectangle])
        shape((x, y, x + side, y + side * 2 // 3), fill=colour, outline="white", width=max(1, side // 30))


def cut_out(picture: Image.Image) -> Image.Image:
    """Return the picture's middle on a transparent background, like product pictures in shops."""
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
