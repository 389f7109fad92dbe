"""Every layout of a TIFF comes out as its samples say, or is refused by name: never blank, black or swapped."""

from collections.abc import Iterator
from itertools import cycle, product
from typing import Any

import pytest

from shared.errors import Permanent, Reason
from tests.support.pictures import BACKGROUND, Colour, rendered
from tests.support.tiff_writer import (
    DEFLATE,
    FLOATING,
    LZW,
    PACKBITS,
    RAW,
    SIGNED,
    UNSIGNED,
    Kind,
    shorts_or_longs,
    tiff,
)

SIZE = (35, 18)  # four patches; the last column and rows of tiles are partial
PATCHES = ((8, 4), (26, 4), (8, 14), (26, 14))
ALPHA = (255, 0, 128, 255)  # of the patches
COLOURS: tuple[Colour, ...] = ((200, 40, 40), (30, 160, 60), (250, 250, 250), (17, 17, 17))
GRAYS = (0, 85, 170, 255)
# Inks, and the usual screen values of what they print; CIELAB (D50) of white, black, middle gray and red of sRGB.
INKS = ((0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255))
PRINTED: tuple[Colour, ...] = ((255, 255, 255), (0, 159, 227), (227, 6, 19), (29, 29, 27))
LAB = ((100, 0, 0), (0, 0, 0), (53.6, 0, 0), (54.3, 80.8, 69.9))
OF_LAB: tuple[Colour, ...] = ((255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0))
NAMES = {0: "white is 0", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 9: "ICCLab"}
SAMPLES = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3}
UNSAID = (-1,)  # one more sample, and no tag for it
EXTRA = {"": (), "unused": (0,), "premultiplied": (1,), "alpha": (2,), "unsaid": UNSAID, "alpha and unused": (2, 0)}
STORED: tuple[dict[str, Any], ...] = (
    {"compression": RAW},
    {"compression": RAW, "rows": 4},
    {"compression": RAW, "tile": 16},
    {"compression": RAW, "fill_order": 2},
    {"compression": DEFLATE, "rows": 4},
    {"compression": DEFLATE, "tile": 16, "predictor": 2},
    {"compression": DEFLATE, "predictor": 3},
    {"compression": DEFLATE, "tile": 16, "predictor": 3},
    {"compression": LZW, "predictor": 2},
    {"compression": LZW, "fill_order": 2},
    {"compression": PACKBITS},
)


def level(kind: Kind, extra: tuple[int, ...], x: int, y: int, sample: int) -> float:  # noqa: PLR0911 - one of each kind
    """Return what is stored for one sample, from 0 to 1."""
    patch, colours = (x >= SIZE[0] // 2) + 2 * (y >= SIZE[1] // 2), SAMPLES[kind.photometric]
    alpha = ALPHA[patch] / 255
    if sample >= colours:
        return alpha if sample == colours else 0.3
    premultiplied = alpha if extra[:1] == (1,) else 1
    match kind.photometric:
        case 0:
            return (255 - GRAYS[patch]) / 255 * premultiplied
        case 1:
            return GRAYS[patch] / 255 * premultiplied
        case 2:
            return COLOURS[patch][sample] / 255 * premultiplied
        case 3:
            return patch / ((1 << kind.bits) - 1)
        case 5:
            return INKS[patch][sample] / 255 * premultiplied
        case 6:
            red, green, blue = COLOURS[patch]
            brightness = 0.299 * red + 0.587 * green + 0.114 * blue
            return (brightness, 128 + (blue - brightness) / 1.772, 128 + (red - brightness) / 1.402)[sample] / 255
    if sample == 0:
        return LAB[patch][0] / 100 * premultiplied
    top = (1 << kind.bits) - 1
    number = round((LAB[patch][sample] + 128) * premultiplied) * (top // 255)
    return (number ^ (1 << kind.bits - 1) if kind.photometric == 8 else number) / top


def expected(photometric: int, extra: tuple[int, ...]) -> list[Colour]:
    """Return the colours of the patches on the background."""
    gray = tuple((level,) * 3 for level in GRAYS)
    shown = {0: gray, 1: gray, 5: PRINTED, 8: OF_LAB, 9: OF_LAB}.get(photometric, COLOURS)
    is_alpha = extra[:1] in ((1,), (2,)) or (
        extra == UNSAID and photometric != 5
    )  # a fifth channel may be a spot colour
    alphas = ALPHA if is_alpha else (255,) * 4
    return [
        tuple(round(part * alpha / 255 + ground * (1 - alpha / 255)) for part, ground in zip(colour, BACKGROUND))  # type: ignore[misc] # noqa: B905
        for colour, alpha in zip(shown, alphas, strict=True)
    ]


def source(kind: Kind, extra: tuple[int, ...]) -> bytes:
    tags = {}
    if kind.photometric == 3:
        colours = [*COLOURS, *[(0, 0, 0)] * ((1 << min(kind.bits, 8)) - 4)]
        tags["t320"] = shorts_or_longs(kind.order, *(colour[n] * 257 for n in range(3) for colour in colours))
    if kind.photometric == 6:
        tags["t530"] = shorts_or_longs(kind.order, 1, 1)
    return tiff(kind, SIZE, lambda x, y, sample: level(kind, extra, x, y, sample), **tags)


def kinds(photometric: int, bits: int, sample_format: int) -> Iterator[tuple[Kind, tuple[int, ...]]]:
    """Yield the kinds in every combination, with each byte order for every second of them."""
    is_slow = photometric in (5, 8, 9) or (bits, sample_format) == (16, FLOATING)  # to convert
    stored = STORED[::3] if is_slow else STORED
    combinations = product(EXTRA.values(), (False, True), stored)
    for (extra, planar, way), order in zip(combinations, cycle("<>"), strict=False):
        samples = SAMPLES[photometric] + len(extra)
        is_predictable = {1: True, 2: bits in (8, 16, 32, 64), 3: sample_format == FLOATING}[way.get("predictor", 1)]
        if is_predictable and (samples > 1 or not planar):
            said = () if extra == UNSAID else extra
            yield Kind(photometric, bits, samples, sample_format, order, planar, extra=said, **way), extra


DEPTHS = [
    *((photometric, bits, UNSIGNED) for photometric in NAMES for bits in (1, 2, 4, 8, 12, 16, 32)),
    *((photometric, bits, FLOATING) for photometric in NAMES for bits in (16, 32, 64)),
    *((photometric, bits, SIGNED) for photometric in (0, 1, 2, 5) for bits in (16, 32)),
]
FORMATS = {UNSIGNED: "", FLOATING: ", floating point", SIGNED: ", signed"}
# Palettes of 2 colours and Lab of less than 8 bits cannot hold the patches.
POSSIBLE = [case for case in DEPTHS if case[:2] != (3, 1) and not (case[0] in (8, 9) and case[1] in (1, 2, 4, 12))]
# These come out whatever their planes, alpha, order and compression.
CERTAIN = {
    *((photometric, bits, UNSIGNED) for photometric in (0, 1, 2, 5) for bits in (8, 16, 32)),
    *((photometric, bits, UNSIGNED) for photometric in (8, 9) for bits in (8, 16)),
    *((photometric, bits, FLOATING) for photometric in (0, 1, 2, 5) for bits in (16, 32, 64)),
    (3, 8, UNSIGNED),
}


def name_of(case: tuple[int, int, int]) -> str:
    return f"{NAMES[case[0]]}, {case[1]} bits{FORMATS[case[2]]}"


@pytest.mark.parametrize("case", POSSIBLE, ids=name_of)
def test_every_layout_comes_out_right_or_is_refused(case: tuple[int, int, int]) -> None:
    """Three levels of one bit are not enough for the middle grays, hence the larger tolerance."""
    wrong: dict[Kind, object] = {}
    refused: dict[Kind, Permanent] = {}
    tolerance = 12 if case[1] > 1 else 140
    for kind, extra in kinds(*case):
        try:
            image = rendered(source(kind, extra))
        except Permanent as failure:
            refused[kind] = failure
            continue
        shown = [image.getpixel(place) for place in PATCHES]
        pairs = zip(expected(case[0], extra), shown, strict=True)
        if max(abs(a - b) for pair in pairs for a, b in zip(*pair, strict=True)) > tolerance:  # type: ignore[arg-type]
            wrong[kind] = shown
    assert wrong == {}
    for failure in refused.values():
        assert failure.reason is Reason.NOT_AN_IMAGE
        assert failure.detail.startswith("The picture is a TIFF "), failure.detail
        assert failure.detail.endswith("or export it as JPEG or PNG, and upload that."), failure.detail
    if case in CERTAIN:
        assert refused == {}
    elif case[:2] in ((0, 4), (1, 4), (3, 4), (1, 12), (6, 8)):
        assert all(kind.planar or kind.samples != SAMPLES[kind.photometric] or kind.fill_order == 2 for kind in refused)
