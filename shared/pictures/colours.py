"""Converts pixels to sRGB: modes, ICC profiles, transparency. Pure."""

from functools import lru_cache
from io import BytesIO
from typing import TypeGuard

from PIL import Image, ImageCms, ImageMath

from shared.errors import Permanent, Reason
from shared.pictures.cmyk import coated_paper_profile
from shared.pictures.diagnosis import EXPORT_AGAIN
from shared.pictures.icc import LARGEST_PROFILE
from shared.pictures.implied_profile import stated_profile
from shared.pictures.rendition import Colour

NEGATIVE = "negative"  # a key of ``Image.info``: True if 0 is white
_PROFILE_HEADER = 128  # bytes
_COLOUR_SPACE, _GRAY = slice(16, 20), b"GRAY"  # a field of that header, and a value of it
_GRAY_AND_ALPHA_OF_16_BITS = "LA;16B"  # which Pillow decodes as RGBA
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_WITHOUT_ALPHA = {"RGBA": "RGB", "RGBa": "RGB", "LA": "L", "La": "L", "PA": "RGB", "P": "RGB"}
_OPAQUE = 255
_DEEP_GRAY = ("I", "F")  # 16 bits and more
_NORMALIZED_MODES = {"1": "L", "P": "RGB", "RGBX": "RGB"}
# A PNG gives its transparent colour in the depth of the file; Pillow's pixels have 8 bits (PNG 3, 11.3.2.1).
_TRANSPARENT_LEVEL_SCALES = {"L;2": 85.0, "L;4": 17.0, "RGB;16B": 1 / 256}


def foreign_profile(image: Image.Image) -> bytes | None:
    """Return the profile to convert ``image`` with; None if its numbers are sRGB, or treated as sRGB.

    Profiles that are broken, far too large or made for other channels are ignored. Only the header must be loaded.
    """
    channels = "L" if _is_gray(image) else _WITHOUT_ALPHA.get(image.mode, image.mode)
    profile = image.info.get("icc_profile") or stated_profile(image, channels)
    if _is_profile(profile) and channels in _PROBES and _is_usable(profile, channels):
        return profile
    return coated_paper_profile() if channels == "CMYK" else None


def _is_gray(image: Image.Image) -> bool:
    """Whether the file has one channel besides alpha, in whatever mode Pillow decodes it."""
    return image.mode == "1" or image.mode.startswith(_DEEP_GRAY) or _raw_mode(image) == _GRAY_AND_ALPHA_OF_16_BITS


def _raw_mode(image: Image.Image) -> str:
    """Return how the pixels of a PNG are stored; unknown once ``image`` is loaded, and in other formats."""
    tiles = getattr(image, "tile", None)
    return str(tiles[0].args) if tiles and image.format == "PNG" else ""


def _is_profile(profile: object) -> TypeGuard[bytes]:
    return isinstance(profile, bytes) and _PROFILE_HEADER <= len(profile) <= LARGEST_PROFILE


@lru_cache(maxsize=4)
def _is_usable(profile: bytes, channels: str) -> bool:
    """Whether the profile opens, fits the channels and changes colours, as the profile of sRGB itself does not."""
    probe = _PROBES[channels]
    try:
        converted = _converted(probe, profile)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    expected = probe.convert("RGB").tobytes()
    return max(abs(a - b) for a, b in zip(converted.tobytes(), expected, strict=True)) > 1


def _probe(channels: str) -> Image.Image:
    levels = (0, 25, 51, 77, 102, 128, 153, 179, 204, 230, 255)
    if channels == "L":
        return Image.frombytes("L", (len(levels), 1), bytes(levels))
    numbers = bytes(level for r in levels for g in levels for b in levels for level in (r, g, b))
    return Image.frombytes("RGB", (len(levels) ** 3, 1), numbers).convert(channels)


_PROBES = {channels: _probe(channels) for channels in ("L", "RGB", "CMYK")}


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    embedded = ImageCms.ImageCmsProfile(BytesIO(profile))
    intent = ImageCms.Intent.PERCEPTUAL
    return ImageCms.buildTransform(embedded, _SRGB, image.mode, "RGB", intent).apply(image)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return ``image`` as RGB or RGBA in sRGB; ``profile`` is the ``foreign_profile`` of its source.

    Accepts L, RGB, CMYK and LAB, and L and RGB with alpha, premultiplied or not. YCbCr, as JPEG and TIFF may be decoded
    without a profile, passes through unconverted, because the JPEG encoder accepts it.
    """
    if image.mode in ("RGBa", "La"):
        image = image.convert("RGBA") if image.mode == "RGBa" else image.convert("LA")
    if not profile:
        return image if image.mode in ("RGB", "YCbCr") else image.convert("RGBA" if _has_alpha(image) else "RGB")
    if not _has_alpha(image):
        return _converted(image, profile)
    channels = "L" if profile[_COLOUR_SPACE] == _GRAY else _WITHOUT_ALPHA[image.mode]
    converted = _converted(image.convert(channels), profile)
    converted.putalpha(image.getchannel("A"))
    return converted


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.mode and image.mode != "LAB"


def normalized(strip: Image.Image, transparent_scale: float | None = None) -> Image.Image:
    """Return ``strip`` as L, RGB, CMYK, LA or RGBA: palettes, bits and transparent colours resolved, 16 bits scaled.

    ``transparent_scale`` is the ``transparent_level_scale`` of the whole image. Any other mode passes through.
    """
    if strip.mode.startswith("I"):
        return _gray_of_16_bits(strip)
    if strip.mode == "F":
        return strip.point(lambda value: value * 255 + 0.5).convert("L")
    if strip.has_transparency_data and strip.mode not in ("RGBA", "LA"):
        _scale_transparent_level(strip, transparent_scale)
        return strip.convert("LA" if strip.mode in ("1", "L") else "RGBA")
    mode = _NORMALIZED_MODES.get(strip.mode, strip.mode)
    return strip.convert(mode) if mode != strip.mode else strip


def transparent_level_scale(image: Image.Image) -> float | None:
    """Return the factor from a PNG's transparent colour to the levels of its decoded pixels; None if they are the same.

    Must be called before ``image`` is loaded: Pillow then forgets the depth of the file.
    """
    return _TRANSPARENT_LEVEL_SCALES.get(_raw_mode(image))


def is_negative(image: Image.Image) -> bool:
    """Whether 0 is white in the decoded pixels, as in a TIFF of more than 8 bits, which Pillow does not invert."""
    return image.info.get(NEGATIVE) is True


def _scale_transparent_level(strip: Image.Image, scale: float | None) -> None:
    transparent = strip.info.get("transparency")
    if scale and isinstance(transparent, int):
        strip.info["transparency"] = int(transparent * scale)
    elif scale and isinstance(transparent, tuple):
        strip.info["transparency"] = tuple(int(level * scale) for level in transparent)


def _gray_of_16_bits(strip: Image.Image) -> Image.Image:
    """Scale to 8 bits: convert() alone would clip at 255."""
    levels = strip.convert("I")
    gray = levels.point(lambda value: value / 257 + 0.5).convert("L")
    transparent = strip.info.get("transparency")
    if not isinstance(transparent, int):
        return gray
    opaque = ImageMath.lambda_eval(lambda a: a["notequal"](a["levels"], transparent) * 255, levels=levels)
    return Image.merge("LA", (gray, opaque.convert("L")))


class Flattening:
    """Puts a picture, or its strips, on ``background``, and notices whether anything of it shows."""

    def __init__(self, background: Colour) -> None:
        self._background = background
        self._highest_alpha: int | None = None  # None before the first strip

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return ``image`` on the background; without an alpha channel it is returned as it is."""
        if image.mode not in ("RGBA", "LA"):
            self._highest_alpha = _OPAQUE
            return image
        alpha = image.getchannel("A")
        low, high = alpha.getextrema()
        self._highest_alpha = max(self._highest_alpha or 0, high)  # type: ignore[assignment] # of one channel
        if low == _OPAQUE:
            return image.convert("RGB")
        flat = Image.new("RGB", image.size, self._background)
        flat.paste(image if image.mode == "RGBA" else image.convert("RGB"), mask=alpha)
        return flat

    def check_visible(self) -> None:
        """Raise ``not_an_image`` if everything so far was completely transparent: the result would be blank."""
        if self._highest_alpha == 0:
            problem = "The picture is completely transparent, or the first of its frames is"
            raise Permanent(Reason.NOT_AN_IMAGE, f"{problem}; {EXPORT_AGAIN}")
