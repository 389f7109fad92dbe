"""The right and lower edge of reduced pictures: nothing from beyond it, and nothing shifted."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops

from shared.pictures.render import render
from shared.pictures.rendition import Rendition
from tests.support.wide_gamut import PROFILES

SIDE = 100
RENDITION = Rendition(max_side=SIDE, quality=100)
# Sides that leave 1.2 times the pixels of the rendition at this scale, but not at the next one, whatever is added.
LEAST = {1: (160, 112), 2: (240, 160), 4: (480, 320), 8: (960, 640)}
RESIDUES = range(8)
# How a JPEG is decoded: as planes of brightness and colour, as RGB (to convert its profile), as gray or as inks.
PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "planes": ("RGB", {"subsampling": 2}),
    "planes in full": ("RGB", {"subsampling": 0}),
    "colours": ("RGB", {"subsampling": 2, "icc_profile": PROFILES["Adobe RGB"]}),
    "gray": ("L", {}),
}
WHITE_ENOUGH = 252


def padded(picture: Image.Image, padding: str, **options: Any) -> bytes:
    """Return a JPEG whose blocks are filled up with a colour of their own beyond the right and lower edge."""
    block = 16 if options.get("subsampling") == 2 else 8
    width, height = (-(-side // block) * block for side in picture.size)
    canvas = Image.new(picture.mode, (width, height), padding)
    canvas.paste(picture)
    file = BytesIO()
    canvas.save(file, "JPEG", quality=95, **options)
    content = bytearray(file.getvalue())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", picture.height, picture.width)
    return bytes(content)


def rendered(source: bytes) -> Image.Image:
    return Image.open(BytesIO(render(source, RENDITION).content))


def step(size: tuple[int, int], before: str, after: str, at: tuple[int, int]) -> Image.Image:
    """Return a picture that is ``before`` left of and above ``at``, and ``after`` elsewhere."""
    picture = Image.new("RGB", size, after)
    picture.paste(before, (0, 0, *at))
    return picture


def position(line: Image.Image) -> float:
    """Return how many pixels of a line are as its first one, and not as its last one; an edge counts in part."""
    values = list(line.get_flattened_data())
    first, last = values[0], values[-1]
    return sum((value - last) / (first - last) for value in values)


def png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


@pytest.mark.parametrize("residue", RESIDUES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scale", LEAST)
def test_padding_beyond_the_edge_never_shows(scale: int, path: str, residue: int) -> None:
    mode, options = PATHS[path]
    for other in (0, residue, 7 - residue):
        width, height = LEAST[scale][0] + residue, LEAST[scale][1] + other
        picture = rendered(padded(Image.new(mode, (width, height), "white"), "black", **options))
        low, _ = picture.convert("L").getextrema()
        assert low >= WHITE_ENOUGH, (width, height)


@pytest.mark.parametrize("residue", RESIDUES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scale", LEAST)
def test_brightness_stays_in_place(scale: int, path: str, residue: int) -> None:
    mode, options = PATHS[path]
    size = LEAST[scale][0] + residue, LEAST[scale][1] + 7 - residue
    edge = size[0] - 6 * scale, size[1] - 6 * scale
    assert_in_place(padded(step(size, "#404040", "#c0c0c0", edge).convert(mode), "black", **options), size, edge, "L")


@pytest.mark.parametrize("residue", RESIDUES)
@pytest.mark.parametrize("path", ["planes", "planes in full", "colours"])
@pytest.mark.parametrize("scale", LEAST)
def test_colours_stay_in_place(scale: int, path: str, residue: int) -> None:
    size = LEAST[scale][0] + residue, LEAST[scale][1] + 7 - residue
    edge = size[0] - 6 * scale, size[1] - 6 * scale
    picture = step(size, "#c04040", "#4060c0", edge)
    assert_in_place(padded(picture, "#4060c0", **PATHS[path][1]), size, edge, "Cr")


@pytest.mark.parametrize("residue", RESIDUES)
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_other_formats_stay_in_place(factor: int, residue: int) -> None:
    size = 120 * factor + residue, 80 * factor + 7 - residue
    edge = size[0] - 6 * factor, size[1] - 6 * factor
    assert_in_place(png(step(size, "#404040", "#c0c0c0", edge)), size, edge, "L")


# Pixels of the rendition; its JPEG keeps colour at half the size, so its edges are known less precisely.
TOLERANCE = {"L": 1 / 8, "Cr": 1 / 6}


def assert_in_place(source: bytes, size: tuple[int, int], edge: tuple[int, int], channel: str) -> None:
    picture = rendered(source)
    plane = channel_of(picture, channel)
    row, column = plane.crop((0, 4, plane.width, 5)), plane.crop((4, 0, 5, plane.height))
    assert position(row) == pytest.approx(edge[0] * plane.width / size[0], abs=TOLERANCE[channel]), size
    assert position(column) == pytest.approx(edge[1] * plane.height / size[1], abs=TOLERANCE[channel]), size


def channel_of(picture: Image.Image, channel: str) -> Image.Image:
    return picture.convert("L") if channel == "L" else picture.convert("YCbCr").getchannel(channel)


@pytest.mark.parametrize("size", [(400, 267), (400, 265), (403, 266), (201, 134), (799, 401)])
def test_last_line_counts_as_much_as_others(size: tuple[int, int]) -> None:
    """The reference is one resampling of all pixels: a line at the edge must not become darker or lighter."""
    picture = step(size, "white", "black", (size[0] - 1, size[1] - 1))
    output = rendered(png(picture)).convert("L")
    reference = picture.convert("L").resize(output.size, Image.Resampling.LANCZOS)
    assert max_difference(output, reference) < 40


def max_difference(a: Image.Image, b: Image.Image) -> int:
    return int(ImageChops.difference(a, b).getextrema()[1])


def test_whole_reduction_with_a_rest_is_not_shifted() -> None:
    """4 × 100 columns reduce evenly; 267 rows do not, and 66.75 of them become 67."""
    size, edge = (400, 267), (380, 250)
    assert_in_place(png(step(size, "#404040", "#c0c0c0", edge)), size, edge, "L")


@pytest.mark.parametrize("height", [1, 2, 3, 5, 7, 9])
def test_strip_a_few_pixels_high_keeps_its_colour(height: int) -> None:
    picture = rendered(padded(Image.new("RGB", (967, height), "white"), "black", subsampling=2))
    assert picture.convert("L").getextrema()[0] >= WHITE_ENOUGH
