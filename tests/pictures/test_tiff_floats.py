"""Floating point of a TIFF is shown if it goes from 0 to 1; with another maximum it is refused, not white or black."""

import pytest

from shared.errors import Reason
from tests.support.pictures import assert_near, colour_at, refused, rendered
from tests.support.tiff_writer import Kind, tiff

SIZE = (64, 32)


@pytest.mark.parametrize("bits", [32, 64])
def test_floating_point_to_255_is_refused_not_white(bits: int) -> None:
    source = tiff(Kind(2, bits, 3, 3), SIZE, lambda x, _, n: (x * 3 + n) % 255)
    assert "floating point numbers from 0 to 191" in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("top", [2.5, 10, 100, 255, 1000])
def test_floating_point_to_any_other_maximum_is_refused(top: float, order: str, bits: int) -> None:
    for samples, colours, extra in ((1, 1, ()), (2, 1, (2,)), (3, 3, ()), (4, 3, (2,))):
        for planar in (False, samples > 1):
            kind = Kind(2 if samples > 2 else 1, bits, samples, 3, order, planar=planar, extra=extra)
            source = tiff(kind, SIZE, lambda x, _, n, c=colours: 1 if n == c else x / 63 * top)
            assert f"from 0 to {top:,.4g} " in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_bright_floating_point_on_black_is_refused(bits: int) -> None:
    source = tiff(Kind(1, bits, 1, 3), SIZE, lambda x, *_: max(0, x - 40) * 4)
    assert "from 0 to 92 " in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_negative_floating_point_is_part_of_the_range(bits: int) -> None:
    source = tiff(Kind(1, bits, 1, 3), SIZE, lambda x, *_: (x - 8) * 4)
    assert "from -32 to 220 " in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("extra", [(), (2,)])
def test_floating_point_without_light_is_refused_not_black(bits: int, extra: tuple[int, ...]) -> None:
    kind = Kind(1, bits, 1 + len(extra), 3, extra=extra)
    source = tiff(kind, SIZE, lambda x, _, n: 1 if n else x / 63 / 1024)
    assert "from 0 to 0.0009" in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_a_white_background_with_highlights_stays(bits: int) -> None:
    """Resampling leaves edges a little above white, and a lamp may be much brighter."""
    levels = {0: 1.05, 1: 300.0, 2: -0.25}
    image = rendered(tiff(Kind(1, bits, 1, 3), SIZE, lambda x, *_: levels.get(x, 1.0 if x < 48 else 0.5)))
    assert_near((255,) * 3, colour_at(image, 30, 10))
    assert_near((128,) * 3, colour_at(image, 56, 10))


def test_highlights_above_1_are_white() -> None:
    image = rendered(tiff(Kind(2, 32, 3, 3), SIZE, lambda x, *_: 4.0 if x < 16 else 0.5))
    assert_near((255,) * 3, colour_at(image, 4, 4))
    assert_near((128,) * 3, colour_at(image, 40, 4))
