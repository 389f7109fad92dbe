"""Draws, encodes and compares pictures for tests."""

import random
from io import BytesIO
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageStat
from PIL.PngImagePlugin import PngInfo

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import Permanent, Reason
from shared.pictures.render import Picture, render
from shared.pictures.rendition import Rendition, SourceLimits

Colour = tuple[int, int, int]
RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 60), (40, 60, 200), (230, 210, 40)
BACKGROUND = (10, 200, 30)


def quarters(width: int = 64, height: int = 32) -> Image.Image:
    """Return a picture with four different corners, whose edges lie where a JPEG's blocks meet."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(YELLOW, (width // 2, height // 2, width, height))
    return picture


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    exact: dict[str, Any] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True, "exact": True},
        "AVIF": {"quality": 95, "speed": 10, "subsampling": "4:4:4"},
    }
    file = BytesIO()
    image.save(file, kind, **{**exact.get(kind, {}), **options})
    return file.getvalue()


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def with_transparent_colour(mode: str, clear: Any, solid: Any, kind: str = "PNG") -> bytes:
    """Return a picture in which one colour stands for transparency."""
    picture = Image.new(mode, (60, 60), clear)
    if mode == "P":
        picture.putpalette([255, 0, 255, 60, 60, 60])
    picture.paste(solid, (15, 15, 45, 45))
    return saved(picture, kind, transparency=clear)


def with_metadata(kind: str) -> bytes:
    """Return a picture with all the metadata that people would not want to publish."""
    exif = oriented(1)
    exif[ExifTags.Base.Make] = "SECRETMAKER"
    if kind != "TIFF":  # Pillow writes no GPS block to it
        exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (55.0, 40.0, 34.0), 29: "SECRETDATE"}
    options: dict[str, Any] = {"exif": exif, "icc_profile": adobe_rgb_profile(), "dpi": (301, 301)}
    if kind == "PNG":
        info = PngInfo()
        info.add_text("Comment", "SECRETCOMMENT")
        info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>SECRETXMP</x:xmpmeta>")
        options["pnginfo"] = info
    else:
        options |= {"comment": b"SECRETCOMMENT", "xmp": b"<x:xmpmeta>SECRETXMP</x:xmpmeta>"}
    return saved(quarters(), kind, **options)


def decoded(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.content))
    assert (image.format, image.mode, picture.content_type) == ("JPEG", "RGB", "image/jpeg")
    assert image.size == (picture.width, picture.height)
    image.load()
    return image


def rendered(source: bytes, **rendition: Any) -> Image.Image:
    """Return ``source`` as Business Central would show it, with as little loss as possible."""
    return decoded(render(source, Rendition(**{"quality": 95, "background": BACKGROUND, **rendition})))


def refused(source: bytes, reason: Reason, limits: SourceLimits | None = None, **rendition: Any) -> str:
    with pytest.raises(Permanent) as failure:
        render(source, Rendition(**rendition), limits or SourceLimits())
    assert reason is failure.value.reason
    return failure.value.detail


def colour_at(image: Image.Image, x: int, y: int) -> Any:
    return image.getpixel((x, y))


def assert_near(expected: Colour, actual: Any, tolerance: int = 6) -> None:
    assert max(abs(a - b) for a, b in zip(expected, actual, strict=True)) <= tolerance, f"{expected} {actual}"


def difference(first: Image.Image, second: Image.Image) -> float:
    assert first.size == second.size
    return max(ImageStat.Stat(ImageChops.difference(first.convert("RGB"), second.convert("RGB"))).mean)
