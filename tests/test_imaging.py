"""Any photograph becomes a picture fit for Business Central, and any other bytes a reason; nothing else happens."""

import random
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageChops, ImageFile, ImageStat, TiffTags
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from devstack.drawing.encodings import adobe_rgb_profile, wide_gamut
from shared.errors import Permanent, Reason
from shared.imaging import Picture, Rendition, render
from shared.sources import SourceLimits

Colour = tuple[int, int, int]
RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 160, 60), (40, 60, 200), (230, 210, 40)
BACKGROUND = (10, 200, 30)
ICC_TAG = 34675  # of TIFF
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")


def quarters(width: int = 64, height: int = 32) -> Image.Image:
    """Return a picture in which no corner is like another, with its edges where a JPEG's blocks meet."""
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
    }
    file = BytesIO()
    image.save(file, kind, **{**exact.get(kind, {}), **options})
    return file.getvalue()


def opened(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.content))
    assert (image.format, image.mode, picture.content_type) == ("JPEG", "RGB", "image/jpeg")
    assert image.size == (picture.width, picture.height)
    image.load()
    return image


def shown(source: bytes, **rendition: Any) -> Image.Image:
    """Return what Business Central would show, with as little loss as possible."""
    return opened(render(source, Rendition(**{"quality": 95, "background": BACKGROUND, **rendition})))


def refused(source: bytes, reason: Reason, limits: SourceLimits | None = None, **rendition: Any) -> str:
    with pytest.raises(Permanent) as failure:
        render(source, Rendition(**rendition), limits or SourceLimits())
    assert reason is failure.value.reason
    return failure.value.detail


def colour_at(image: Image.Image, x: int, y: int) -> Any:
    return image.getpixel((x, y))


def assert_near(expected: Colour, found: Any, tolerance: int = 6) -> None:
    assert max(abs(a - b) for a, b in zip(expected, found, strict=True)) <= tolerance, f"{expected} {found}"


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


# --- upright -----------------------------------------------------------------------------------------------------

# Where the first row and the first column of the file are seen (EXIF 2.32, table 6).
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Return the pixels as a camera stores them, one by one from the definition."""
    first_row, first_column = ORIENTATIONS[orientation]
    sideways = first_row in ("left", "right")
    turned = Image.new("RGB", upright.size[::-1] if sideways else upright.size)
    for row in range(turned.height):
        for column in range(turned.width):
            x, y = (row, column) if sideways else (column, row)
            x = upright.width - 1 - x if "right" in (first_row, first_column) else x
            y = upright.height - 1 - y if "bottom" in (first_row, first_column) else y
            turned.putpixel((column, row), colour_at(upright, x, y))
    return turned


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    source = saved(stored(quarters(), orientation), kind, exif=oriented(orientation))
    assert difference(quarters(), shown(source)) < 6


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_a_reduced_photograph_is_upright_too(orientation: int) -> None:
    lying = stored(quarters(), orientation)
    source = saved(lying.resize((lying.width * 30, lying.height * 30), 0), "JPEG", exif=oriented(orientation))
    assert difference(quarters(), shown(source, max_side=64)) < 6


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_changes_nothing(orientation: int) -> None:
    assert difference(quarters(), shown(saved(quarters(), "JPEG", exif=oriented(orientation)))) < 6


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"]
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remark on a damaged block
def test_a_broken_exif_block_leaves_the_picture_as_it_lies(exif: bytes) -> None:
    assert difference(quarters(), shown(saved(quarters(), "JPEG", exif=exif))) < 6


# --- size --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 1500), st.integers(1, 1500), st.integers(64, 400), st.sampled_from(["JPEG", "PNG"]))
@example(1, 5000, 64, "JPEG")
@example(5000, 1, 64, "JPEG")
@example(3, 30_000, 1024, "JPEG")
@example(1, 65_000, 1024, "PNG")
@example(1, 1, 64, "PNG")
@settings(max_examples=60, deadline=None)
def test_a_picture_fits_inside_keeps_its_shape_and_is_never_enlarged(
    width: int, height: int, max_side: int, kind: str
) -> None:
    source = saved(Image.new("L", (width, height), 90), kind)
    picture = render(source, Rendition(max_side=max_side))
    scale = min(1, max_side / max(width, height))
    assert max(picture.width, picture.height) == min(max_side, max(width, height))
    assert abs(picture.width - width * scale) <= 1
    assert abs(picture.height - height * scale) <= 1
    assert min(picture.width, picture.height) >= 1


def test_a_photograph_is_resampled_cleanly() -> None:
    stripes = Image.new("L", (2000, 2000))
    for x in range(0, 2000, 2):
        stripes.paste(255, (x, 0, x + 1, 2000))
    low, high = shown(saved(stripes, "PNG"), max_side=500).convert("L").getextrema()
    assert 110 < low <= high < 145, "fine stripes become gray, not a pattern"


# --- no metadata -------------------------------------------------------------------------------------------------


def talkative(kind: str) -> bytes:
    exif = oriented(1)
    exif[ExifTags.Base.Make] = "SECRETMAKER"
    if kind != "TIFF":  # Pillow writes no GPS block there
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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_metadata_comes_out(kind: str) -> None:
    source = talkative(kind)
    assert b"SECRET" in source
    content = render(source).content
    for trace in (b"SECRET", b"Exif", b"xmp", b"ICC_PROFILE", b"Adobe RGB", b"Photoshop", b"\xff\xfe"):
        assert trace not in content
    image = Image.open(BytesIO(content))
    assert dict(image.getexif()) == {}
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_a_comment_stays_behind_where_nothing_else_has_to_change(kind: str) -> None:
    source = saved(quarters(), kind, comment=b"SECRETCOMMENT")
    assert b"SECRETCOMMENT" in source
    assert b"SECRETCOMMENT" not in render(source).content


# --- flattened ---------------------------------------------------------------------------------------------------


def on_nothing(mode: str) -> Image.Image:
    """Return a solid square in the middle of nothing."""
    picture = Image.new(mode, (60, 60), 0)
    picture.paste((60, 60, 60, 255) if mode == "RGBA" else (60, 255), (15, 15, 45, 45))
    return picture


def keyed(mode: str, clear: Any, solid: Any, kind: str = "PNG") -> bytes:
    """Return a picture in which one colour stands for nothing."""
    picture = Image.new(mode, (60, 60), clear)
    if mode == "P":
        picture.putpalette([255, 0, 255, 60, 60, 60])
    picture.paste(solid, (15, 15, 45, 45))
    return saved(picture, kind, transparency=clear)


TRANSPARENT = {
    "RGBA PNG": (saved(on_nothing("RGBA"), "PNG"), 60),
    "RGBA WebP": (saved(on_nothing("RGBA"), "WEBP"), 60),
    "RGBA TIFF": (saved(on_nothing("RGBA"), "TIFF"), 60),
    "LA PNG": (saved(on_nothing("LA"), "PNG"), 60),
    "palette PNG": (keyed("P", 0, 1), 60),
    "palette GIF": (keyed("P", 0, 1, "GIF"), 60),
    "keyed RGB PNG": (keyed("RGB", (255, 0, 255), (60, 60, 60)), 60),
    "keyed gray PNG": (keyed("L", 255, 60), 60),
    "keyed 1-bit PNG": (keyed("1", 1, 0), 0),
}


@pytest.mark.parametrize("case", TRANSPARENT)
def test_what_is_transparent_shows_the_background(case: str) -> None:
    source, solid = TRANSPARENT[case]
    image = shown(source)
    assert_near(BACKGROUND, colour_at(image, 4, 4))
    assert_near((solid, solid, solid), colour_at(image, 30, 30))


def test_the_background_is_white_unless_set() -> None:
    assert_near((255, 255, 255), colour_at(opened(render(TRANSPARENT["RGBA PNG"][0])), 4, 4))


def test_half_transparent_is_half_background() -> None:
    image = shown(saved(Image.new("RGBA", (40, 40), (0, 0, 0, 128)), "PNG"), background=(200, 100, 50))
    assert_near((100, 50, 25), colour_at(image, 20, 20), 3)


def test_no_dark_rim_is_left_where_transparent_pixels_were_black() -> None:
    picture = Image.new("RGBA", (1001, 1001), (0, 0, 0, 0))
    picture.paste((255, 255, 255, 255), (251, 251, 751, 751))
    low, _ = shown(saved(picture, "PNG"), max_side=100, background=(255, 255, 255)).convert("L").getextrema()
    assert low > 245


# --- colours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "kind"), [("I;16", "PNG"), ("I;16", "TIFF"), ("I;16B", "TIFF")])
def test_16_bit_gray_is_scaled_not_clipped(mode: str, kind: str) -> None:
    levels = [x * 65535 // 255 for x in range(256)]
    rows = struct.pack(f"{'>' if mode.endswith('B') else '<'}256H", *levels) * 16
    image = shown(saved(Image.frombytes(mode, (256, 16), rows), kind))
    for x in (0, 20, 128, 200, 255):
        assert_near((x, x, x), colour_at(image, x, 8), 4)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_a_gray_is_the_same_gray_in_every_mode(mode: str) -> None:
    gray = 255 if mode == "1" else 150
    source = Image.new("RGB", (32, 32), (gray,) * 3).convert(mode, palette=Image.Palette.ADAPTIVE)
    image = shown(saved(source, "TIFF"))
    assert_near((gray,) * 3, colour_at(image, 16, 16), 3)


def without_adobe(jpeg: bytes) -> bytes:
    """Return ``jpeg`` without the segment that says how its inks are to be read."""
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4]) :]


@pytest.mark.parametrize(
    ("inks", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        # As printers know these inks on a screen: #1D1D1B, #009FE3, #E6007E, #FFED00, #E30613.
        ((0, 0, 0, 255), (29, 29, 27)),
        ((255, 0, 0, 0), (0, 159, 227)),
        ((0, 255, 0, 0), (230, 0, 126)),
        ((0, 0, 255, 0), (255, 237, 0)),
        ((0, 255, 255, 0), (227, 6, 19)),
    ],
)
def test_inks_become_the_colour_they_print(inks: tuple[int, ...], colour: Colour) -> None:
    source = saved(Image.new("CMYK", (32, 32), inks), "JPEG")
    assert "adobe" in Image.open(BytesIO(source)).info
    assert "adobe" not in Image.open(BytesIO(without_adobe(source))).info
    for jpeg in (source, without_adobe(source)):
        assert_near(colour, colour_at(shown(jpeg), 16, 16), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_embedded_profile_is_honoured(kind: str) -> None:
    numbers, profile = wide_gamut(quarters())
    assert difference(numbers, quarters()) > 8, "without the profile it would look dull"
    assert difference(quarters(), shown(saved(numbers, kind, icc_profile=profile))) < 6


def test_a_profile_leaves_transparency_alone() -> None:
    numbers, profile = wide_gamut(quarters())
    numbers.putalpha(Image.linear_gradient("L").resize(numbers.size).point(lambda v: 255 * (v > 127)))
    image = shown(saved(numbers, "PNG", icc_profile=profile))
    assert_near(BACKGROUND, colour_at(image, 4, 3))
    assert_near(YELLOW, colour_at(image, 56, 28), 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("profile", [b"no profile", adobe_rgb_profile()[:200], bytes(4000)])
def test_a_broken_profile_leaves_the_numbers_as_they_are(profile: bytes, kind: str) -> None:
    assert difference(quarters(), shown(saved(quarters(), kind, icc_profile=profile))) < 6


def test_a_profile_of_the_wrong_type_leaves_the_numbers_as_they_are() -> None:
    tags = ImageFileDirectory_v2()
    tags[ICC_TAG] = "no profile"
    tags.tagtype[ICC_TAG] = TiffTags.ASCII
    source = saved(quarters(), "TIFF", tiffinfo=tags)
    assert isinstance(Image.open(BytesIO(source)).info["icc_profile"], str)
    assert difference(quarters(), shown(source)) < 6


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_profile_of_other_channels_is_left_out(mode: str) -> None:
    source = saved(
        Image.new("RGB", (32, 32), (150,) * 3).convert(mode), "TIFF", icc_profile=adobe_rgb_profile()
    )
    assert_near((150,) * 3, colour_at(shown(source), 16, 16), 3)


# --- bytes -------------------------------------------------------------------------------------------------------


def test_the_quality_is_the_one_that_was_asked_for_where_it_fits() -> None:
    for quality in (50, 85, 95):
        picture = render(saved(quarters(), "PNG"), Rendition(quality=quality))
        asked = Image.open(BytesIO(saved(quarters(), "JPEG", quality=quality))).quantization
        assert asked == Image.open(BytesIO(picture.content)).quantization


def test_first_the_quality_goes_down_then_the_size() -> None:
    source = saved(noise(600, 400), "PNG")
    at = {
        quality: len(saved(noise(600, 400), "JPEG", quality=quality, subsampling=-1))
        for quality in (38, 60, 85)
    }
    lower = render(source, Rendition(max_bytes=at[60]))
    assert len(lower.content) <= at[60]
    assert (lower.width, lower.height) == (600, 400)
    smaller = render(source, Rendition(max_bytes=at[38] * 2 // 3))
    assert len(smaller.content) <= at[38] * 2 // 3
    assert 256 <= smaller.width < 600
    assert abs(smaller.height - smaller.width * 2 / 3) <= 1


def test_what_does_not_fit_at_the_floor_is_too_large() -> None:
    assert "4,096 bytes" in refused(saved(noise(600, 400), "PNG"), Reason.TOO_LARGE, max_bytes=4096)


def test_the_same_source_always_gives_the_same_bytes() -> None:
    assert render(talkative("JPEG")) == render(talkative("JPEG"))


# --- limits, before anything is decoded --------------------------------------------------------------------------


def png_header(width: int, height: int, depth: int = 8, colours: int = 2) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def jpeg_that_claims(width: int, height: int) -> bytes:
    jpeg = bytearray(saved(quarters(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


GIF_HEADER = b"GIF89a" + struct.pack("<HHBBB", 20000, 20000, 0, 0, 0)
HUGE = {
    "PNG header": png_header(20000, 20000) + b"\0\0\0\0IDAT",
    "PNG of one bit": png_header(12000, 9000, 1, 0) + b"\0\0\0\0IDAT",
    "GIF header": GIF_HEADER + b"," + struct.pack("<HHHHB", 0, 0, 9, 9, 0) + b"\2",
    "GIF with a huge frame": b"GIF89a\1\0\1\0\0\0\0,"
    + struct.pack("<HHHHB", 0, 0, 20000, 20000, 0)
    + b"\2\0;",
    "JPEG": jpeg_that_claims(65500, 65500),
    "whole PNG": saved(Image.new("1", (12000, 9000)), "PNG"),
}


@pytest.mark.parametrize("case", HUGE)
def test_too_many_pixels_are_refused_by_the_header_alone(case: str) -> None:
    assert "pixels" in refused(HUGE[case], Reason.TOO_LARGE)


def test_the_pixel_limit_itself_is_allowed() -> None:
    source = saved(quarters(), "PNG")
    assert render(source, limits=SourceLimits(max_pixels=64 * 32)).width == 64
    assert "64 × 32" in refused(source, Reason.TOO_LARGE, SourceLimits(max_pixels=64 * 32 - 1))


def test_the_byte_limit_is_checked_before_anything_is_looked_at() -> None:
    source = saved(quarters(), "PNG")
    assert render(source, limits=SourceLimits(max_bytes=len(source)))
    assert "1,001 bytes" in refused(bytes(1001), Reason.TOO_LARGE, SourceLimits(max_bytes=1000))


# --- what is no picture ------------------------------------------------------------------------------------------

OTHERS = {
    "text": b"Dear all, please find the picture attached.",
    "HTML": b"<!doctype html><html><body>404</body></html>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "zeros": bytes(500),
    "PPM": saved(quarters(), "PPM"),
    "TGA": saved(quarters(), "TGA"),
    "ICO": saved(quarters(), "ICO"),
    "JPEG marker": b"\xff\xd8\xff",
    "PNG header": png_header(9, 9),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_files_are_no_image(case: str) -> None:
    refused(OTHERS[case], Reason.NOT_AN_IMAGE)


def test_an_empty_file_is_called_empty() -> None:
    assert "empty" in refused(b"", Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", FORMATS)
def test_half_a_file_is_no_image(kind: str) -> None:
    source = saved(noise(64, 64), kind)
    assert "again" in refused(source[: len(source) // 2], Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_of_several_frames_the_first_is_shown(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE, GREEN)]
    source = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert getattr(Image.open(BytesIO(source)), "n_frames", 1) == 3
    assert_near(RED, colour_at(shown(source), 16, 16))


# --- damage ------------------------------------------------------------------------------------------------------

SEEDS = [
    *(saved(quarters(), kind) for kind in FORMATS),
    *(talkative(kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")),
    saved(quarters(), "JPEG", progressive=True),
    saved(quarters().convert("CMYK"), "JPEG"),
    saved(quarters().convert("I;16"), "PNG"),
    saved(quarters(), "TIFF", compression="tiff_adobe_deflate"),
    saved(quarters(), "MPO", save_all=True, append_images=[quarters()]),
    keyed("P", 0, 1),
    keyed("P", 0, 1, "GIF"),
]
FRACTION = st.floats(0, 1, exclude_max=True)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on damaged metadata
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.one_of(FRACTION, st.floats(0, 0.2)), st.integers(1, 255)), max_size=12),
    st.one_of(st.just(1.0), FRACTION),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_damage_gives_a_picture_or_a_reason(seed: bytes, flips: list[tuple[float, int]], kept: float) -> None:
    damaged = bytearray(seed)
    for where, bits in flips:
        damaged[int(where * len(seed))] ^= bits
    found: Picture | Permanent
    try:
        found = render(bytes(damaged[: int(kept * len(seed))]), limits=SourceLimits(max_pixels=4_000_000))
    except Permanent as failure:
        found = failure
    if isinstance(found, Picture):
        opened(found)
    else:
        assert found.reason in (Reason.NOT_AN_IMAGE, Reason.TOO_LARGE)
        assert found.detail


def test_pillows_global_limits_stay_as_they_are() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    render(saved(quarters(), "PNG"), limits=SourceLimits(max_pixels=4000))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (89_478_485, False)
