"""What is wrong beside the pixels of a WebP or a GIF does not spoil the picture."""

import struct
from typing import Any

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import EndsEarly
from shared.pictures.render import render
from tests.support.mutations import riff_chunks
from tests.support.pictures import difference, oriented, quarters, rendered, saved

EXTRAS: dict[str, Any] = {"icc_profile": adobe_rgb_profile(), "xmp": b"<x:xmpmeta/>"}
KINDS: dict[str, dict[str, Any]] = {"lossless": {}, "lossy": {"lossless": False, "quality": 95}}


def webp(kind: str, **options: Any) -> bytes:
    return saved(quarters(), "WEBP", **{**KINDS[kind], "exif": oriented(1), **EXTRAS, **options})


def with_length(source: bytes, name: bytes, change: int) -> bytes:
    at = source.index(name) + 4
    length = int.from_bytes(source[at : at + 4], "little")
    return source[:at] + struct.pack("<I", max(0, length + change)) + source[at + 4 :]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("change", [-500, -10, -1, 10, 100, 2**30])
@pytest.mark.parametrize("name", [b"ICCP", b"EXIF", b"XMP "])
@pytest.mark.parametrize("kind", KINDS)
def test_a_webp_may_state_wrong_lengths_beside_its_pixels(kind: str, name: bytes, change: int) -> None:
    expected = [rendered(webp(kind)), rendered(webp(kind, icc_profile=None))]
    image = rendered(with_length(webp(kind), name, change))
    assert min(difference(image, picture) for picture in expected) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_webp_may_be_cut_after_its_pixels(kind: str) -> None:
    source = webp(kind)
    pixels_end = source.index(b"EXIF")
    expected = rendered(source)
    for size in range(pixels_end, len(source)):
        assert difference(expected, rendered(source[:size])) == 0, size
    for size in (pixels_end - 2, pixels_end - 20, pixels_end // 2):
        with pytest.raises(EndsEarly):
            render(source[:size])


@pytest.mark.parametrize("size", [0, 10, 2**31])
@pytest.mark.parametrize("kind", KINDS)
def test_a_webp_may_state_a_wrong_length_of_the_file(kind: str, size: int) -> None:
    source = webp(kind)
    wrong = source[:4] + struct.pack("<I", size) + source[8:]
    assert difference(rendered(source), rendered(wrong)) == 0


def test_alpha_that_is_lost_is_not_taken_for_opaque() -> None:
    picture = quarters().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    source = saved(picture, "WEBP", lossless=False)
    parts = riff_chunks(source)
    assert b"ALPH" in [part[:4] for part in parts]
    broken = with_length(with_length(source, b"ALPH", 2**30), b"RIFF", 1)
    with pytest.raises(EndsEarly):
        render(broken)


# --- GIF ---------------------------------------------------------------------------------------------------------

BLOCKS: dict[str, bytes] = {
    "an animation without its count": b"\x21\xff\x0bNETSCAPE2.0\0",
    "a count of one byte": b"\x21\xff\x0bNETSCAPE2.0\x01\x01\0",
    "an application with a short name": b"\x21\xff\x05SHORT\0",
    "a control of two bytes": b"\x21\xf9\x02\0\0\0",
    "an empty control": b"\x21\xf9\0",
    "a control of six bytes": b"\x21\xf9\x06\0\0\0\0\0\0\0",
    "a comment": b"\x21\xfe\x03abc\0",
    "an unknown extension": b"\x21\x99\x02ab\0",
}


def gif(**options: Any) -> bytes:
    return saved(quarters().quantize(8, dither=Image.Dither.NONE), "GIF", **options)


def palette_end(source: bytes) -> int:
    return 13 + 3 * (2 << (source[10] & 7))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_may_have_odd_extensions(interlace: int, block: str) -> None:
    source = gif(interlace=interlace)
    at = palette_end(source)
    assert difference(rendered(source), rendered(source[:at] + BLOCKS[block] + source[at:])) == 0


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_needs_no_trailer(interlace: int) -> None:
    source = gif(interlace=interlace)
    for end in (b"", b"\0", b"junk", b"\x21\xfe\x09abc", b"\x21\xff\x0bNETSCAPE2.0\x03"):
        assert difference(rendered(source), rendered(source[:-1] + end)) == 0


def test_transparency_counts_beside_an_odd_extension() -> None:
    picture = Image.new("P", (60, 60), 0)
    picture.putpalette([255, 0, 255, 60, 60, 60])
    picture.paste(1, (15, 15, 45, 45))
    source = saved(picture, "GIF", transparency=0)
    at = palette_end(source)
    assert difference(rendered(source), rendered(source[:at] + BLOCKS["an empty control"] + source[at:])) == 0


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_whose_first_frame_is_cut_ends_too_early(interlace: int) -> None:
    source = gif(interlace=interlace)
    for size in (palette_end(source), len(source) // 2 + 100, len(source) - 10):
        with pytest.raises(EndsEarly):
            render(source[:size])


def test_an_animation_that_is_cut_later_shows_its_first_frame() -> None:
    source = gif(save_all=True, append_images=[quarters().rotate(180).quantize(8)])
    assert difference(rendered(source), rendered(source[:-20])) == 0
