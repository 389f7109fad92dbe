"""What a photographer is told of bytes that are no complete picture. Pure."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import ImageCms, UnidentifiedImageError

from shared.errors import Permanent, Reason

_TAKEN = "Pictures are taken as JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP or JPEG 2000."
_ENDS_EARLY = "The file ends too early, probably an interrupted upload; upload it again."
_DAMAGED = (
    "The picture is damaged, or saved in a rare way that is not taken; export it again, as JPEG or PNG, and upload "
    "that."
)
_HEIC = (
    "This is a HEIC picture, as iPhones take them. Export it as JPEG and upload that; or let whoever runs this app "
    "add the package pillow-heif to its requirements."
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# How Pillow and its decoders say that there should be more.
_MORE = ("truncated", "incomplete", "unexpected end", "end of file", "bytes but only got", "not enough")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8}  # bytes of TIFF's types
_INLINE = 4  # bytes that fit into the entry itself
_SHORTEST = 12  # bytes, below which no file shows what it is
_LONGEST = 200  # characters of what Pillow says


@contextmanager
def explained(source: bytes) -> Iterator[None]:
    """Turn what Pillow raises on bad bytes in the block into the one reason that a photographer understands.

    Not a MemoryError: too little memory is our fault, and the next delivery may have more.

    Raises:
        Permanent: ``not_an_image``.
    """
    try:
        yield
    except UnidentifiedImageError:
        raise Permanent(Reason.NOT_AN_IMAGE, _beginning(source)) from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        ArithmeticError,
    ) as error:
        raise _damaged(source, error) from error
    except (struct.error, zlib.error, ImageCms.PyCMSError, RuntimeError, AssertionError) as error:
        raise _damaged(source, error) from error


def _beginning(source: bytes) -> str:
    if not source:
        return "The file is empty, probably an interrupted upload; upload it again."
    ends_early = _known(source)
    if ends_early or len(source) < _SHORTEST:
        return _DAMAGED if ends_early and not ends_early(source) else _ENDS_EARLY
    if source[4:8] == b"ftyp" and source[8:12] in _HEIF_BRANDS:
        return f"{_HEIC} {_TAKEN}"
    return f"The file does not begin like a picture (its first bytes are {source[:8].hex(' ')}). {_TAKEN}"


def _damaged(source: bytes, error: Exception) -> Permanent:
    said = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:_LONGEST])
    ends_early = _known(source)
    is_short = any(word in said.lower() for word in _MORE) or (ends_early and ends_early(source))
    return Permanent(
        Reason.NOT_AN_IMAGE, f"{_ENDS_EARLY if is_short else _DAMAGED} (Pillow says: {said or repr(error)})"
    )


def _known(source: bytes) -> Callable[[bytes], bool] | None:
    """Return what tells whether a source that begins like this ends too early; None where it begins like no picture."""
    return next((ends_early for begins, ends_early in _KINDS if begins(source)), None)


def _begins(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda source: source.startswith(beginnings)


def _lacks(end: bytes) -> Callable[[bytes], bool]:
    """The end is looked for near the end: some programs append something of their own."""
    return lambda source: end not in source[-1024:]


def _is_avif(source: bytes) -> bool:
    brands = source[8 : int.from_bytes(source[:4])]
    return source[4:8] == b"ftyp" and any(brand in brands[:256] for brand in (b"avif", b"avis"))


def _riff_ends_early(source: bytes) -> bool:
    return int.from_bytes(source[4:8], "little") + 8 > len(source)


def _tiff_ends_early(source: bytes) -> bool:
    """Tell whether the first directory, often the last thing in the file, or what it points to, lies beyond the end."""
    order = "<" if source.startswith(b"II") else ">"
    is_big = b"\x2b" in source[2:4]
    try:
        (at,) = struct.unpack_from(order + "Q" if is_big else order + "L", source, 8 if is_big else 4)
        (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), source, at)
    except (struct.error, OverflowError):
        return True
    at += 8 if is_big else 2
    end = at + count * (20 if is_big else 12)
    return end > len(source) or (not is_big and _values_end(source, at, end, order) > len(source))


def _values_end(source: bytes, at: int, end: int, order: str) -> int:
    entries = struct.iter_unpack(order + "HHLL", source[at:end])
    return max(
        (where + size for _, kind, count, where in entries if (size := _SIZES.get(kind, 0) * count) > _INLINE),
        default=0,
    )


def _boxes_end_early(source: bytes) -> bool:
    """Tell whether a box of an ISO file (AVIF, JPEG 2000) is cut; one without a length reaches to the end."""
    at = 0
    while at < len(source):
        length = int.from_bytes(source[at : at + 4])
        if length == 1:
            length = int.from_bytes(source[at + 8 : at + 16])
        if length == 0:
            return _lacks(b"\xff\xd9")(source)
        at += max(8, length)
    return at > len(source)


def _bmp_ends_early(source: bytes) -> bool:
    return int.from_bytes(source[2:6], "little") > len(source)


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], bool]], ...] = (
    (_begins(b"\xff\xd8\xff"), _lacks(b"\xff\xd9")),
    (_begins(b"\x89PNG\r\n\x1a\n"), _lacks(b"IEND")),
    (_begins(b"RIFF"), _riff_ends_early),
    (_is_avif, _boxes_end_early),
    (_begins(b"II*\0", b"MM\0*", b"II\x2b\0", b"MM\0\x2b"), _tiff_ends_early),
    (_begins(b"GIF87a", b"GIF89a"), _lacks(b";")),
    (_begins(b"BM"), _bmp_ends_early),
    (_begins(b"\0\0\0\x0cjP  \r\n\x87\n"), _boxes_end_early),
    (_begins(b"\xff\x4f\xff\x51"), _lacks(b"\xff\xd9")),
)
