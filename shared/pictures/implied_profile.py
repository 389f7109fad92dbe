"""Derives a profile for sources without an ICC profile, from other colour data in them. Pure."""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from shared.pictures import exif, icc

_ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_ADOBE_GAMMA = 563 / 256
_USUAL_GAMMA = 1 / 2.2  # a PNG's gAMA with this value means sRGB
_NEAR = 0.05  # libpng ignores smaller differences of gamma too
_SAME_POINT = 0.01
_GAMMAS = (0.1, 3.0)  # a value outside is a mistake


def stated_profile(image: Image.Image, channels: str) -> bytes | None:
    """Return the profile that a PNG's gAMA and cHRM or a camera's EXIF describe; None for sRGB.

    ``channels`` are those of the file besides alpha: L, RGB or CMYK.
    """
    if isinstance(image, PngImageFile):
        return _png_profile(image, channels)
    if isinstance(image, JpegImageFile) and exif.is_adobe_rgb(image):
        return icc.rgb_profile(icc.SRGB_WHITE, _ADOBE_RGB, _ADOBE_GAMMA)
    return None


def _png_profile(image: PngImageFile, channels: str) -> bytes | None:
    """Do as browsers do: cHRM counts only with gAMA, and neither counts with sRGB or iCCP (PNG 3, 13.13 and 13.14)."""
    gamma, low, high = image.info.get("gamma"), *_GAMMAS
    if not isinstance(gamma, float) or not low <= gamma <= high or {"srgb", "icc_profile"} & set(image.info):
        return None
    points = _points(image.info.get("chromaticity"))
    is_usual = abs(gamma / _USUAL_GAMMA - 1) <= _NEAR
    if channels == "RGB":
        if points and not _are_srgb(points):
            profile = icc.rgb_profile(points[0], points[1:], 1 / gamma)
            if profile:
                return profile
        return None if is_usual else icc.rgb_profile(icc.SRGB_WHITE, icc.SRGB_PRIMARIES, 1 / gamma)
    return None if is_usual else icc.gray_profile(1 / gamma)


def _points(numbers: object) -> list[icc.Point]:
    """Return white, red, green and blue."""
    if not isinstance(numbers, tuple):
        return []
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _are_srgb(points: list[icc.Point]) -> bool:
    usual = (icc.SRGB_WHITE, *icc.SRGB_PRIMARIES)
    pairs = zip(points, usual, strict=True)
    return all(abs(a - b) <= _SAME_POINT for pair in pairs for a, b in zip(*pair, strict=True))
