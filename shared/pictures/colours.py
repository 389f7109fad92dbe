"""From the colours that a source's numbers mean to sRGB: modes, ICC profiles, transparency. Pure."""

from functools import lru_cache
from io import BytesIO
from typing import TypeGuard

from PIL import Image, ImageCms, ImageMath
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from shared.pictures.cmyk import coated_paper_profile
from shared.pictures.implied_profile import stated_profile
from shared.pictures.rendition import Colour

# The largest profiles of printing presses have 3 MB; a larger one is no profile but a way to keep us busy.
_LARGEST_PROFILE = 4 * 1024 * 1024
_PROFILE_HEADER = 128  # bytes
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_WITHOUT_ALPHA = {"RGBA": "RGB", "RGBa": "RGB", "LA": "L", "La": "L", "PA": "RGB", "P": "RGB"}
_DEEP_GRAY = ("I", "F")  # 16 bits and more
_RESOLVED = {"1": "L", "P": "RGB", "RGBX": "RGB"}
# PNG's transparent colour is given in the depth of the file, Pillow's pixels have 8 bits (PNG 3, 11.3.2.1).
_SCALED_KEY = {"L;2": 85.0, "L;4": 17.0, "RGB;16B": 1 / 256}


def foreign_profile(image: Image.Image) -> bytes | None:
    """Return the profile by which ``image`` must be converted; None where its numbers are sRGB, or taken for it.

    A profile that is broken, far too large or made for other channels is none. Only the header has to be loaded.
    """
    channels = "L" if image.mode.startswith(_DEEP_GRAY) else _WITHOUT_ALPHA.get(image.mode, image.mode)
    profile = image.info.get("icc_profile") or stated_profile(image)
    if _is_profile(profile) and channels in _PROBES and _is_usable(profile, channels):
        return profile
    return coated_paper_profile() if channels == "CMYK" else None


def _is_profile(found: object) -> TypeGuard[bytes]:
    return isinstance(found, bytes) and _PROFILE_HEADER <= len(found) <= _LARGEST_PROFILE


@lru_cache(maxsize=4)
def _is_usable(profile: bytes, channels: str) -> bool:
    """Tell whether the profile opens, fits the channels and changes colours: that of sRGB itself does not."""
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
    """Return ``image`` (L, RGB, CMYK, or with alpha, premultiplied or not) as RGB or RGBA in sRGB."""
    if image.mode in ("RGBa", "La"):
        image = image.convert("RGBA") if image.mode == "RGBa" else image.convert("LA")
    if not profile:
        return image if image.mode in ("RGB", "YCbCr") else image.convert("RGBA" if "A" in image.mode else "RGB")
    if "A" not in image.mode:
        return _converted(image, profile)
    converted = _converted(image.convert(_WITHOUT_ALPHA[image.mode]), profile)
    converted.putalpha(image.getchannel("A"))
    return converted


def plain(strip: Image.Image, key_scale: float | None = None) -> Image.Image:
    """Return ``strip`` as L, RGB, CMYK, LA or RGBA: palettes, bits and transparent colours resolved, 16 bits scaled.

    ``key_scale`` is what ``transparent_key_scale`` told of the whole image.
    """
    if strip.mode.startswith("I"):
        return _gray_of_16_bits(strip)
    if strip.mode == "F":
        return strip.point(lambda value: value * 255 + 0.5).convert("L")
    if strip.has_transparency_data and strip.mode not in ("RGBA", "LA"):
        _scale_key(strip, key_scale)
        return strip.convert("RGBA")
    mode = _RESOLVED.get(strip.mode, strip.mode)
    return strip.convert(mode) if mode != strip.mode else strip


def transparent_key_scale(image: Image.Image) -> float | None:
    """Return by what a PNG's transparent colour has to be multiplied to be found among the pixels; before loading."""
    tiles = getattr(image, "tile", None)
    return _SCALED_KEY.get(str(tiles[0].args)) if tiles and image.format == "PNG" else None


def is_negative(image: Image.Image) -> bool:
    """Tell whether ``image`` is a TIFF in which 0 is white that Pillow opens as it lies: one of more than 8 bits."""
    if not isinstance(image, TiffImageFile) or not image.mode.startswith(_DEEP_GRAY):
        return False
    return image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0


def _scale_key(strip: Image.Image, scale: float | None) -> None:
    key = strip.info.get("transparency")
    if scale and isinstance(key, int):
        strip.info["transparency"] = int(key * scale)
    elif scale and isinstance(key, tuple):
        strip.info["transparency"] = tuple(int(level * scale) for level in key)


def _gray_of_16_bits(strip: Image.Image) -> Image.Image:
    """Scale: convert() alone would clip at 255."""
    levels = strip.convert("I")
    gray = levels.point(lambda value: value / 257 + 0.5).convert("L")
    key = strip.info.get("transparency")
    if not isinstance(key, int):
        return gray
    opaque = ImageMath.lambda_eval(lambda a: a["notequal"](a["levels"], key) * 255, levels=levels)
    return Image.merge("LA", (gray, opaque.convert("L")))


def flattened(image: Image.Image, background: Colour) -> Image.Image:
    """Return ``image`` on ``background``, where it has an alpha channel at all."""
    if image.mode not in ("RGBA", "LA"):
        return image
    if image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    flat = Image.new("RGB", image.size, background)
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat
