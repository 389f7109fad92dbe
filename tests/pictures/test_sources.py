"""Every accepted kind of file comes out as it was drawn, at the promised size, whatever its name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.pictures.render import render
from shared.pictures.rendition import Rendition
from tests.support.formats import KINDS
from tests.support.pictures import assert_near, colour_at, difference, noise, quarters, rendered

LARGE = (1200, 560)
GRAY = (128, 128, 128)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_comes_out_as_it_was_drawn(name: str) -> None:
    kind = KINDS[name]
    image = rendered(kind.make(quarters()))
    assert difference(kind.expected(quarters()), image) < kind.tolerance


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_still_looks_as_drawn_when_reduced(name: str) -> None:
    kind = KINDS[name]
    image = rendered(kind.make(quarters(*LARGE)), max_side=120)
    assert difference(kind.expected(quarters(120, 56)), image) < kind.tolerance


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_padded_to_a_square(name: str) -> None:
    kind = KINDS[name]
    image = rendered(kind.make(quarters()), fit="pad", background=GRAY)
    assert image.size == (64, 64)
    assert_near(GRAY, colour_at(image, 2, 2))
    assert_near(GRAY, colour_at(image, 61, 61))
    assert difference(kind.expected(quarters()), image.crop((0, 16, 64, 48))) < kind.tolerance


@given(st.sampled_from(list(KINDS)), st.integers(1, 70), st.integers(1, 70), st.integers(16, 80))
@settings(max_examples=300)
def test_every_kind_gets_the_promised_size(name: str, width: int, height: int, max_side: int) -> None:
    picture = render(KINDS[name].make(noise(width, height)), Rendition(max_side=max_side))
    scale = min(1, max_side / max(width, height))
    expected = tuple(max(1, round(side * scale)) for side in (width, height))
    assert (picture.width, picture.height) == expected


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2, 701)])
def test_every_kind_may_be_a_pixel_or_a_line(size: tuple[int, int], name: str) -> None:
    picture = render(KINDS[name].make(Image.new("RGB", size, "gray")), Rendition(max_side=300))
    assert max(picture.width, picture.height) == min(300, max(size))
    assert min(picture.width, picture.height) == 1
