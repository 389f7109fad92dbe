"""A file that was cut anywhere ends too early, or is rendered whole: it may still be on its way."""

import random
from collections.abc import Callable

import pytest
from PIL import Image, ImageChops

from shared.errors import EndsEarly, Permanent
from shared.pictures.render import render
from tests.support.jpeg_writers import segment
from tests.support.pictures import noise, rendered, saved

WIDTH, HEIGHT = 41, 29
MOST_DIFFERENT = 8  # levels: a JPEG without its end is compressed again


def photograph() -> Image.Image:
    return noise(9, 7).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def indexed() -> Image.Image:
    """Return a picture with a palette in which marks of GIF and JPEG occur by chance."""
    picture = photograph().convert("P", palette=Image.Palette.ADAPTIVE)
    dice = random.Random(11)
    picture.putpalette([dice.choice(b";,!\xff\xd9\x00\x80") for _ in range(768)])
    return picture


def with_thumbnail(**options: bool) -> bytes:
    thumbnail = saved(photograph(), "JPEG")
    picture = saved(photograph(), "JPEG", quality=95, **options)
    return picture[:2] + segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail) + picture[2:]


def with_alpha() -> Image.Image:
    picture = photograph().convert("RGBA")
    picture.putalpha(photograph().convert("L"))
    return picture


KINDS: dict[str, Callable[[], bytes]] = {
    "JPEG with a thumbnail": with_thumbnail,
    "progressive JPEG with a thumbnail": lambda: with_thumbnail(progressive=True),
    "PNG": lambda: saved(photograph(), "PNG"),
    "PNG with alpha": lambda: saved(with_alpha(), "PNG"),
    "WebP": lambda: saved(photograph(), "WEBP"),
    "WebP with metadata": lambda: saved(with_alpha(), "WEBP", xmp=b"x" * 99, icc_profile=bytes(300)),
    "GIF": lambda: saved(indexed(), "GIF", optimize=False),
    "GIF with a comment": lambda: saved(indexed(), "GIF", comment=b"this; that, and more!" * 30),
    "GIF of two frames": lambda: saved(indexed(), "GIF", save_all=True, append_images=[indexed().rotate(90)]),
    "BMP": lambda: saved(photograph(), "BMP"),
    "BMP with a palette": lambda: saved(indexed(), "BMP"),
    "TIFF": lambda: saved(photograph(), "TIFF"),
    "TIFF in LZW": lambda: saved(photograph(), "TIFF", compression="tiff_lzw"),
    "JPEG 2000": lambda: saved(photograph(), "JPEG2000"),
    "JPEG 2000 with alpha": lambda: saved(with_alpha(), "JPEG2000"),
    "JPEG 2000 without boxes": lambda: saved(photograph(), "JPEG2000", no_jp2=True),
    "AVIF": lambda: saved(photograph(), "AVIF"),
    "AVIF with alpha": lambda: saved(with_alpha(), "AVIF"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # the app silences Pillow
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_anywhere_ends_too_early_or_is_whole(kind: str) -> None:
    source = KINDS[kind]()
    whole = rendered(source).convert("RGBA")
    whole_cuts = 0
    for size in sorted({*range(min(len(source), 1200)), *range(1200, len(source), 7), len(source) - 1}):
        try:
            content = rendered(source[:size]).convert("RGBA")
        except EndsEarly:
            continue
        whole_cuts += 1
        assert content.size == whole.size
        different = ImageChops.difference(content, whole).tobytes()
        assert max(different) <= MOST_DIFFERENT, size
    assert whole_cuts < len(source) // 2


def test_an_unreadable_header_is_damage_and_no_early_end() -> None:
    picture = saved(photograph(), "JPEG")
    with pytest.raises(Permanent, match="damaged") as caught:
        render(picture[:20] + b"\xff\xdb\xff\xf0" + picture[24:])
    assert not isinstance(caught.value, EndsEarly)
