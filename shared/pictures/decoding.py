"""Decodes the first frame of a picture; whatever the frame does not cover is transparent. Pure."""

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from shared.pictures import bmp, jpeg2000, png_pixels, tiff


def first_frame(image: Image.Image) -> Image.Image:
    """Return the decoded pixels of ``image``, with as few copies as Pillow allows."""
    if isinstance(image, WebPImageFile) and image.mode in ("RGB", "RGBA"):
        return _webp_frame(image)
    if isinstance(image, GifImageFile):
        return _gif_frame(image)
    if isinstance(image, TiffImageFile | tiff.SampledTiff):
        return tiff.decoded(image)
    if isinstance(image, jpeg2000.Components):
        return image.decoded()
    if isinstance(image, PngImageFile):
        png_pixels.load(image)
    if isinstance(image, bmp.Bitmap):
        image = image.decoded()
        bmp.show_blank_alpha(image)
        return image
    image.load()
    if isinstance(image, BmpImageFile):
        bmp.show_blank_alpha(image)
    return image


def _webp_frame(image: WebPImageFile) -> Image.Image:
    """Call the decoder directly: ``load`` would copy all pixels, and show black around an animation's small frame."""
    decoder = getattr(image, "_decoder", None)
    if decoder is None:
        image.load()
        return image
    mode = "RGBX" if image.mode == "RGB" and image.n_frames == 1 else "RGBA"
    return Image.frombuffer(mode, image.size, decoder.get_next()[0], "raw", mode, 0, 1)


def _gif_frame(image: GifImageFile) -> Image.Image:
    """Make transparent what the frame does not cover: Pillow fills it with the first colour of the palette."""
    frame_box = image.tile[0].extents
    image.load()
    if frame_box in (None, (0, 0, *image.size)) or "transparency" in image.info:
        return image
    frame = image.convert("PA" if image.mode == "P" else "LA")
    opaque = Image.new("L", image.size, 0)
    opaque.paste(255, frame_box)
    frame.putalpha(opaque)
    return frame
