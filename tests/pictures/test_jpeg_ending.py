"""A JPEG without its end marker is rendered if all its pixels are there, and ends too early otherwise."""

import random
from collections.abc import Callable

import pytest
from PIL import Image

from shared.errors import EndsEarly
from shared.pictures.render import render
from tests.support.formats import coded_in_rgb
from tests.support.jpeg_writers import ADOBE_RGB_COMPONENTS, arithmetic, lossless, scan_bounds, segment
from tests.support.pictures import difference, noise, quarters, rendered, saved

END = b"\xff\xd9"


def on_white(width: int = 320, height: int = 240) -> Image.Image:
    """Return a product on white, as shops show it: its last pixels say nothing new."""
    picture = Image.new("RGB", (width, height), "white")
    picture.paste(quarters(width // 2, height // 2), (width // 4, height // 8))
    return picture


KINDS: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: saved(noise(90, 70), "JPEG", comment=b"a"),
    "baseline 4:2:0": lambda: saved(noise(90, 70), "JPEG", subsampling=2, comment=b"a"),
    "gray": lambda: saved(noise(90, 70).convert("L"), "JPEG"),
    "CMYK": lambda: saved(noise(90, 70).convert("CMYK"), "JPEG"),
    "RGB": lambda: coded_in_rgb(noise(90, 70)),
    "restart markers": lambda: saved(noise(90, 70), "JPEG", restart_marker_blocks=3, comment=b"a"),
    "progressive": lambda: saved(noise(90, 70), "JPEG", progressive=True, comment=b"a"),
    "progressive 4:2:0": lambda: saved(noise(90, 70), "JPEG", progressive=True, subsampling=2, comment=b"a"),
    "progressive gray": lambda: saved(noise(90, 70).convert("L"), "JPEG", progressive=True),
    "photograph": lambda: saved(noise(60, 45).resize((1500, 1100), Image.Resampling.BICUBIC), "JPEG", subsampling=2),
    "product": lambda: saved(on_white(), "JPEG", subsampling=2, comment=b"a"),
    "product, optimized": lambda: saved(on_white(), "JPEG", subsampling=2, optimize=True, comment=b"a"),
    "product, progressive": lambda: saved(on_white(), "JPEG", progressive=True, comment=b"a"),
    "lossless": lambda: lossless(noise(30, 20).convert("RGB"), 8, segment(0xEE, ADOBE_RGB_COMPONENTS)),
}
INSTEAD = {
    "half of it": b"\xff",
    "nothing": b"",
    "zeros": b"\0\0",
    "a block of zeros": bytes(4096),
    "bits": b"\xff" * 7,
    "rubbish": b"\x13\x57",
    "half of it and rubbish": b"\xff\x00",
    "text": b"the end of the file",
    "another marker": b"\xff\xe1\0",
    "a new segment": segment(0xFE, b"somebody"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("instead", INSTEAD)
def test_a_picture_may_lack_its_end_marker(instead: str, kind: str) -> None:
    source = KINDS[kind]()
    assert source.endswith(END)
    whole = render(source)
    assert render(source[:-2] + INSTEAD[instead]).content == whole.content


def test_a_file_to_pass_through_may_lack_its_end_marker() -> None:
    source = saved(quarters(), "JPEG")
    assert render(source).quality is None
    assert difference(quarters(), rendered(source[:-2])) < 6


# Flat pictures in tables of their own take a bit for each block, so a byte less may cost many of them.
DETAILED = [kind for kind in KINDS if not kind.startswith("product")]


@pytest.mark.parametrize("kind", DETAILED)
@pytest.mark.parametrize("fill", [b"", bytes(5000), b"\xff" * 5])
def test_a_picture_cut_within_its_pixels_ends_too_early(fill: bytes, kind: str) -> None:
    source = KINDS[kind]()
    start, end = scan_bounds(source)[-1]
    few = () if fill.startswith(b"\0") else (4, 5, 9, 20, 40)  # a zero can stand for the rest of the last block
    for cut in (*few, 200, (end - start) // 2, end - start - 1):
        with pytest.raises(EndsEarly):
            render(source[: end - cut] + fill)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("product")])
def test_a_product_cut_in_two_ends_too_early(kind: str) -> None:
    source = KINDS[kind]()
    for _, end in scan_bounds(source):
        for size in (end - (end - len(source) // 3) // 2, len(source) // 2):
            for fill in (b"", bytes(100_000)):
                with pytest.raises(EndsEarly):
                    render(source[:size] + fill)


@pytest.mark.parametrize("kind", ["progressive", "progressive 4:2:0", "progressive gray"])
def test_a_cut_in_or_between_any_scans_ends_too_early(kind: str) -> None:
    source = KINDS[kind]()
    bounds = scan_bounds(source)
    assert len(bounds) >= 6
    cuts = {n for start, end in bounds for n in (start, start + 1, (start + end) // 2, end - 4)}
    cuts |= {end + n for _, end in bounds[:-1] for n in (0, 1, 2, 5)}
    for size in sorted(cuts):
        with pytest.raises(EndsEarly):
            render(source[:size])


@pytest.mark.parametrize("progressive", [False, True])
def test_a_finished_picture_cut_anywhere_ends_too_early(progressive: bool) -> None:
    source = saved(noise(64, 64), "JPEG", progressive=progressive)
    assert render(source).content == source
    dice = random.Random(3)
    for size in (dice.randrange(2, len(source) - 6) for _ in range(60)):
        with pytest.raises(EndsEarly):
            render(source[:size])


def test_arithmetic_coding_cannot_lack_its_end_marker() -> None:
    with pytest.raises(EndsEarly):
        render(arithmetic()[:-2])


def test_data_behind_the_end_marker_do_not_matter() -> None:
    source = saved(noise(64, 64), "JPEG", comment=b"a")
    whole = render(source).content
    for after in (b"\0", bytes(9000), b"trailer", saved(quarters(), "JPEG")[:-2]):
        assert render(source + after).content == whole
