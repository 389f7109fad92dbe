"""The first frame of a picture, decoded; where it covers only a part, the rest is transparent. Pure."""

from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PLANAR_CONFIGURATION,
    ROWSPERSTRIP,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)
from PIL.WebPImagePlugin import WebPImageFile

_SCANNERS_BITS = 12
_DEEP = 65535
_PLANES = 2  # of TIFF's planar configuration: one after the other


def first_frame(image: Image.Image) -> Image.Image:
    """Return the decoded pixels of ``image``, as little copied as Pillow allows."""
    if isinstance(image, WebPImageFile) and image.mode in ("RGB", "RGBA"):
        return _of_webp(image)
    if isinstance(image, GifImageFile):
        return _of_gif(image)
    if isinstance(image, TiffImageFile):
        _check_order(image)
        _name_deep_planes(image)
    image.load()
    if image.mode == "I":
        _check_range(image)
    if image.mode == "I;16" and _bits(image) == {_SCANNERS_BITS}:
        return image.point(lambda level: level * (1 << 16 - _SCANNERS_BITS) + 0)  # Pillow leaves them unscaled
    return image


def tile_size(image: Image.Image) -> tuple[int, int]:
    """Return the size of the tiles, or of the strips, in which a TIFF is decoded; 0 × 0 of any other file."""
    if not isinstance(image, TiffImageFile):
        return 0, 0
    width, height = (image.tag_v2.get(tag) for tag in (TILEWIDTH, TILELENGTH))
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    rows = image.tag_v2.get(ROWSPERSTRIP)
    return image.width, min(rows, image.height) if isinstance(rows, int) else image.height


def decoded_tile(image: Image.Image) -> int:
    """Return the bytes of a tile or strip of a TIFF as its decoder holds it, in the file's own depth."""
    width, height = tile_size(image)
    return width * height * sum(image.tag_v2.get(BITSPERSAMPLE, (8,))) // 8 if isinstance(image, TiffImageFile) else 0


def _check_order(image: TiffImageFile) -> None:
    """Refuse floating point that Pillow reads in the wrong order of bytes, and would show black."""
    if image.mode == "F" and image.tag_v2.prefix == b"MM" and image.tile[0].codec_name != "raw":
        raise ValueError("compressed floating point in big-endian order is not taken")


def _check_range(image: Image.Image) -> None:
    """Whole numbers of 32 bits mostly hold 16; what does not would be all black or white."""
    low, high = image.getextrema()
    if not isinstance(low, int | float) or low < 0 or high > _DEEP:  # type: ignore[operator] # of one channel
        raise ValueError(f"numbers from {low} to {high} are not taken, only those from 0 to {_DEEP}")


def _bits(image: Image.Image) -> set[int]:
    return set(image.tag_v2.get(BITSPERSAMPLE, ())) if isinstance(image, TiffImageFile) else set()


def _of_webp(image: WebPImageFile) -> Image.Image:
    """Pillow would copy all pixels, and show black where the frame of an animation leaves the canvas free."""
    decoder = getattr(image, "_decoder", None)
    if decoder is None:
        image.load()
        return image
    mode = "RGBX" if image.mode == "RGB" and image.n_frames == 1 else "RGBA"
    return Image.frombuffer(mode, image.size, decoder.get_next()[0], "raw", mode, 0, 1)


def _of_gif(image: GifImageFile) -> Image.Image:
    """Pillow would fill what the frame leaves free with the first colour of the palette."""
    covered = image.tile[0].extents
    image.load()
    if covered in (None, (0, 0, *image.size)) or "transparency" in image.info:
        return image
    frame = image.convert("PA" if image.mode == "P" else "LA")
    opaque = Image.new("L", image.size, 0)
    opaque.paste(255, covered)
    frame.putalpha(opaque)
    return frame


def _name_deep_planes(image: TiffImageFile) -> None:
    """Where colours lie in planes of 16 bits, uncompressed, Pillow would take every byte for a number."""
    tags = image.tag_v2
    if tags.get(PLANAR_CONFIGURATION) != _PLANES or _bits(image) != {16}:
        return
    order = "B" if tags.prefix == b"MM" else "L"
    for number, tile in enumerate(image.tile):
        if tile.codec_name == "raw" and isinstance(tile.args, tuple):
            name = image.mode if image.mode.startswith("I;16") else f"{tile.args[0]};16{order}"
            image.tile[number] = tile._replace(args=(name, *tile.args[1:]))
