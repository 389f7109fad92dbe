"""Opens JPEG 2000, and gives its components the meaning that the file states. Pure.

Pillow shows components in the order in which they are stored, without profile, and lets white of more than 8 bits wrap
to black. ISO 15444-1 describes codestreams (annex A) and the boxes around them (annex I).
"""

import struct
from io import BytesIO

from PIL import Image, ImageChops
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from shared.errors import EndsEarly, Permanent, Reason
from shared.pictures.diagnosis import ENDS_EARLY
from shared.pictures.jpeg2000_header import CODESTREAM, COLOURS, COMPONENTS_AT, FILE, Header, lacks_tiles, read

SIGNATURES = (FILE, CODESTREAM)
_DEFAULT_CODING, _COMPONENT_CODING, _TILE_PART = 0xFF52, 0xFF53, 0xFF90  # markers
_SRGB, _GRAY, _SYCC, _CMYK = 16, 17, 18, 12
_WHITE_IS_0 = 0  # the space of pictures with two levels; in 15, 0 is black
_PROFILE_SPACES = {b"GRAY": _GRAY, b"RGB ": _SRGB, b"CMYK": _CMYK}
_OTHER_SPACES = {1: "YCbCr", 3: "YCbCr", 4: "YCbCr", 9: "PhotoYCC", 11: "CMY", 13: "YCCK", 14: "Lab", 19: "CIEJab"}
_OTHER_SPACES |= {20: "e-sRGB", 21: "ROMM RGB", 24: "e-sYCC"}
_COLOUR, _OPACITY, _PREMULTIPLIED = 0, 1, 2  # types of channels
_BYTE, _DEEPEST = 8, 16  # bits
_MOST_COMPONENTS = 4
_MOST_COLOURS = 256  # of a palette


class Components(Image.Image):
    """A JPEG 2000 of which ``decoded`` returns the pixels; it is opened with only its header."""

    format = "JPEG2000"

    def __init__(self, header: Header, space: int) -> None:
        super().__init__()
        self._header, self._space = header, space
        self._size, self.info = header.size, {}
        self._channels = _channels(header, COLOURS[space])
        modes = {_SYCC: "RGB", _SRGB: "RGB", _CMYK: "CMYK"}
        self._mode = modes.get(space, "L") + "A" * (self._channels[1] is not None)
        if self.mode == "CMYKA":
            raise _refused("of CMYK with transparency")
        if header.profile:
            self.info["icc_profile"] = header.profile

    @property
    def is_deep(self) -> bool:
        """Whether a component has more than 8 bits."""
        return any(bits > _BYTE for bits, _, _ in self._header.components)

    def decoded(self) -> Image.Image:
        """Return the pixels, with straight alpha."""
        planes = _mapped(self._header, _planes(self._header))
        numbers, alpha, is_premultiplied = self._channels
        colours = [planes[number] for number in numbers]
        if alpha is not None and is_premultiplied:
            colours = [Image.merge("La", (plane, planes[alpha])).convert("LA").getchannel("L") for plane in colours]
        if self._space == _WHITE_IS_0:
            colours = [ImageChops.invert(colours[0])]
        stored = {_SYCC: "YCbCr", _SRGB: "RGB", _CMYK: "CMYK"}.get(self._space, "L")
        picture = Image.merge(stored, colours)
        picture = picture.convert("RGB") if stored == "YCbCr" else picture
        if alpha is not None:
            picture.putalpha(planes[alpha])
        is_unused = alpha is not None and not self._header.definitions and planes[alpha].getextrema() == (0, 0)
        return picture.convert(stored if stored != "YCbCr" else "RGB") if is_unused else picture


def opened(source: bytes) -> Image.Image:
    """Open a JPEG 2000.

    Raises:
        EndsEarly: a part of the picture is missing.
        Permanent: ``not_an_image`` for colours or channels that cannot be shown rightly.
        UnidentifiedImageError: the file has no header.
    """
    try:
        header = read(source)
    except (struct.error, IndexError):
        return Image.open(BytesIO(source), formats=("JPEG2000",))
    if lacks_tiles(header.codestream):
        raise EndsEarly(ENDS_EARLY)
    space = _space(header)
    if _is_right_in_pillow(header, space):
        image = Image.open(BytesIO(source), formats=("JPEG2000",))
        if header.profile:
            image.info["icc_profile"] = header.profile
        return image
    if any(bits > _DEEPEST for bits, _, _ in header.components):
        raise _refused(f"of more than {_DEEPEST} bits")
    if any(subsampled for _, _, subsampled in header.components):
        raise _refused("whose colours have fewer pixels than its brightness (subsampling)")
    if not 1 <= len(header.components) <= _MOST_COMPONENTS:
        raise _refused(f"of {len(header.components)} components")
    return Components(header, space)


def component_bytes(image: Image.Image) -> int:
    """Return the bytes for the planes of components, and for decoding deep ones twice, beside what Pillow takes."""
    if not isinstance(image, Components):
        return 0
    return (16 if image.is_deep else 8) * image.width * image.height


def _refused(kind: str) -> Permanent:
    detail = f"The picture is a JPEG 2000 {kind}, which we cannot read. Export it as JPEG or PNG, and upload that."
    return Permanent(Reason.NOT_AN_IMAGE, detail)


def _is_right_in_pillow(header: Header, space: int) -> bool:
    """Whether all is as usual: 8 bits (16 for gray alone), one component for each colour, alpha at the end."""
    number, colours = len(header.components), COLOURS[space]
    channels = [(kind, colour) for _, kind, colour in sorted(header.definitions)]
    usual = [(_COLOUR, colour) for colour in range(1, colours + 1)] + [(_OPACITY, 0)] * (number > colours)
    is_plain = channels == usual or (not channels and number == colours)
    is_deep_gray = number == 1 and _DEEPEST >= header.components[0][0] > _BYTE and not header.components[0][2]
    depths = all(component == (_BYTE, False, False) for component in header.components) if not is_deep_gray else True
    has_space = space in (_SRGB, _GRAY, _CMYK) and number in (colours, colours + 1) and number <= _MOST_COMPONENTS
    return has_space and depths and is_plain and not header.palette and not header.mapping


def _space(header: Header) -> int:
    """Return the first colour space that can be shown; a file without one is gray or sRGB, by its components."""
    channels = len(header.mapping) or len(header.components)
    profile_space = _PROFILE_SPACES.get((header.profile or b"")[16:20], -1)
    for space in (profile_space, *header.spaces):
        if space in COLOURS and (header.definitions or channels - COLOURS[space] in (0, 1)):
            return space
    if header.spaces and header.spaces[0] not in COLOURS:
        name = _OTHER_SPACES.get(header.spaces[0], f"the colour space {header.spaces[0]}")
        raise _refused(f"in {name}")
    if header.profile and header.profile[16:20] in (b"Lab ", b"XYZ ", b"YCbr", b"HSV ", b"CMY "):
        raise _refused(f"with a profile for {header.profile[16:20].decode().strip()}")
    return _GRAY if channels < COLOURS[_SRGB] else _SRGB


def _channels(header: Header, colours: int) -> tuple[list[int], int | None, bool]:
    """Return the channels of the colours in order, that of alpha, and whether colours are multiplied with it."""
    number = len(header.mapping) or len(header.components)
    if not header.definitions:
        if number < colours:
            raise _refused(f"with {number} channels instead of {colours}")
        return list(range(colours)), colours if number == colours + 1 else None, False
    by_colour = {colour: channel for channel, kind, colour in header.definitions if kind == _COLOUR}
    alphas = [entry for entry in header.definitions if entry[1] in (_OPACITY, _PREMULTIPLIED)]
    order = [by_colour.get(colour, number) for colour in range(1, colours + 1)]
    if max(order) >= number or any(channel >= number for channel, _, _ in alphas):
        raise _refused("whose channels are not defined")
    if len(alphas) > 1 or any(colour not in (0, 1 if colours == 1 else 0) for _, _, colour in alphas):
        raise _refused("with separate transparency for each colour")
    return (order, alphas[0][0], alphas[0][1] == _PREMULTIPLIED) if alphas else (order, None, False)


def _planes(header: Header) -> list[Image.Image]:
    """Return every component as L from 0 to 255, or as it is if it is an index into a palette."""
    is_reversible = _reversible(header.codestream, len(header.components))
    depths = [bits for bits, _, _ in header.components]
    # Scaled by the depth, as only the irreversible transform is, components need no more than 8 bits.
    changed = [min(bits, _BYTE) if not kept else bits for bits, kept in zip(depths, is_reversible, strict=True)]
    planes = _decoded(header, changed)
    if any(bits > _BYTE for bits in changed) and any(plane.getextrema()[0] == 0 for plane in planes):
        # Pillow rounds the highest levels up to 256, which is 0 in a byte. Half as bright, they show.
        halved = _decoded(header, [bits + (bits > _BYTE) for bits in changed])
        planes = [
            _unwrapped(plane, half) if bits > _BYTE else plane
            for plane, half, bits in zip(planes, halved, changed, strict=True)
        ]
    indices = {component for component, by_palette, _ in header.mapping if by_palette}
    return [
        _unscaled(plane, bits, is_index=number in indices)
        for number, (plane, bits) in enumerate(zip(planes, depths, strict=True))
    ]


def _reversible(codestream: memoryview, number: int) -> list[bool]:
    """Return whether the wavelet transform of each component is the reversible one."""
    reversible, at = [True] * number, 2
    own: dict[int, bool] = {}
    while at + 4 <= len(codestream):
        marker, length = struct.unpack_from(">HH", codestream, at)
        if marker == _TILE_PART:
            break
        if marker == _DEFAULT_CODING:
            reversible = [codestream[at + 13] == 1] * number
        elif marker == _COMPONENT_CODING:
            own[codestream[at + 4]] = codestream[at + 10] == 1
        at += 2 + max(2, length)
    return [own.get(component, usual) for component, usual in enumerate(reversible)]


def _decoded(header: Header, depths: list[int]) -> list[Image.Image]:
    """Return the components in 8 bits, decoded as if they had ``depths``."""
    file = BytesIO(header.codestream)
    with file.getbuffer() as content:
        for number, depth in enumerate(depths):
            at = COMPONENTS_AT + 3 * number
            content[at] = content[at] & 0x80 | depth - 1
    with Jpeg2KImageFile(file) as image:
        if image.mode == "I;16":
            image._mode = "L"  # noqa: SLF001 - one component of any depth; 8 bits of it are enough here
        image.load()
        planes = image.split()
    return list(planes)


def _unwrapped(plane: Image.Image, half: Image.Image) -> Image.Image:
    """Return ``plane`` with 255 where it wrapped to 0: ``half`` is at least 128 there, and at most 64 for black."""
    wrapped = ImageChops.darker(plane.point([255] + [0] * 255), half.point([0] * 128 + [255] * 128))
    return ImageChops.lighter(plane, wrapped)


def _unscaled(plane: Image.Image, bits: int, *, is_index: bool) -> Image.Image:
    """Return the levels of a component of less than 8 bits: Pillow only shifts them, so white is gray."""
    if bits >= _BYTE:
        return plane
    top = (1 << bits) - 1
    return plane.point([(level >> 8 - bits) if is_index else (level >> 8 - bits) * 255 // top for level in range(256)])


def _mapped(header: Header, planes: list[Image.Image]) -> list[Image.Image]:
    """Return the channels: components, or columns of the palette that they point into."""
    if not header.palette or not header.mapping:
        return planes
    if len(header.palette[0]) > _MOST_COLOURS or any(
        header.components[component][0] > _BYTE for component, _, _ in header.mapping
    ):
        raise _refused("with a palette of more than 256 colours")
    channels = []
    for component, by_palette, column in header.mapping:
        levels = (header.palette[column] + header.palette[column][-1:] * 256)[:256]
        channels.append(planes[component].point(levels) if by_palette else planes[component])
    return channels
