"""Strips a GIF of its extensions. Pure.

Pillow refuses a GIF for an extension that is shorter than usual, though it is allowed to ignore them.
"""

SIGNATURES = (b"GIF87a", b"GIF89a")
_HEADER, _FLAGS_AT, _HAS_PALETTE, _PALETTE_SIZE = 13, 10, 0x80, 7
_MOST_EXTENSIONS = 10_000
_EXTENSION, _CONTROL = b"!", b"\x21\xf9\x04"  # the usual control extension, which states what is transparent
_CONTROL_LENGTH = 8


def without_extensions(source: bytes) -> bytes:
    """Return ``source`` without extensions before its first frame, except for what states transparency."""
    flags = source[_FLAGS_AT] if len(source) > _HEADER else 0
    start = _HEADER + (3 * (2 << (flags & _PALETTE_SIZE)) if flags & _HAS_PALETTE else 0)
    at, control = start, b""
    for _ in range(_MOST_EXTENSIONS):
        if source[at : at + 1] != _EXTENSION:
            break
        if source.startswith(_CONTROL, at):
            control = source[at : at + _CONTROL_LENGTH]
        at += 2  # its kind
        while at < len(source) and source[at]:
            at += 1 + source[at]
        at += 1
    return source[:start] + control + source[at:]
