"""How alike a rendition is to what it should be: SSIM of luma against the full decode, resampled in LANCZOS."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from skimage.metrics import structural_similarity

from devstack.benchmarks.renderer import QUALITY, SIDE

_SRGB = ImageCms.createProfile("sRGB")
_WINDOW = 11  # pixels: what a Gaussian of sigma 1.5 has in scikit-image, as in Wang et al. 2004
_NOT_A_PICTURE = (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError)


class Reference:
    """A picture as it should look: all of it decoded, upright, in sRGB, on white."""

    def __init__(self, source: bytes) -> None:
        try:
            with Image.open(BytesIO(source)) as image:
                self._image: Image.Image | None = _as_seen(image)
        except _NOT_A_PICTURE:
            self._image = None

    def ssim(self, rendition: bytes) -> float | None:
        """Return how alike, 1 at most; None where the picture is smaller than SSIM's window or cannot be decoded."""
        with Image.open(BytesIO(rendition)) as rendered:
            if self._image is None or min(rendered.size) < _WINDOW:
                return None
            return _ssim(self._image.resize(rendered.size, Image.Resampling.LANCZOS), rendered)

    def ceiling(self) -> float | None:
        """Return the SSIM that is left when nothing is lost but by JPEG at our quality."""
        if self._image is None:
            return None
        best = self._image.copy()
        best.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=None)
        file = BytesIO()
        best.save(file, "JPEG", quality=QUALITY)
        return self.ssim(file.getvalue())


def _ssim(reference: Image.Image, rendered: Image.Image) -> float:
    luma, other = (np.asarray(image.convert("L")) for image in (reference, rendered))
    parameters = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(structural_similarity(luma, other, **parameters))


def _as_seen(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    transparent = image.has_transparency_data
    with suppress(*_NOT_A_PICTURE, TypeError, KeyError):  # a broken EXIF block leaves the picture as it lies
        image = ImageOps.exif_transpose(image)
    alpha = image.convert("RGBA").getchannel("A") if transparent else None
    seen = _in_srgb(image, profile)
    if alpha:
        flat = Image.new("RGB", seen.size, "white")
        flat.paste(seen, mask=alpha)
        return flat
    return seen


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grayscale: convert() alone would clip at 255
        image = image.convert("I").point(lambda value: value / 257 + 0.5).convert("L")
    colours = image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            embedded = ImageCms.ImageCmsProfile(BytesIO(profile))
            return ImageCms.profileToProfile(colours, embedded, _SRGB, outputMode="RGB") or colours
    return colours.convert("RGB")
