"""Makes profiles of wide gamuts and a chart that fills them; littleCMS converts it to sRGB as a reference."""

import struct
from io import BytesIO

from PIL import Image, ImageCms

from shared.pictures import icc
from tests.support.ciede2000 import Lab, ciede2000

Colorants = tuple[icc.Vector, icc.Vector, icc.Vector]
# As published in their makers' profiles: red, green and blue in XYZ with D50 as white.
DISPLAY_P3: Colorants = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB: Colorants = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO: Colorants = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))


def curve(gamma: float | None) -> bytes:
    """Return ``gamma`` as a tag, or by default sRGB's own curve."""
    if gamma:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *(round(65535 * light(i / 1023)) for i in range(1024)))


def light(number: float) -> float:
    """Return the light for a number in sRGB; both from 0 to 1 (IEC 61966-2-1)."""
    return number / 12.92 if number <= 0.04045 else ((number + 0.055) / 1.055) ** 2.4


def profile_of(colorants: Colorants, gamma: float | None) -> bytes:
    tags = {name: icc.xyz(c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma))
    return icc.profile(b"mntr", b"RGB ", b"XYZ ", tags | curves)


PROFILES = {
    "Display P3": profile_of(DISPLAY_P3, None),
    "Adobe RGB": profile_of(ADOBE_RGB, 563 / 256),
    "ProPhoto RGB": profile_of(PROPHOTO, 1.8),
}


def chart(width: int, height: int) -> Image.Image:
    """Return all hues from left to right, from white at the top through pure colours to black, and grays below."""
    hue = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    full = Image.merge("HSV", (hue, down.point(lambda v: min(255, 2 * v)), down.point(lambda v: min(255, 510 - 2 * v))))
    picture = full.convert("RGB")
    picture.paste(hue.convert("RGB").resize((width, height // 8)), (0, height - height // 8))
    return picture


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the full ``picture`` in sRGB as littleCMS converts it."""
    if profile is None:
        return picture.convert("RGB")
    source, target = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    result = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    assert result is not None
    return result


def mean_difference(expected: Image.Image, actual: Image.Image) -> float:
    """Return the mean CIEDE2000 of two pictures in sRGB."""
    assert expected.size == actual.size
    pairs = list(zip(_labs(expected), _labs(actual), strict=True))
    return sum(ciede2000(first, second) for first, second in pairs) / len(pairs)


def _labs(picture: Image.Image) -> list[Lab]:
    data = picture.convert("RGB").tobytes()
    return [_lab(data[at : at + 3]) for at in range(0, len(data), 3)]


def _lab(pixel: bytes) -> Lab:
    """Convert by CIE 15, with the white of sRGB."""
    r, g, b = (light(level / 255) for level in pixel)
    x = 0.4124 * r + 0.3576 * g + 0.1805 * b
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = 0.0193 * r + 0.1192 * g + 0.9505 * b
    parts = (x / 0.9505, y, z / 1.089)
    fx, fy, fz = (t ** (1 / 3) if t > 216 / 24389 else t * 841 / 108 + 4 / 29 for t in parts)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
