"""Strips a GIF of its extensions, and tells whether its first frame is cut. Pure.

Pillow refuses a GIF for an extension that is shorter than usual, though it is allowed to ignore them.
"""

SIGNATURES = (b"GIF87a", b"GIF89a")
_HEADER, _FLAGS_AT, _HAS_PALETTE, _PALETTE_SIZE = 13, 10, 0x80, 7
_MOST_EXTENSIONS = 10_000
_EXTENSION, _FRAME = b"!", b","
_CONTROL = b"\x21\xf9\x04"  # the usual control extension, which states what is transparent
_CONTROL_LENGTH = 8
_FRAME_HEADER, _FRAME_FLAGS_AT = 10, 9


def without_extensions(source: bytes) -> bytes:
    """Return ``source`` without extensions before its first frame, except for what states transparency."""
    start = _start_of_blocks(source)
    at, control = start, b""
    for _ in range(_MOST_EXTENSIONS):
        if source[at : at + 1] != _EXTENSION:
            break
        if source.startswith(_CONTROL, at):
            control = source[at : at + _CONTROL_LENGTH]
        at = _end_of_data(source, at + 2)  # after its kind
    return source[:start] + control + source[at:]


def ends_early(source: bytes) -> bool:
    """Whether ``source`` ends before its first frame does; a file in many pieces or of unknown ones is damaged."""
    at = _start_of_blocks(source)
    for _ in range(_MOST_EXTENSIONS):
        if source[at : at + 1] != _EXTENSION:
            break
        at = _end_of_data(source, at + 2)
    if source[at : at + 1] == _FRAME:
        flags = int.from_bytes(source[at + _FRAME_FLAGS_AT : at + _FRAME_HEADER])
        at = _end_of_data(source, at + _FRAME_HEADER + _palette_bytes(flags) + 1)  # after the width of its codes
        return at > len(source)
    return at >= len(source)


def _start_of_blocks(source: bytes) -> int:
    return _HEADER + (_palette_bytes(source[_FLAGS_AT]) if len(source) > _HEADER else 0)


def _palette_bytes(flags: int) -> int:
    return 3 * (2 << (flags & _PALETTE_SIZE)) if flags & _HAS_PALETTE else 0


def _end_of_data(source: bytes, at: int) -> int:
    """Return where the pieces of data that begin at ``at`` end, beyond the end of ``source`` if they are cut."""
    while at < len(source) and source[at]:
        at += 1 + source[at]
    return at + 1
