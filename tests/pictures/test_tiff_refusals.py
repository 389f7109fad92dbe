"""A TIFF that nobody can read, or that lacks what its pixels need, is refused by name."""

from dataclasses import replace

import pytest

from shared.errors import Reason
from tests.support.pictures import refused
from tests.support.tiff_writer import DEFLATE, RAW, Kind, shorts_or_longs, tiff

SIZE = (64, 32)
RGB = Kind(2, 8, 3)


OTHER = {
    "LogLuv": (replace(RGB, photometric=32845), "LogLuv"),
    "camera raw": (replace(RGB, photometric=32803), "camera's raw data"),
    "palette of 16 bits": (Kind(3, 16, 1), "palette of 16 bits"),
    "RGB of 12 bits": (Kind(2, 12, 3), "RGB with 3 channels of 12 bits"),
    "64 bits": (Kind(1, 64, 1), "gray of 64 bits"),
    "LERC": (replace(RGB, compression=34887), "LERC"),
    "complex numbers": (Kind(1, 32, 1, 6), "unusual numbers"),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_kinds_are_refused_by_name(name: str) -> None:
    kind, words = OTHER[name]
    detail = refused(tiff(kind, SIZE, lambda *_: 0), Reason.NOT_AN_IMAGE)
    assert detail.startswith("The picture is a TIFF ")
    assert words in detail
    assert "export it as JPEG or PNG, and upload that." in detail


def test_other_inks_than_cmyk_are_refused() -> None:
    source = tiff(Kind(5, 8, 4), SIZE, lambda *_: 0, t332=shorts_or_longs("<", 2))
    assert "inks" in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("compression", [RAW, DEFLATE])
@pytest.mark.parametrize("kind", [Kind(3, 8, 1), Kind(3, 4, 1), Kind(3, 8, 2, extra=(2,)), Kind(3, 8, 2, extra=(1,))])
def test_a_palette_that_is_missing_is_refused_by_name(kind: Kind, compression: int) -> None:
    source = tiff(replace(kind, compression=compression), SIZE, lambda *_: 1)
    assert "whose palette is missing" in refused(source, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("tag", [256, 257, 277, 322, 323])
def test_a_tiff_without_pixels_is_refused_by_name(tag: int) -> None:
    tile = 0 if tag in (256, 257, 277) else 16
    kind = Kind(2, 32, 3, 3, tile=tile)
    detail = refused(tiff(kind, SIZE, lambda *_: 0.5, **{f"t{tag}": shorts_or_longs("<", 0)}), Reason.NOT_AN_IMAGE)
    assert "without pixels" in detail
