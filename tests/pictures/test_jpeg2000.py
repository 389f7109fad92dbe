"""JPEG 2000 shows the colours that its boxes and components state, in every depth, or is refused by name."""

import re
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import EndsEarly, Reason
from shared.pictures.render import render
from tests.support.jpeg2000_writer import (
    Component,
    box,
    codestream,
    definitions,
    enumerated,
    jp2,
    mapping,
    palette,
    profiled,
)
from tests.support.pictures import BACKGROUND, Colour, assert_near, colour_at, refused, rendered, saved
from tests.support.render_process import Worker

SIZE = (64, 32)
COLOURS: tuple[Colour, ...] = ((255, 255, 255), (0, 0, 0), (200, 40, 30), (0, 255, 128))
PLACES = ((8, 16), (24, 16), (40, 16), (56, 16))  # of the four stripes
SRGB, GRAY, SYCC, CMYK = enumerated(16), enumerated(17), enumerated(18), enumerated(12)
PLAIN, ALPHA, PREMULTIPLIED = 0, 1, 2

linux = pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")


def component(levels: Sequence[int], bits: int = 8, *, signed: bool = False, step: int = 1) -> Component:
    """Return four stripes of these levels, given in 8 bits."""
    top, size = (1 << bits) - 1, (SIZE[0] // step, SIZE[1] // step)
    stripes = [(level * top + 127) // 255 for level in levels]
    row = [stripes[x * 4 // size[0]] for x in range(size[0])]
    return Component(size, row * size[1], bits, signed, step)


def channels(bits: Sequence[int] = (8, 8, 8), *, signed: bool = False) -> list[Component]:
    levels = zip(*COLOURS, strict=True)
    return [component(level, depth, signed=signed) for level, depth in zip(levels, bits, strict=False)]


def assert_shown(source: bytes, expected: Sequence[Colour] = COLOURS, tolerance: int = 6) -> None:
    image = rendered(source)
    for colour, place in zip(expected, PLACES, strict=True):
        assert_near(colour, colour_at(image, *place), tolerance)


@pytest.mark.parametrize("irreversible", [False, True])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    "bits", [(8, 8, 8), (9, 9, 9), (10, 10, 10), (12, 12, 12), (16, 16, 16), (16, 8, 12), (5, 6, 5)]
)
def test_every_depth_shows_white_and_black(bits: tuple[int, ...], *, signed: bool, irreversible: bool) -> None:
    stream = codestream(SIZE, channels(bits, signed=signed), irreversible=irreversible)
    assert_shown(jp2(stream, SRGB), tolerance=8)
    assert_shown(stream, tolerance=8)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 16])
def test_gray_of_every_depth_shows_white_and_black(bits: int) -> None:
    levels = (255, 0, 255, 0) if bits == 1 else (255, 0, 85, 170)
    stream = codestream(SIZE, [component(levels, bits)])
    assert_shown(jp2(stream, GRAY), [(level,) * 3 for level in levels])
    assert_shown(stream, [(level,) * 3 for level in levels])


def test_two_levels_may_begin_with_white() -> None:
    stream, levels = codestream(SIZE, [component((255, 0, 255, 0), 1)]), (255, 0, 255, 0)
    assert_shown(jp2(stream, enumerated(15)), [(level,) * 3 for level in levels])
    assert_shown(jp2(stream, enumerated(0)), [(255 - level,) * 3 for level in levels])


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_gray_and_alpha_work_in_every_depth(bits: int) -> None:
    stream = codestream(SIZE, [component((255, 0, 85, 170), bits), component((255, 255, 255, 0), bits)])
    source = jp2(stream, GRAY, definitions((0, PLAIN, 1), (1, ALPHA, 0)))
    assert_shown(source, [(255,) * 3, (0,) * 3, (85,) * 3, BACKGROUND])


@pytest.mark.parametrize("bits", [8, 16])
def test_channels_are_shown_as_they_are_defined(bits: int) -> None:
    red, green, blue = channels((bits,) * 3)
    swapped = jp2(codestream(SIZE, [blue, green, red]), SRGB, definitions((0, PLAIN, 3), (1, PLAIN, 2), (2, PLAIN, 1)))
    assert_shown(swapped)
    alpha = component((255, 255, 255, 0), bits)
    order = definitions((0, ALPHA, 0), (1, PLAIN, 1), (2, PLAIN, 2), (3, PLAIN, 3))
    assert_shown(jp2(codestream(SIZE, [alpha, red, green, blue]), SRGB, order), [*COLOURS[:3], BACKGROUND])


def test_premultiplied_colours_are_divided_by_alpha() -> None:
    parts = [component([level // 2 for level in levels]) for levels in zip(*COLOURS, strict=True)]
    stream = codestream(SIZE, [*parts, component((128,) * 4)])
    colours = definitions((0, PLAIN, 1), (1, PLAIN, 2), (2, PLAIN, 3), (3, PREMULTIPLIED, 0))
    mixed = [tuple((a + b) // 2 for a, b in zip(colour, BACKGROUND, strict=True)) for colour in COLOURS]
    assert_shown(jp2(stream, SRGB, colours), mixed, 8)  # type: ignore[arg-type]


def test_an_empty_channel_without_definition_is_not_alpha() -> None:
    assert_shown(jp2(codestream(SIZE, [*channels(), component((0, 0, 0, 0))]), SRGB))


def test_an_unspecified_channel_is_not_alpha() -> None:
    stream = codestream(SIZE, [*channels(), component((0, 0, 0, 0))])
    source = jp2(stream, SRGB, definitions((0, PLAIN, 1), (1, PLAIN, 2), (2, PLAIN, 3), (3, 65535, 65535)))
    assert_shown(source)


@pytest.mark.parametrize("bits", [8, 12])
def test_sycc_becomes_rgb(bits: int) -> None:
    planes: list[list[int]] = [[], [], []]
    for red, green, blue in COLOURS:
        brightness = 0.299 * red + 0.587 * green + 0.114 * blue
        levels = (brightness, 128 + (blue - brightness) / 1.772, 128 + (red - brightness) / 1.402)
        for plane, level in zip(planes, levels, strict=True):
            plane.append(min(255, max(0, round(level))))
    assert_shown(jp2(codestream(SIZE, [component(plane, bits) for plane in planes]), SYCC), tolerance=8)


def test_inks_become_the_colour_they_print() -> None:
    inks = ((0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 255, 0), (0, 0, 0, 255))  # of paper, cyan, red, black
    stream = codestream(SIZE, [component(ink) for ink in inks])
    assert_shown(jp2(stream, CMYK), [(255, 255, 255), (0, 159, 227), (227, 6, 19), (29, 29, 27)], 14)


@pytest.mark.parametrize("bits", [8, 16])
def test_an_embedded_profile_is_applied(bits: int) -> None:
    """Numbers and colours by the definition of Adobe RGB: these two differ by more than 20 levels."""
    numbers = ((144, 190, 72), (255, 255, 255), (0, 0, 0), (219, 0, 0))
    colours = ((85, 191, 49), (255, 255, 255), (0, 0, 0), (255, 0, 0))
    stream = codestream(SIZE, [component(levels, bits) for levels in zip(*numbers, strict=True)])
    image = rendered(jp2(stream, profiled(adobe_rgb_profile())))
    assert_near((255, 255, 255), colour_at(image, *PLACES[1]))
    assert_near(colours[3], colour_at(image, *PLACES[3]), 8)
    assert colour_at(image, *PLACES[0])[0] < numbers[0][0] - 20


@pytest.mark.parametrize("depth", [8, 4])
def test_a_palette_shows_its_colours_twice_if_listed_twice(depth: int) -> None:
    colours = [(200, 40, 30), (200, 40, 30), (255, 255, 255), (0, 255, 128)]
    indices = [index * 255 / ((1 << depth) - 1) for index in range(4)]
    stream = codestream(SIZE, [component([round(index) for index in indices], depth)])
    columns = mapping((0, 1, 0), (0, 1, 1), (0, 1, 2))
    assert_shown(jp2(stream, SRGB, palette(*colours), columns), colours)
    swapped = palette(*(colour[::-1] for colour in colours))
    assert_shown(jp2(stream, SRGB, swapped, mapping((0, 1, 2), (0, 1, 1), (0, 1, 0))), colours)
    deep = palette(*([level * 257 for level in colour] for colour in colours), bits=16)
    assert_shown(jp2(stream, SRGB, deep, columns), colours)


@pytest.mark.parametrize("space", [1, 3, 4, 9, 11, 13, 14, 19, 20, 21, 24, 99])
def test_other_colour_spaces_are_refused_by_name(space: int) -> None:
    detail = refused(jp2(codestream(SIZE, channels()), enumerated(space)), Reason.NOT_AN_IMAGE)
    assert detail.startswith("The picture is a JPEG 2000 in ")
    assert detail.endswith("Export it as JPEG or PNG, and upload that.")


def test_subsampled_colours_are_refused_by_name() -> None:
    parts = [component((255, 0, 85, 170)), *(component((128,) * 4, step=2) for _ in range(2))]
    for source in (codestream(SIZE, parts), jp2(codestream(SIZE, parts), SYCC)):
        assert "subsampling" in refused(source, Reason.NOT_AN_IMAGE)


def test_transparency_that_cannot_be_shown_is_refused() -> None:
    four = codestream(SIZE, [*channels(), component((255,) * 4)])
    each = definitions((0, PLAIN, 1), (1, PLAIN, 2), (2, PLAIN, 3), (3, ALPHA, 2))
    assert "transparency" in refused(jp2(four, SRGB, each), Reason.NOT_AN_IMAGE)
    assert "channels" in refused(jp2(four, SRGB, definitions((0, PLAIN, 1), (1, PLAIN, 2))), Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("tiled", [False, True], ids=["one tile", "tiles"])
@pytest.mark.parametrize("is_file", [False, True], ids=["codestream", "file"])
def test_a_picture_without_all_its_tiles_is_never_shown(tiled: bool, is_file: bool) -> None:
    """Cut in the first bytes of a tile part, the decoder shows black and does not complain."""
    options: dict[str, Any] = {"tile_size": (32, 32)} if tiled else {}
    whole = saved(Image.effect_noise((120, 90), 60).convert("RGB"), "JPEG2000", no_jp2=not is_file, **options)
    assert rendered(whole).size == (120, 90)
    places = [match.start() for match in re.finditer(rb"\xff\x90\0\x0a", whole)]
    assert len(places) == (12 if tiled else 1)
    for place in {places[0], places[len(places) // 2], places[-1]}:
        for extra in (0, 1, 2, 4, 11, 12, 14, 40):
            with pytest.raises(EndsEarly):
                render(whole[: place + extra])


@linux
@pytest.mark.parametrize("kind", ["cdef", "cmap", "pclr"])
def test_long_boxes_cost_no_more_than_the_file(kind: str, worker: Worker) -> None:
    forged = b"\xff\xff\x04\x07\x07\x07\x07" * 4_000_000
    verdict = worker.render(jp2(codestream(SIZE, channels()), SRGB, box(kind.encode(), forged)))
    assert verdict.is_expected, verdict
    assert verdict.memory < 5 * len(forged), verdict
    assert verdict.cpu < 2, verdict


@linux
def test_many_palettes_cost_no_more_than_one(worker: Worker) -> None:
    colours = [(200, 40, 30)] * 1024
    verdict = worker.render(jp2(codestream(SIZE, channels()[:1]), SRGB, palette(*colours) * 900))
    assert verdict.is_expected, verdict
    assert verdict.cpu < 2, verdict
