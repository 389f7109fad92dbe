"""Describes how a page of a TIFF stores its samples, and who can read it: Pillow, we, or nobody. Pure."""

from dataclasses import dataclass
from functools import cached_property

from PIL.TiffImagePlugin import OPEN_INFO

from shared.pictures import tiff_directory as tags
from shared.pictures.tiff_directory import Directory

UNSIGNED, SIGNED, FLOATING = 1, 2, 3  # values of TIFF's sample format
ASSOCIATED, UNASSOCIATED = 1, 2  # values of TIFF's extra samples: alpha, premultiplied or not
GRAYS, PALETTE, INKS, YCBCR, LABS = (0, 1), 3, 5, 6, (8, 9)  # photometric interpretations
WHITE_IS_0, SIGNED_LAB = 0, 8
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3, 9: 3}  # samples of a colour, by photometric interpretation
RAW, OLD_JPEG, JPEG = 1, 6, 7  # compressions
PACKED_BYTES = {RAW, 5, 8, 32773, 32946, 34925, 50000}  # compressions of bytes, whatever they mean
SCANNER_BITS = 12
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3  # predictors
_ALPHA = {ASSOCIATED: ASSOCIATED, UNASSOCIATED: UNASSOCIATED, 999: UNASSOCIATED}  # 999 is Corel Draw's
_SEPARATE_PLANES = 2
_MOST_SAMPLES = 64
_BYTE, _DEEPEST_OF_PILLOW = 8, 16  # bits
_CAMERA_RAW, _LOGLUV = "of a camera's raw data", "in LogLuv"
_COMPRESSIONS = {34676: _LOGLUV, 34677: _LOGLUV, 34892: _CAMERA_RAW, 34887: "compressed by LERC", 34661: "of JBIG"}
_COMPRESSIONS |= dict.fromkeys((34712, 33003, 33005), "of JPEG 2000") | {50002: "of JPEG XL"}
_PHOTOMETRICS = {4: "that is a mask", 10: "in ITULAB", 32803: _CAMERA_RAW, 34892: _CAMERA_RAW}
_PHOTOMETRICS |= dict.fromkeys((32844, 32845), _LOGLUV)
_NAMES = {0: "gray", 1: "gray", 2: "RGB", 3: "colours of a palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab"}


@dataclass(frozen=True)
class Layout:
    """Describes how the samples of a page are stored."""

    directory: Directory

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the page."""
        return self.directory.number(tags.WIDTH), self.directory.number(tags.LENGTH)

    @cached_property
    def photometric(self) -> int:
        """What the samples mean: gray, RGB, inks."""
        return self.directory.number(tags.PHOTOMETRIC)

    @cached_property
    def samples(self) -> int:
        """The number of samples of a pixel."""
        return self.directory.number(tags.SAMPLES, 1)

    @cached_property
    def bits(self) -> tuple[int, ...]:
        """The depth of each sample."""
        bits = self.directory.numbers(tags.BITS, 1)
        return bits * min(self.samples, _MOST_SAMPLES) if len(bits) == 1 else bits[: self.samples]

    @cached_property
    def sample_format(self) -> int:
        """The kind of numbers; 0 if samples differ in it."""
        formats = set(self.directory.numbers(tags.SAMPLE_FORMAT, UNSIGNED)[: self.samples])
        return formats.pop() if len(formats) == 1 else 0

    @cached_property
    def extra(self) -> tuple[int, ...]:
        """The kinds of the samples beside the colour."""
        return self.directory.numbers(tags.EXTRA_SAMPLES)

    @cached_property
    def compression(self) -> int:
        """How strips or tiles are packed."""
        return self.directory.number(tags.COMPRESSION, RAW)

    @cached_property
    def predictor(self) -> int:
        """What was done to samples before they were packed."""
        return self.directory.number(tags.PREDICTOR, 1) if self.compression != RAW else 1

    @cached_property
    def is_planar(self) -> bool:
        """Whether every sample is stored in a plane of its own."""
        return self.samples > 1 and self.directory.number(tags.PLANAR, 1) == _SEPARATE_PLANES

    @cached_property
    def is_tiled(self) -> bool:
        """Whether the page is stored in tiles, not in strips."""
        return tags.TILE_OFFSETS in self.directory.tags

    @cached_property
    def tile(self) -> tuple[int, int]:
        """The size of a tile or strip."""
        if self.is_tiled:
            return self.directory.number(tags.TILE_WIDTH), self.directory.number(tags.TILE_LENGTH)
        rows = self.directory.number(tags.ROWS_PER_STRIP) or self.size[1]
        return self.size[0], min(rows, self.size[1])

    @cached_property
    def alpha(self) -> tuple[int, int] | None:
        """The sample that holds alpha, and whether colours are multiplied with it; None without one."""
        first = COLOURS[self.photometric]
        kinds = [(first + n, _ALPHA[kind]) for n, kind in enumerate(self.extra) if kind in _ALPHA]
        if not self.extra and self.samples == first + 1 and first != COLOURS[5]:  # unsaid, but usual
            kinds = [(first, UNASSOCIATED)]
        return next((kind for kind in kinds if kind[0] < self.samples), None)

    @property
    def unit(self) -> int:
        """The bytes of a pixel that are stored together: of all samples, or of one in a plane."""
        return self.bits[0] // 8 * (1 if self.is_planar else self.samples)

    @property
    def band_bytes(self) -> int:
        """The bytes of the rows that must be unpacked at once."""
        if self.compression == RAW and not self.is_tiled:
            return self.size[0] * self.unit
        return self.size[0] * self.unit * self.tile[1]


def is_right_in_pillow(layout: Layout) -> bool:
    """Whether Pillow reads this layout, and rightly."""
    fill = layout.directory.number(tags.FILL_ORDER, 1)
    if (
        _lacks_palette(layout)
        or layout.photometric not in _NAMES
        or layout.compression in _COMPRESSIONS
        or not layout.bits
    ):
        return False
    if layout.photometric == YCBCR or layout.compression == OLD_JPEG:
        return layout.compression == OLD_JPEG or (layout.bits in ((8,), (8, 8, 8)) and fill == 1)
    if layout.bits[0] == SCANNER_BITS:
        is_gray = layout.samples == 1 and layout.photometric in GRAYS
        return is_gray and layout.sample_format == UNSIGNED and fill == 1
    return _key(layout, fill) in OPEN_INFO and not _has_other_inks(layout) and not _is_misread(layout, fill)


def _is_misread(layout: Layout, fill: int) -> bool:
    """Whether Pillow lists this layout, but has no mode for it, or would show it wrongly."""
    if layout.compression not in PACKED_BYTES:
        return False
    if layout.photometric == PALETTE and layout.compression == RAW and fill != 1:
        return True
    is_deep = layout.bits[0] > _DEEPEST_OF_PILLOW or (layout.bits[0] >= _BYTE and fill != 1)
    is_odd_alpha = bool(layout.alpha) and (len(layout.bits) - len(layout.extra) == 1 or not layout.extra)
    return is_deep or is_odd_alpha or layout.is_planar or layout.sample_format != UNSIGNED


def _key(layout: Layout, fill: int) -> tuple[object, ...]:
    prefix = b"II" if layout.directory.order == "<" else b"MM"
    return prefix, layout.photometric, (layout.sample_format,), fill, layout.bits, layout.extra


def _has_other_inks(layout: Layout) -> bool:
    return layout.photometric == INKS and layout.directory.number(tags.INK_SET, 1) != 1


def _lacks_palette(layout: Layout) -> bool:
    return layout.photometric == PALETTE and not layout.directory.numbers(tags.COLOUR_MAP)


def _is_empty(layout: Layout) -> bool:
    return not layout.bits or min(*layout.size, *layout.tile) <= 0


def is_sampled(layout: Layout) -> bool:
    """Whether ``tiff_samples`` reads this layout."""
    if layout.photometric not in _NAMES or layout.photometric == YCBCR or layout.compression not in PACKED_BYTES:
        return False
    if _lacks_palette(layout) or _is_empty(layout):
        return False
    depth = layout.bits[0]
    integers = {PALETTE: (8,), **dict.fromkeys(LABS, (8, 16))}.get(layout.photometric, (8, 16, 32))
    floats = (16, 32, 64) if layout.photometric not in (PALETTE, *LABS) else ()
    is_number = depth in (floats if layout.sample_format == FLOATING else integers)
    is_known = layout.sample_format in (UNSIGNED, FLOATING) or (layout.sample_format == SIGNED and depth in (16, 32))
    is_known |= depth == _BYTE and layout.sample_format == SIGNED and layout.photometric in GRAYS
    is_known |= layout.photometric in LABS  # whose a and b have signs, said or not
    is_whole = len(layout.bits) == layout.samples >= COLOURS[layout.photometric] and set(layout.bits) == {depth}
    unsaid = layout.samples - COLOURS[layout.photometric] - len(layout.extra)
    return is_number and is_known and is_whole and unsaid <= (not layout.extra) and not _has_other_inks(layout)


def unreadable(layout: Layout) -> str | None:
    """Return the kind of a TIFF that neither Pillow nor we read; None if Pillow may find out what is wrong."""
    if is_right_in_pillow(layout) or is_sampled(layout):
        return None
    special = _COMPRESSIONS.get(layout.compression) or _PHOTOMETRICS.get(layout.photometric)
    if special or layout.photometric not in _NAMES:
        return special
    if _is_empty(layout) or (_lacks_palette(layout) and max(layout.bits) <= _BYTE):
        return "without pixels" if _is_empty(layout) else "whose palette is missing"
    if _has_other_inks(layout):
        return "of other inks than CMYK"
    if layout.sample_format != UNSIGNED:
        numbers = {SIGNED: "signed", FLOATING: "floating point"}.get(layout.sample_format, "unusual")
        return f"with {numbers} numbers of {_depths(layout)}"
    planes = "separate " if layout.is_planar else ""
    channels = f" with {layout.samples} {planes}channels" if layout.samples > 1 else ""
    jpeg = ", compressed as JPEG" if layout.compression == JPEG else ""
    order = " in reversed order" if layout.directory.number(tags.FILL_ORDER, 1) != 1 else ""
    return f"in {_NAMES[layout.photometric]}{channels} of {_depths(layout)}{order}{jpeg}"


def _depths(layout: Layout) -> str:
    depths = ", ".join(map(str, sorted(set(layout.bits))))
    return f"{depths} bit" if depths == "1" else f"{depths} bits"


def refusal(kind: str) -> str:
    """Return the note for a ``kind`` of TIFF that cannot be read, such as "with 32 bits"."""
    return f"The picture is a TIFF {kind}, which we cannot read. {_SAVE_INSTEAD}"


_SAVE_INSTEAD = "Save it in RGB with 8 or 16 bits, or export it as JPEG or PNG, and upload that."
