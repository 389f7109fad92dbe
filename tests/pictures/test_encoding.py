"""Pictures are brought within the byte limit at little loss; finished ones stay unchanged."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import Permanent, Reason
from shared.pictures.encoding import QUALITY_FLOOR, SIDE_FLOOR, jpeg_within
from shared.pictures.render import render
from shared.pictures.rendition import Rendition
from tests.support.pictures import noise, quarters, saved


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    return saved(image or quarters(), "JPEG", **{"quality": 85, "subsampling": 2, **options})


def with_segment(marker: int, content: bytes) -> bytes:
    """Return a finished JPEG with one more segment at its beginning."""
    source = jpeg()
    return source[:2] + bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content + source[2:]


@pytest.mark.parametrize("options", [{}, {"quality": 40}, {"subsampling": 0}, {"progressive": True}])
def test_a_finished_jpeg_passes_byte_for_byte(options: dict[str, Any]) -> None:
    source = jpeg(**options)
    picture = render(source)
    assert (picture.content, picture.quality) == (source, None)
    assert (picture.width, picture.height, picture.content_type) == (64, 32, "image/jpeg")


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = 1
    return tags


UNFINISHED = {
    "EXIF": jpeg(exif=exif()),
    "a profile": jpeg(icc_profile=adobe_rgb_profile()),
    "XMP": jpeg(xmp=b"<x:xmpmeta/>"),
    "a comment": jpeg(comment=b"who took it"),
    "an unknown segment": with_segment(0xEA, b"maker notes"),
    "a thumbnail": with_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\1abc"),
    "padding before a segment": jpeg()[:2] + b"\xff" + jpeg()[2:],
    "bytes after its end": jpeg() + b"a second file",
    "a hidden second picture": jpeg() + jpeg(),
    "one channel": jpeg(quarters().convert("L")),
    "four channels": jpeg(quarters().convert("CMYK")),
    "RGB coding": saved(quarters(), "JPEG", keep_rgb=True, subsampling=0),
    "too many pixels": jpeg(quarters(1025, 20)),
}


@pytest.mark.parametrize("case", UNFINISHED)
def test_a_jpeg_with_more_than_its_pixels_is_re_encoded(case: str) -> None:
    picture = render(UNFINISHED[case])
    assert picture.quality == 85
    assert picture.content != UNFINISHED[case]
    assert render(picture.content).content == picture.content, "and the result is finished"


def test_a_jpeg_of_too_many_bytes_is_re_encoded() -> None:
    source = jpeg(noise(200, 200), quality=95)
    picture = render(source, Rendition(max_bytes=len(source) - 1))
    assert picture.quality is not None
    assert len(picture.content) < len(source)


def test_with_pad_only_a_square_is_finished() -> None:
    pad = Rendition(fit="pad")
    assert render(jpeg(quarters(40, 40)), pad).quality is None
    assert render(jpeg(quarters(40, 24)), pad).quality == 85


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_finished_jpeg_is_not_an_image(part: float) -> None:
    complete = jpeg(noise(100, 100))
    with pytest.raises(Permanent, match="ends too early") as failure:
        render(complete[: int(part * len(complete))])
    assert failure.value.reason is Reason.NOT_AN_IMAGE


def length_at(image: Image.Image, quality: int) -> int:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True)
    return file.tell()


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 40_000), st.integers(1, 100))
@settings(max_examples=150, deadline=None)
def test_every_byte_limit_gets_about_the_best_quality(width: int, height: int, max_bytes: int, quality: int) -> None:
    image = noise(width, height)
    encoded = jpeg_within(max_bytes, image, quality)
    if encoded is None:
        smallest = image.copy()
        smallest.thumbnail((SIDE_FLOOR, SIDE_FLOOR), Image.Resampling.LANCZOS)
        assert length_at(smallest, min(quality, QUALITY_FLOOR)) > 0.95 * max_bytes
        return
    assert len(encoded.content) <= max_bytes
    assert encoded.quality <= quality
    if (encoded.width, encoded.height) != (width, height):
        assert encoded.quality == min(quality, QUALITY_FLOOR), "the size goes down last"
        assert max(encoded.width, encoded.height) >= min(SIDE_FLOOR, max(width, height))
    elif encoded.quality < quality:
        nearly_full = len(encoded.content) >= 0.92 * max_bytes
        assert nearly_full or length_at(image, encoded.quality + 1) > max_bytes


@pytest.mark.parametrize(("width", "height"), [(90, 30), (30, 90), (31, 90), (60, 60), (1, 300)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pad_centres_the_picture_in_a_square(width: int, height: int, kind: str) -> None:
    background = (10, 200, 30)
    source = saved(Image.new("RGB", (width, height), (200, 30, 30)), kind)
    content = render(source, Rendition(fit="pad", background=background, quality=95)).content
    square = Image.open(BytesIO(content)).convert("RGB")
    side = max(width, height)
    assert square.size == (side, side)
    centre: Any = square.getpixel((side // 2, side // 2))
    if min(width, height) > 8:
        assert max(abs(a - b) for a, b in zip(centre, (200, 30, 30), strict=True)) < 8
    if width != height:
        corner: Any = square.getpixel((0, 0))
        assert max(abs(a - b) for a, b in zip(corner, background, strict=True)) < 8
