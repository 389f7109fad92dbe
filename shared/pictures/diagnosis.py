"""Explains unreadable files to the uploader. Pure."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import ImageCms, UnidentifiedImageError

from shared.errors import EndsEarly, Permanent, Reason
from shared.pictures import gif, tiff_directory

EXPORT_AGAIN = "export it again as JPEG or PNG, and upload that."
_ACCEPTED = "Accepted formats: JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP and JPEG 2000."
_EMPTY = "The file is empty, probably because the upload was interrupted; upload it again."
ENDS_EARLY = "The file ends too early, probably because the upload was interrupted; upload it again."
_DAMAGED = f"The picture is damaged, or saved in a format variant that we cannot read; {EXPORT_AGAIN}"
_HEIC = (
    "This is a HEIC picture, the format of iPhone photos. Export it as JPEG and upload that, or ask the operator of "
    "this app to add the package pillow-heif to its requirements."
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
# Phrases by which Pillow and its decoders report missing bytes.
_TRUNCATED = ("truncated", "incomplete", "unexpected end", "end of file", "bytes but only got", "not enough")
_SHORTEST = 12  # bytes; a shorter file does not show its format
_BMP_HEADERS = 26  # bytes of the shortest
_LONGEST_ERROR = 200  # characters
_MEGAPIXEL = 1_000_000


@contextmanager
def decoder_errors_as_reason(source: bytes) -> Iterator[None]:
    """Turn whatever Pillow raises on bad bytes into one reason that the uploader understands.

    A MemoryError passes: too little memory is our fault, and the next delivery may have more.

    Raises:
        EndsEarly: the file is cut short.
        Permanent: ``not_an_image``.
    """
    try:
        yield
    except UnidentifiedImageError:
        raise _unidentified(source) from None
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


def is_heif(source: bytes) -> bool:
    """Whether ``source`` begins like a HEIC picture; some that do are AVIF."""
    return source[4:8] == b"ftyp" and source[8:12] in _HEIF_BRANDS


def readable_bytes(size: int, *, is_limit: bool = False) -> str:
    """Return a size for people, such as "64.1 MiB".

    Limits are rounded down and other sizes up, so a size above its limit also looks larger.
    """
    for unit, name in ((1024**2, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{_tenths(size, unit, is_limit=is_limit)} {name}"
    return f"{size:,} bytes"


def readable_pixels(pixels: int, *, is_limit: bool = False) -> str:
    """Return a number of pixels for people, such as "12.5 megapixels"; rounded as ``readable_bytes`` does."""
    if pixels >= _MEGAPIXEL:
        return f"{_tenths(pixels, _MEGAPIXEL, is_limit=is_limit)} megapixels"
    return f"{pixels:,} pixels"


def _tenths(number: int, unit: int, *, is_limit: bool) -> str:
    tenths = number * 10 // unit if is_limit else -(-number * 10 // unit)
    return f"{tenths / 10:,.1f}".removesuffix(".0")


def _unidentified(source: bytes) -> Permanent:
    if not source:
        return EndsEarly(_EMPTY)
    ends_early = _truncation_check(source)
    if ends_early(source) if ends_early else len(source) < _SHORTEST or not source.strip(b"\0"):
        return EndsEarly(ENDS_EARLY)
    if ends_early:
        detail = _DAMAGED
    elif is_heif(source):
        detail = f"{_HEIC} {_ACCEPTED}"
    else:
        detail = f"The file does not look like a picture (its first bytes are {source[:8].hex(' ')}). {_ACCEPTED}"
    return Permanent(Reason.NOT_AN_IMAGE, detail)


def _damaged(source: bytes, error: Exception) -> Permanent:
    message = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:_LONGEST_ERROR])
    ends_early = _truncation_check(source)
    is_truncated = any(phrase in message.lower() for phrase in _TRUNCATED) or (ends_early and ends_early(source))
    details = f"(Details: {message or repr(error)})"
    if is_truncated:
        return EndsEarly(f"{ENDS_EARLY} {details}")
    return Permanent(Reason.NOT_AN_IMAGE, f"{_DAMAGED} {details}")


def _truncation_check(source: bytes) -> Callable[[bytes], bool] | None:
    """Return the check for a missing end that suits the format of ``source``; None for an unknown format."""
    return next((ends_early for begins, ends_early in _TRUNCATION_CHECKS if begins(source)), None)


def _begins(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda source: source.startswith(beginnings)


def _lacks(end: bytes) -> Callable[[bytes], bool]:
    """Search the last 1024 bytes: some programs append data of their own."""
    return lambda source: end not in source[-1024:]


def _is_avif(source: bytes) -> bool:
    length = int.from_bytes(source[:4])
    brands = source[8:length]
    is_avif = any(brand in brands[:256] for brand in (b"avif", b"avis"))
    return source[4:8] == b"ftyp" and (is_avif or length > len(source))  # a cut list of brands tells nothing


def _riff_ends_early(source: bytes) -> bool:
    return int.from_bytes(source[4:8], "little") + 8 > len(source)


def _boxes_end_early(*needed: bytes) -> Callable[[bytes], bool]:
    """Check the boxes of an ISO file (AVIF, JPEG 2000): one is cut, or one of those ``needed`` is missing."""

    def ends_early(source: bytes) -> bool:
        at, kinds = 0, set[bytes]()
        while at < len(source):
            length = int.from_bytes(source[at : at + 4])
            kinds.add(source[at + 4 : at + 8])
            if length == 0:  # up to the end of the file
                return _lacks(b"\xff\xd9")(source)
            if length == 1:
                length = int.from_bytes(source[at + 8 : at + 16])
            at += max(8, length)
        return at > len(source) or not kinds.issuperset(needed)

    return ends_early


def _bmp_ends_early(source: bytes) -> bool:
    return int.from_bytes(source[2:6], "little") > len(source) or len(source) < _BMP_HEADERS


# How each format begins, and whether a file of it ends too early.
_TRUNCATION_CHECKS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], bool]], ...] = (
    (_begins(b"\xff\xd8\xff"), _lacks(b"\xff\xd9")),
    (_begins(b"\x89PNG\r\n\x1a\n"), _lacks(b"IEND")),
    (_begins(b"RIFF"), _riff_ends_early),
    (_is_avif, _boxes_end_early(b"mdat")),
    (_begins(*tiff_directory.SIGNATURES), tiff_directory.ends_early),
    (_begins(*gif.SIGNATURES), gif.ends_early),
    (_begins(b"BM"), _bmp_ends_early),
    (_begins(b"\0\0\0\x0cjP  \r\n\x87\n"), _boxes_end_early(b"jp2h", b"jp2c")),
    (_begins(b"\xff\x4f\xff\x51"), _lacks(b"\xff\xd9")),
)
