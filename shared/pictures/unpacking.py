"""Unpacks a gzip that holds a picture, in bounded steps. Pure.

Some tools store pictures packed, and any uploader may set ``Content-Encoding``. Storage's client would unpack by that
header before anybody looks at a size (4 KiB can hold 4 GiB), so we read the bytes as stored and unpack them here.
"""

import zlib
from io import BytesIO

from shared.errors import EndsEarly, Permanent, Reason
from shared.pictures.diagnosis import readable_bytes

_MAGIC = b"\x1f\x8b\x08"
_GZIP = 16 + zlib.MAX_WBITS
_READ, _WRITE = 64 * 1024, 1024 * 1024  # bytes of one step
_MEMBERS_MAX = 4096  # a gzip may consist of several, of 64 KiB each in bgzip; each costs time, however small
_UPLOAD_ITSELF = "Upload the picture itself."


def unpacked(stored: bytes, max_bytes: int) -> bytes:
    """Return the content of a gzip, and anything else as it is.

    Raises:
        EndsEarly: the gzip stops before its end.
        Permanent: ``too_large`` above ``max_bytes``; ``not_an_image`` if it is damaged, or packed more than once.
    """
    if not stored.startswith(_MAGIC):
        return stored
    target, at = BytesIO(), 0
    for _ in range(_MEMBERS_MAX):
        at = _unpack_member(stored, at, target, max_bytes)
        if not stored.startswith(_MAGIC, at):
            break
    else:
        raise Permanent(Reason.NOT_AN_IMAGE, f"The file is a gzip of over {_MEMBERS_MAX:,} parts. {_UPLOAD_ITSELF}")
    content = target.getvalue()
    if content.startswith(_MAGIC):
        raise Permanent(Reason.NOT_AN_IMAGE, f"The file is packed with gzip more than once. {_UPLOAD_ITSELF}")
    return content


def _unpack_member(stored: bytes, at: int, target: BytesIO, max_bytes: int) -> int:
    """Append what the member of a gzip at ``at`` holds to ``target``; returns where the member ends."""
    unpacking, packed = zlib.decompressobj(_GZIP), b""
    while not unpacking.eof:
        if not packed:
            packed = stored[at : at + _READ]
            at += len(packed)
        try:
            piece = unpacking.decompress(packed, _WRITE)
        except zlib.error as error:
            raise Permanent(Reason.NOT_AN_IMAGE, f"The file is a damaged gzip ({error}). {_UPLOAD_ITSELF}") from error
        if not packed and not piece:
            raise EndsEarly("The file is a gzip that ends too early, probably an interrupted upload; upload it again.")
        target.write(piece)
        if target.tell() > max_bytes:
            limit = readable_bytes(max_bytes, is_limit=True)
            raise Permanent(Reason.TOO_LARGE, f"The file is a gzip of more than {limit}. Upload a smaller version.")
        packed = unpacking.unconsumed_tail
    return at - len(unpacking.unused_data)
