"""Opens JPEG 2000, and gives its components the meaning that the file states. Pure.

Pillow shows components in the order in which they are stored, without profile, and lets white of more than 8 bits wrap
to black. ISO 15444-1 describes codestreams (annex A) and the boxes around them (annex I).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageChops
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

from shared.errors import Permanent, Reason

_FILE, _CODESTREAM = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
SIGNATURES = (_FILE, _CODESTREAM)
_DEFAULT_CODING, _COMPONENT_CODING, _TILE_PART = 0xFF52, 0xFF53, 0xFF90  # markers
_COMPONENTS_AT = 42  # bytes from the start of a codestream; three for each component
_SRGB, _GRAY, _SYCC, _CMYK = 16, 17, 18, 12
_COLOURS = {_SRGB: 3, _GRAY: 1, _SYCC: 3, _CMYK: 4, 0: 1, 15: 1}  # of enumerated spaces
_WHITE_IS_0 = 0  # the space of pictures with two levels; in 15, 0 is black
_PROFILE_SPACES = {b"GRAY": _GRAY, b"RGB ": _SRGB, b"CMYK": _CMYK}
_OTHER_SPACES = {1: "YCbCr", 3: "YCbCr", 4: "YCbCr", 9: "PhotoYCC", 11: "CMY", 13: "YCCK", 14: "Lab", 19: "CIEJab"}
_OTHER_SPACES |= {20: "e-sRGB", 21: "ROMM RGB", 24: "e-sYCC"}
_COLOUR, _OPACITY, _PREMULTIPLIED = 0, 1, 2  # types of channels
_DEEPEST = 16  # bits
_MOST_BOXES = 1000


@dataclass
class _Header:
    """What the boxes and the codestream say, as far as it matters for colours."""

    codestream: memoryview
    size: tuple[int, int] = (0, 0)
    components: list[tuple[int, bool, bool]] = field(default_factory=list)  # bits, signed, subsampled
    spaces: list[int] = field(default_factory=list)
    profile: bytes | None = None
    definitions: list[tuple[int, int, int]] = field(default_factory=list)  # channel, type, colour it belongs to
    palette: list[list[int]] = field(default_factory=list)  # levels from 0 to 255, by column
    mapping: list[tuple[int, int, int]] = field(default_factory=list)  # component, by palette, column


class Components(Image.Image):
    """A JPEG 2000 of which ``decoded`` returns the pixels; it is opened with only its header."""

    format = "JPEG2000"

    def __init__(self, header: _Header, space: int) -> None:
        super().__init__()
        self._header, self._space = header, space
        self._size, self.info = header.size, {}
        self._channels = _channels(header, _COLOURS[space])
        modes = {_SYCC: "RGB", _SRGB: "RGB", _CMYK: "CMYK"}
        self._mode = modes.get(space, "L") + "A" * (self._channels[1] is not None)
        if self.mode == "CMYKA":
            raise _refused("of CMYK with transparency")
        if header.profile:
            self.info["icc_profile"] = header.profile

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
        Permanent: ``not_an_image`` for colours or channels that cannot be shown rightly.
        UnidentifiedImageError: the file has no header.
    """
    try:
        header = _header(source)
    except (struct.error, IndexError):
        return Image.open(BytesIO(source), formats=("JPEG2000",))
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
    if not 1 <= len(header.components) <= 4:
        raise _refused(f"of {len(header.components)} components")
    return Components(header, space)


def _refused(kind: str) -> Permanent:
    detail = f"The picture is a JPEG 2000 {kind}, which we cannot read. Export it as JPEG or PNG, and upload that."
    return Permanent(Reason.NOT_AN_IMAGE, detail)


def _is_right_in_pillow(header: _Header, space: int) -> bool:
    """Whether all is as usual: 8 bits (16 for gray alone), one component for each colour, alpha at the end."""
    number, colours = len(header.components), _COLOURS[space]
    channels = [(kind, colour) for _, kind, colour in sorted(header.definitions)]
    usual = [(_COLOUR, colour) for colour in range(1, colours + 1)] + [(_OPACITY, 0)] * (number > colours)
    is_plain = channels == usual or (not channels and number == colours)
    is_deep_gray = number == 1 and _DEEPEST >= header.components[0][0] > 8 and not header.components[0][2]
    depths = all(component == (8, False, False) for component in header.components) if not is_deep_gray else True
    has_space = space in (_SRGB, _GRAY, _CMYK) and number in (colours, colours + 1) and number <= 4
    return has_space and depths and is_plain and not header.palette and not header.mapping


# --- the header --------------------------------------------------------------------------------------------------


def _header(source: bytes) -> _Header:
    header = _Header(memoryview(source))
    if source.startswith(_FILE):
        header.codestream = memoryview(b"")
        for kind, start, end in _boxes(source, 0, len(source)):
            if kind == b"jp2h":
                for inner, *place in _boxes(source, start, end):
                    _read_box(header, inner, source[slice(*place)])
            elif kind == b"jp2c":
                header.codestream = memoryview(source)[start:end]
                break
    if header.codestream[:4] != _CODESTREAM:
        raise struct.error("no codestream")
    right, bottom, left, top = struct.unpack_from(">4I", header.codestream, 8)
    (number,) = struct.unpack_from(">H", header.codestream, _COMPONENTS_AT - 2)
    header.size = right - left, bottom - top
    for at in range(_COMPONENTS_AT, _COMPONENTS_AT + 3 * number, 3):
        depth, across, down = header.codestream[at : at + 3]
        header.components.append(((depth & 0x7F) + 1, depth > 0x7F, (across, down) != (1, 1)))
    return header


def _boxes(source: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box, and where its content starts and ends."""
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        length, kind, start = *struct.unpack_from(">I4s", source, at), at + 8
        if length == 1:
            length, start = struct.unpack_from(">Q", source, at + 8)[0], at + 16
        length = length or end - at
        if length < start - at:
            return
        yield kind, start, min(at + length, end)
        at += length


def _read_box(header: _Header, kind: bytes, content: bytes) -> None:
    if kind == b"colr" and content[0] == 1 and len(content) >= 7:
        header.spaces.append(int.from_bytes(content[3:7]))
    elif kind == b"colr" and content[0] in (2, 3) and not header.profile and not set(header.spaces) & set(_COLOURS):
        header.profile = content[3:]
    elif kind == b"cdef":
        header.definitions = list(struct.iter_unpack(">3H", content[2 : len(content) - (len(content) - 2) % 6]))
    elif kind == b"cmap":
        header.mapping = list(struct.iter_unpack(">HBB", content[: len(content) // 4 * 4]))
    elif kind == b"pclr":
        header.palette = _palette(content)


def _palette(content: bytes) -> list[list[int]]:
    """Return the levels of each column, scaled to 8 bits."""
    number, columns = struct.unpack_from(">HB", content)
    depths = content[3 : 3 + columns]
    if any(depth > 0x7F for depth in depths):
        raise _refused("with a palette of signed numbers")
    tops = [(2 << depth) - 1 for depth in depths]
    entry = ">" + "".join("BH"[depth > 7] for depth in depths)
    entries = struct.iter_unpack(entry, content[3 + columns :][: number * struct.calcsize(entry)])
    rows = [[level * 255 // top for level, top in zip(row, tops, strict=True)] for row in entries]
    return [list(column) for column in zip(*rows, strict=True)]


def _space(header: _Header) -> int:
    """Return the first colour space that can be shown; a file without one is gray or sRGB, by its components."""
    channels = len(header.mapping) or len(header.components)
    profile_space = _PROFILE_SPACES.get((header.profile or b"")[16:20], -1)
    for space in (profile_space, *header.spaces):
        if space in _COLOURS and (header.definitions or channels - _COLOURS[space] in (0, 1)):
            return space
    if header.spaces and header.spaces[0] not in _COLOURS:
        name = _OTHER_SPACES.get(header.spaces[0], f"the colour space {header.spaces[0]}")
        raise _refused(f"in {name}")
    if header.profile and header.profile[16:20] in (b"Lab ", b"XYZ ", b"YCbr", b"HSV ", b"CMY "):
        raise _refused(f"with a profile for {header.profile[16:20].decode().strip()}")
    return _GRAY if channels < 3 else _SRGB


def _channels(header: _Header, colours: int) -> tuple[list[int], int | None, bool]:
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


# --- the pixels --------------------------------------------------------------------------------------------------


def _planes(header: _Header) -> list[Image.Image]:
    """Return every component as L from 0 to 255, or as it is if it is an index into a palette."""
    is_reversible = _reversible(header.codestream, len(header.components))
    depths = [bits for bits, _, _ in header.components]
    # Scaled by the depth, as only the irreversible transform is, components need no more than 8 bits.
    changed = [min(bits, 8) if not kept else bits for bits, kept in zip(depths, is_reversible, strict=True)]
    planes = _decoded(header, changed)
    if any(bits > 8 for bits in changed) and any(plane.getextrema()[0] == 0 for plane in planes):
        # Pillow rounds the highest levels up to 256, which is 0 in a byte. Half as bright, they show.
        halved = _decoded(header, [bits + (bits > 8) for bits in changed])
        planes = [
            _unwrapped(plane, half) if bits > 8 else plane
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


def _decoded(header: _Header, depths: list[int]) -> list[Image.Image]:
    """Return the components in 8 bits, decoded as if they had ``depths``."""
    file = BytesIO(header.codestream)
    with file.getbuffer() as content:
        for number, depth in enumerate(depths):
            at = _COMPONENTS_AT + 3 * number
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
    if bits >= 8:
        return plane
    top = (1 << bits) - 1
    return plane.point([(level >> 8 - bits) if is_index else (level >> 8 - bits) * 255 // top for level in range(256)])


def _mapped(header: _Header, planes: list[Image.Image]) -> list[Image.Image]:
    """Return the channels: components, or columns of the palette that they point into."""
    if not header.palette or not header.mapping:
        return planes
    if len(header.palette[0]) > 256 or any(header.components[component][0] > 8 for component, _, _ in header.mapping):
        raise _refused("with a palette of more than 256 colours")
    channels = []
    for component, by_palette, column in header.mapping:
        levels = (header.palette[column] + header.palette[column][-1:] * 256)[:256]
        channels.append(planes[component].point(levels) if by_palette else planes[component])
    return channels
