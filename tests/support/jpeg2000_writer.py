"""Writes JPEG 2000 of any components: Pillow encodes each alone, and their packets are joined in one codestream."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image


@dataclass(frozen=True)
class Component:
    """Holds one component; ``levels`` are whole numbers of ``bits`` bits, without a sign."""

    size: tuple[int, int]
    levels: Sequence[int]
    bits: int = 8
    signed: bool = False
    step: int = 1  # each of its pixels covers so many of the picture in both directions


def codestream(size: tuple[int, int], components: Sequence[Component], *, irreversible: bool = False) -> bytes:
    alone = [_alone(component, irreversible=irreversible) for component in components]
    head = struct.pack(">HIIIIIIII", 0, *size, 0, 0, *size, 0, 0) + struct.pack(">H", len(components))
    head += b"".join(bytes((c.bits - 1 | 0x80 * c.signed, c.step, c.step)) for c in components)
    parts = [b"\xff\x4f", b"\xff\x51", struct.pack(">H", len(head) + 2), head, _segment(alone[0], b"\xff\x52")]
    parts.append(_segment(alone[0], b"\xff\x5c"))
    for number, stream in enumerate(alone):
        quantization = _segment(stream, b"\xff\x5c")[4:]
        parts.append(b"\xff\x5d" + struct.pack(">HB", len(quantization) + 3, number) + quantization)
    packets = b"".join(_packets(stream) for stream in alone)
    tile = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14 + len(packets), 0, 1) + b"\xff\x93" + packets
    return b"".join(parts) + tile + b"\xff\xd9"


def _alone(component: Component, *, irreversible: bool) -> bytes:
    """Return a codestream of 8 or 16 bits, whose middle is that of the component: decoders count from there.

    The irreversible transform scales by the depth, the reversible one does not.
    """
    depth = 8 if component.bits <= 8 else 16
    shift = 0 if irreversible else (1 << depth - 1) - (1 << component.bits - 1)
    scale = 1 << depth - component.bits if irreversible else 1
    numbers = [level * scale + shift for level in component.levels]
    data = bytes(numbers) if depth == 8 else struct.pack(f"<{len(numbers)}H", *numbers)
    image = Image.frombytes("L" if depth == 8 else "I;16", component.size, data)
    file = BytesIO()
    layers = [1] if irreversible else None
    image.save(file, "JPEG2000", no_jp2=True, progression="CPRL", irreversible=irreversible, quality_layers=layers)
    return file.getvalue()


def _segment(stream: bytes, marker: bytes) -> bytes:
    at = stream.index(marker)
    return stream[at : at + 2 + int.from_bytes(stream[at + 2 : at + 4])]


def _packets(stream: bytes) -> bytes:
    return stream[stream.index(b"\xff\x93") + 2 : -2]


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def enumerated(space: int) -> bytes:
    return box(b"colr", bytes((1, 0, 0)) + struct.pack(">I", space))


def profiled(profile: bytes) -> bytes:
    return box(b"colr", bytes((2, 0, 0)) + profile)


def definitions(*channels: tuple[int, int, int]) -> bytes:
    """Return the box that says for each channel its number, its type and the colour that it belongs to."""
    content = b"".join(struct.pack(">3H", *channel) for channel in channels)
    return box(b"cdef", struct.pack(">H", len(channels)) + content)


def palette(*colours: Sequence[int], bits: int = 8) -> bytes:
    letter = "B" if bits <= 8 else "H"
    entries = b"".join(struct.pack(f">{len(colour)}{letter}", *colour) for colour in colours)
    return box(
        b"pclr", struct.pack(">HB", len(colours), len(colours[0])) + bytes([bits - 1] * len(colours[0])) + entries
    )


def mapping(*channels: tuple[int, int, int]) -> bytes:
    return box(b"cmap", b"".join(struct.pack(">HBB", *channel) for channel in channels))


def jp2(stream: bytes, *boxes: bytes) -> bytes:
    width, height = struct.unpack_from(">II", stream, 8)
    number = int.from_bytes(stream[40:42])
    depths = {stream[42 + 3 * n] for n in range(number)}
    header = struct.pack(">IIHBBBB", height, width, number, depths.pop() if len(depths) == 1 else 255, 7, 0, 0)
    start = b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", box(b"ihdr", header) + b"".join(boxes)) + box(b"jp2c", stream)
