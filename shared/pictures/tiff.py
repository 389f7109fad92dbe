"""Opens TIFFs: by Pillow, or sample by sample where Pillow cannot read a layout, or would read it wrongly. Pure."""

import struct
from contextlib import suppress
from io import BytesIO
from math import ceil

from PIL import ExifTags, Image
from PIL.ImageFile import _Tile as Tile
from PIL.TiffImagePlugin import TiffImageFile

from shared.errors import Permanent, Reason
from shared.pictures import colours, tiff_layout, tiff_samples
from shared.pictures import tiff_directory as tags
from shared.pictures.tiff_directory import Directory
from shared.pictures.tiff_layout import (
    ASSOCIATED,
    COLOURS,
    INKS,
    LABS,
    PACKED_BYTES,
    PALETTE,
    RAW,
    SCANNER_BITS,
    YCBCR,
    Layout,
)

SIGNATURES = tags.SIGNATURES
_REDUCED_OR_MASK = 1 | 4  # flags of TIFF's new subfile type
_PROFILE_TYPES = (1, 7)
_ORIENTATIONS = range(1, 9)
_MOST_PIXELS = 178_956_970  # Pillow refuses more, but prepares all strips before
_BYTE = 8  # bits
_SHORT, _BYTE_AS_SHORT = 3, 257  # the level of 8 bits in a colour map of 16


class SampledTiff(Image.Image):
    """A TIFF whose pixels ``decoded`` returns; it is opened with only its header."""

    format = "TIFF"

    def __init__(self, source: bytes, layout: Layout) -> None:
        super().__init__()
        self._source, self.layout = source, layout
        self._size, self._mode = layout.size, _colour_mode(layout)
        exif = Image.Exif()
        orientation = layout.directory.number(tags.ORIENTATION, 1)
        exif[ExifTags.Base.Orientation] = orientation if orientation in _ORIENTATIONS else 1
        self.info = {"exif": exif.tobytes()}
        if tags.ICC_PROFILE in layout.directory.tags:
            self.info["icc_profile"] = layout.directory.tags[tags.ICC_PROFILE][2]
        self._profile: bytes | None = None
        if layout.alpha:
            self._add_alpha()

    def _add_alpha(self) -> None:
        if self.mode in ("CMYK", "LAB"):  # have no mode with alpha, so they become sRGB at once
            self._profile = colours.foreign_profile(self)
            self.info.pop("icc_profile", None)
        self._mode = "LA" if self.mode == "L" else "RGBA"

    def decoded(self) -> Image.Image:
        """Return the pixels; raises as ``tiff_samples.decoded``."""
        planes = tiff_samples.decoded(self._source, self.layout)
        picture = tiff_samples.merged(self.layout, planes)
        if not self.layout.alpha:
            return picture
        if picture.mode != "L":
            picture = colours.to_srgb(picture, self._profile)
        picture.putalpha(planes[-1])
        return picture if self.layout.alpha[1] == ASSOCIATED else _with_use_of_alpha(picture)


def _colour_mode(layout: Layout) -> str:
    if layout.photometric in LABS:
        return "LAB"
    return "RGB" if layout.photometric == PALETTE else {1: "L", 3: "RGB", 4: "CMYK"}[COLOURS[layout.photometric]]


def _with_use_of_alpha(picture: Image.Image) -> Image.Image:
    """Drop alpha that is zero everywhere: nobody uploads a blank picture, but programs leave the channel empty."""
    if picture.getchannel("A").getextrema() != (0, 0):
        return picture
    return picture.convert("L" if picture.mode == "LA" else "RGB")


def opened(source: bytes) -> Image.Image:
    """Open the first page that is not a thumbnail.

    Raises:
        Permanent: ``not_an_image`` for a kind of TIFF that cannot be read.
        DecompressionBombError: the picture has more pixels than Pillow accepts.
        UnidentifiedImageError: the file has no page.
    """
    try:
        page = _page(source)
    except (struct.error, OverflowError):
        return _opened_as_it_is(source)
    layout = Layout(page)
    if layout.size[0] * layout.size[1] > _MOST_PIXELS:
        raise Image.DecompressionBombError
    if not tiff_layout.is_right_in_pillow(layout):
        if tiff_layout.is_sampled(layout):
            return SampledTiff(source, layout)
        kind = tiff_layout.unreadable(layout)
        if kind:
            raise Permanent(Reason.NOT_AN_IMAGE, tiff_layout.refusal(kind))
    return _opened_by_pillow(source, layout)


def _page(source: bytes) -> Directory:
    first = None
    try:
        for page in tags.pages(source):
            first = first or page
            is_picture = page is first or tags.WIDTH in page.tags
            if is_picture and not page.number(tags.SUBFILE_TYPE) & _REDUCED_OR_MASK:
                repaired = _repaired(page)
                if page is first or not tiff_layout.unreadable(Layout(repaired)):
                    return repaired
    except struct.error:  # in the directory of a later page
        pass
    if first is None:
        raise struct.error("no page")
    return _repaired(first)


def _repaired(page: Directory) -> Directory:
    """Correct what programs write against TIFF 6.0, as libtiff does: colour maps to 255, no photometric tag."""
    values = tags.classic(page)
    levels = page.numbers(tags.COLOUR_MAP)
    if levels and max(levels) < _BYTE_AS_SHORT - 1:
        scaled = (level * _BYTE_AS_SHORT for level in levels)
        values[tags.COLOUR_MAP] = _SHORT, len(levels), struct.pack(f"{page.order}{len(levels)}H", *scaled)
    if values.get(tags.ICC_PROFILE, (0,))[0] not in _PROFILE_TYPES:
        values.pop(tags.ICC_PROFILE, None)
    if tags.PHOTOMETRIC not in values and page.number(tags.COMPRESSION, RAW) in PACKED_BYTES:
        is_rgb, is_deep = page.number(tags.SAMPLES, 1) in (3, 4), max(page.numbers(tags.BITS, 1)) > _BYTE
        if is_rgb or is_deep:  # of the others, Pillow takes 0 for white
            values[tags.PHOTOMETRIC] = tags.longs(page.order, 2 if is_rgb else 1)
    if page.number(tags.SAMPLES, 1) == 1:
        values.pop(tags.PLANAR, None)  # which Pillow would apply to the bytes of deep samples
    if not page.number(tags.ROWS_PER_STRIP, 1):  # meant is one strip
        del values[tags.ROWS_PER_STRIP]
    return Directory(page.order, values | _places(Layout(Directory(page.order, values))))


def _places(layout: Layout) -> tags.Tags:
    """Return the places of strips or tiles without those that no pixel needs: Pillow prepares them all."""
    (width, height), (tile_width, tile_height) = layout.size, layout.tile
    if min(width, height, tile_width, tile_height) <= 0:
        return {}
    needed = ceil(width / tile_width) * ceil(height / tile_height) * (layout.samples if layout.is_planar else 1)
    kept = layout.directory.tags
    surplus = {tag: kept[tag] for tag in tags.PLACES if tag in kept and kept[tag][1] > needed}
    return {tag: (kind, needed, data[: len(data) // number * needed]) for tag, (kind, number, data) in surplus.items()}


def _opened_by_pillow(source: bytes, layout: Layout) -> Image.Image:
    """Show Pillow only the tags that pixels need; a file that is cut short, just as it is."""
    order, values = layout.directory.order, dict(layout.directory.tags)
    is_negative = layout.photometric == 0 and layout.bits in ((SCANNER_BITS,), (16,))
    if not _is_complete(source, layout):  # bytes of ours beyond its end must not become pixels
        return _opened_as_it_is(source)
    if layout.bits == (SCANNER_BITS,):  # in any byte order, but Pillow knows one; it inverts none
        order = "<"
        values = {tag: tags.longs(order, *layout.directory.numbers(tag)) for tag in values if tag != tags.ICC_PROFILE}
        values[tags.PHOTOMETRIC] = tags.longs(order, 1)
    is_raw_ycc = layout.photometric == YCBCR and layout.compression == RAW and layout.samples > 1
    if is_raw_ycc and tags.SUBSAMPLING not in values and _raw_bytes(layout) >= layout.size[0] * layout.size[1] * 3:
        values[tags.SUBSAMPLING] = _SHORT, 2, struct.pack(f"{order}2H", 1, 1)
    image = Image.open(BytesIO(tags.written(order, [memoryview(source)[8:]], values)), formats=("TIFF",))
    image.info[colours.NEGATIVE] = is_negative
    if is_raw_ycc and isinstance(image, TiffImageFile):
        _leave_to_libtiff(image)
    return image


def _opened_as_it_is(source: bytes) -> Image.Image:
    with suppress(struct.error):  # Pillow says what is wrong
        tags.check_values(source)
    return Image.open(BytesIO(source), formats=("TIFF",))


def _leave_to_libtiff(image: TiffImageFile) -> None:
    """Have libtiff decode raw YCbCr: Pillow ignores its subsampling, its coefficients and its range."""
    image.use_load_libtiff, image._mode = True, "RGB"  # noqa: SLF001 - there is no other way
    size = image.tag_v2[tags.WIDTH], image.tag_v2[tags.LENGTH]
    image.tile = [Tile("libtiff", (0, 0, *size), 0, ("RGBX", False, image.tag_v2.offset))]


def _raw_bytes(layout: Layout) -> int:
    return sum(layout.directory.numbers(tags.TILE_BYTES if layout.is_tiled else tags.STRIP_BYTES))


def _is_complete(source: bytes, layout: Layout) -> bool:
    """Whether all pixels are stored within the file; Pillow reads uncompressed ones whatever length a strip states."""
    places = (tags.TILE_OFFSETS, tags.TILE_BYTES) if layout.is_tiled else (tags.STRIP_OFFSETS, tags.STRIP_BYTES)
    offsets, lengths = (layout.directory.numbers(tag) for tag in places)
    if not offsets or len(offsets) > len(lengths) or tags.reaches_beyond(source, layout.directory):
        return False
    if layout.compression != RAW or layout.photometric == YCBCR:
        return True
    width, height = layout.tile
    last = height if layout.is_tiled else layout.size[1] - (len(offsets) - 1) * height
    return max(offsets) + ceil(width * sum(layout.bits) / 8) * max(0, last) <= len(source)


def decoded(image: TiffImageFile | SampledTiff) -> Image.Image:
    """Return the pixels of an opened TIFF."""
    if isinstance(image, SampledTiff):
        return image.decoded()
    image.load()
    if image.mode in ("RGBA", "LA", "PA") and image.tag_v2.get(tags.EXTRA_SAMPLES, (0,))[0] != ASSOCIATED:
        return _with_use_of_alpha(image)
    if image.mode == "I;16" and image.tag_v2.get(tags.BITS) == (SCANNER_BITS,):
        return image.point(lambda level: level * (1 << 16 - SCANNER_BITS) + 0)  # Pillow leaves them unscaled
    return image


def tile_size(image: Image.Image) -> tuple[int, int]:
    """Return the size of the tiles or strips in which a TIFF is decoded; 0 × 0 for other formats."""
    if isinstance(image, SampledTiff):
        return image.layout.tile
    if not isinstance(image, TiffImageFile):
        return 0, 0
    width, height = (image.tag_v2.get(tag) for tag in (tags.TILE_WIDTH, tags.TILE_LENGTH))
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    rows = image.tag_v2.get(tags.ROWS_PER_STRIP)
    return image.width, min(rows, image.height) if isinstance(rows, int) else image.height


def tile_bytes(image: Image.Image) -> int:
    """Return the bytes that a decoded tile or strip of a TIFF takes, in the file's own depth; 0 for other formats.

    If we put samples together ourselves: a band as Pillow's pixels, as bytes and in parts, and the planes.
    """
    if isinstance(image, SampledTiff):
        return 4 * max(1 << 20, image.layout.band_bytes) + _plane_bytes(image.layout) * image.width * image.height
    width, height = tile_size(image)
    return width * height * sum(image.tag_v2.get(tags.BITS, (8,))) // 8 if isinstance(image, TiffImageFile) else 0


def _plane_bytes(layout: Layout) -> int:
    """Return the measured bytes of a pixel in planes, and while they are merged, besides the four of the picture."""
    if not layout.alpha:
        return 8
    return 8 + 2 * (COLOURS[layout.photometric] == COLOURS[INKS]) + 2 * (layout.alpha[1] == ASSOCIATED)
