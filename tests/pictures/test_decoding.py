"""The first frame of an animation is rendered as a viewer shows it at the start."""

import struct
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.support.pictures import BACKGROUND, BLUE, GREEN, RED, assert_near, colour_at, rendered, saved

CANVAS = (48, 32)
AT = (16, 8)
SMALL = (16, 16)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO"])
def test_the_first_of_several_frames_is_rendered(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE, GREEN)]
    source = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert getattr(Image.open(BytesIO(source)), "n_frames", 1) == 3
    assert_near(RED, colour_at(rendered(source), 16, 16))


def test_the_default_image_of_an_apng_is_rendered() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE, GREEN)]
    source = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
    assert_near(RED, colour_at(rendered(source), 16, 16))


def small_frame(mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", SMALL, RED).convert(mode, palette=Image.Palette.ADAPTIVE)


def gif(mode: str, **options: Any) -> bytes:
    """Return a GIF whose only frame covers part of the canvas."""
    content = bytearray(saved(small_frame(mode), "GIF", interlace=0, **options))
    content[6:10] = struct.pack("<HH", *CANVAS)
    descriptor = content.index(b"," + struct.pack("<HHHH", 0, 0, *SMALL))
    content[descriptor + 1 : descriptor + 5] = struct.pack("<HH", *AT)
    return bytes(content)


def webp(*, alpha: bool) -> bytes:
    """Return an animated WebP whose first frame covers part of the canvas."""
    frames = []
    for colour, (x, y), (width, height) in ((RED, AT, SMALL), (BLUE, (0, 0), CANVAS)):
        picture = saved(Image.new("RGB", (width, height), colour), "WEBP")[12:]
        place = b"".join(n.to_bytes(3, "little") for n in (x // 2, y // 2, width - 1, height - 1, 100))
        frames.append(_riff(b"ANMF", place + b"\0" + picture))
    size = b"".join((side - 1).to_bytes(3, "little") for side in CANVAS)
    flags = 0x02 | 0x10 * alpha
    parts = [_riff(b"VP8X", bytes((flags, 0, 0, 0)) + size), _riff(b"ANIM", bytes(6)), *frames]
    return _riff(b"RIFF", b"WEBP" + b"".join(parts))


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


PARTIAL = {
    "GIF": gif("P"),
    "GIF, gray": gif("L"),
    "GIF with a transparent colour": gif("P", transparency=200),
    "WebP": webp(alpha=False),
    "WebP with alpha": webp(alpha=True),
}


@pytest.mark.parametrize("case", PARTIAL)
def test_the_background_shows_around_a_small_first_frame(case: str) -> None:
    image = rendered(PARTIAL[case])
    assert image.size == CANVAS
    for corner in ((4, 4), (44, 4), (24, 28)):
        assert_near(BACKGROUND, colour_at(image, *corner))
    frame = RED if case != "GIF, gray" else (small_frame("L").getpixel((0, 0)),) * 3
    assert_near(frame, colour_at(image, 24, 16))


@pytest.mark.parametrize("case", PARTIAL)
def test_the_background_shows_around_a_reduced_frame_too(case: str) -> None:
    image = rendered(PARTIAL[case], max_side=24)
    assert_near(BACKGROUND, colour_at(image, 2, 2))
    frame = RED if case != "GIF, gray" else (small_frame("L").getpixel((0, 0)),) * 3
    assert_near(frame, colour_at(image, 12, 8), 12)
