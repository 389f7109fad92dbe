"""Measures how faithful a rendition is: SSIM of luma against the full decode, resampled with LANCZOS."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from skimage.metrics import structural_similarity

from devstack.benchmarks.renderer import QUALITY, SIDE

_SRGB = ImageCms.createProfile("sRGB")
_WINDOW = 11  # pixels of a Gaussian of sigma 1.5 in scikit-image, as in Wang et al. 2004
_NOT_A_PICTURE = (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError)


class Reference:
    """A picture as it should look: decoded in full, upright, in sRGB, on white."""

    def __init__(self, source: bytes) -> None:
        try:
            with Image.open(BytesIO(source)) as image:
                self._image: Image.Image | None = _as_seen(image)
        except _NOT_A_PICTURE:
            self._image = None

    def ssim(self, rendition: bytes) -> float | None:
        """Return the SSIM, at most 1; None if the picture is smaller than SSIM's window or cannot be decoded."""
        with Image.open(BytesIO(rendition)) as rendered:
            if self._image is None or min(rendered.size) < _WINDOW:
                return None
            return _ssim(self._image.resize(rendered.size, Image.Resampling.LANCZOS), rendered)

    def ceiling(self) -> float | None:
        """Return the SSIM if only JPEG at our quality loses anything."""
        if self._image is None:
            return None
        best = self._image.copy()
        best.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=None)
        file = BytesIO()
        best.save(file, "JPEG", quality=QUALITY)
        return self.ssim(file.getvalue())


def _ssim(reference: Image.Image, rendered: Image.Image) -> float:
    expected, actual = (np.asarray(image.convert("L")) for image in (reference, rendered))
    parameters = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(structural_similarity(expected, actual, **parameters))


def _as_seen(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    transparent = image.has_transparency_data
    with suppress(*_NOT_A_PICTURE, TypeError, KeyError):  # with a broken EXIF block the picture stays as stored
        image = ImageOps.exif_transpose(image)
    alpha = image.convert("RGBA").getchannel("A") if transparent else None
    colours = _in_srgb(image, profile)
    if alpha:
        on_white = Image.new("RGB", colours.size, "white")
        on_white.paste(colours, mask=alpha)
        return on_white
    return colours


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grayscale: convert() alone would clip at 255
        image = image.convert("I").point(lambda value: value / 257 + 0.5).convert("L")
    colours = image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            embedded = ImageCms.ImageCmsProfile(BytesIO(profile))
            return ImageCms.profileToProfile(colours, embedded, _SRGB, outputMode="RGB") or colours
    return colours.convert("RGB")
