"""Decodes the first frame of a picture; whatever the frame does not cover is transparent. Pure."""

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PLANAR_CONFIGURATION,
    ROWSPERSTRIP,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)
from PIL.WebPImagePlugin import WebPImageFile

from shared.pictures import bmp, png_pixels

_SCANNER_BITS = 12
_HIGHEST_LEVEL = 65535
_SEPARATE_PLANES = 2  # a value of TIFF's planar configuration


def first_frame(image: Image.Image) -> Image.Image:
    """Return the decoded pixels of ``image``, with as few copies as Pillow allows."""
    if isinstance(image, WebPImageFile) and image.mode in ("RGB", "RGBA"):
        return _webp_frame(image)
    if isinstance(image, GifImageFile):
        return _gif_frame(image)
    if isinstance(image, PngImageFile):
        png_pixels.load(image)
    if isinstance(image, TiffImageFile):
        _check_byte_order(image)
        _correct_planes_of_16_bits(image)
    if isinstance(image, bmp.Bitmap):
        image = image.decoded()
        bmp.show_blank_alpha(image)
        return image
    image.load()
    if isinstance(image, BmpImageFile):
        bmp.show_blank_alpha(image)
    if image.mode == "I":
        _check_range(image)
    if image.mode == "I;16" and _sample_bits(image) == {_SCANNER_BITS}:
        return image.point(lambda level: level * (1 << 16 - _SCANNER_BITS) + 0)  # Pillow leaves them unscaled
    return image


def tile_size(image: Image.Image) -> tuple[int, int]:
    """Return the size of the tiles or strips in which a TIFF is decoded; 0 × 0 for other formats."""
    if not isinstance(image, TiffImageFile):
        return 0, 0
    width, height = (image.tag_v2.get(tag) for tag in (TILEWIDTH, TILELENGTH))
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    rows = image.tag_v2.get(ROWSPERSTRIP)
    return image.width, min(rows, image.height) if isinstance(rows, int) else image.height


def tile_bytes(image: Image.Image) -> int:
    """Return the bytes that a decoded tile or strip of a TIFF takes, in the file's own depth; 0 for other formats."""
    width, height = tile_size(image)
    return width * height * sum(image.tag_v2.get(BITSPERSAMPLE, (8,))) // 8 if isinstance(image, TiffImageFile) else 0


def _check_byte_order(image: TiffImageFile) -> None:
    """Refuse floating point that Pillow reads in the wrong byte order and would show black."""
    if image.mode == "F" and image.tag_v2.prefix == b"MM" and image.tile[0].codec_name != "raw":
        raise ValueError("compressed floating point in big-endian order is not supported")


def _check_range(image: Image.Image) -> None:
    """Refuse 32-bit integers that do not fit into 16 bits, as most do: they would be all black or white."""
    low, high = image.getextrema()
    if not isinstance(low, int | float) or low < 0 or high > _HIGHEST_LEVEL:  # type: ignore[operator] # of one channel
        raise ValueError(f"pixel values from {low} to {high} are not supported, only from 0 to {_HIGHEST_LEVEL}")


def _sample_bits(image: Image.Image) -> set[int]:
    return set(image.tag_v2.get(BITSPERSAMPLE, ())) if isinstance(image, TiffImageFile) else set()


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


def _correct_planes_of_16_bits(image: TiffImageFile) -> None:
    """Correct the raw mode of uncompressed 16-bit planes: Pillow would read every byte as a sample."""
    tags = image.tag_v2
    if tags.get(PLANAR_CONFIGURATION) != _SEPARATE_PLANES or _sample_bits(image) != {16}:
        return
    order = "B" if tags.prefix == b"MM" else "L"
    for number, tile in enumerate(image.tile):
        if tile.codec_name == "raw" and isinstance(tile.args, tuple):
            raw_mode = image.mode if image.mode.startswith("I;16") else f"{tile.args[0]};16{order}"
            image.tile[number] = tile._replace(args=(raw_mode, *tile.args[1:]))
