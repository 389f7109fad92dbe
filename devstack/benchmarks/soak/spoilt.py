"""Makes uploads that can never succeed, each with the reason that the app has to give. Pure."""

import struct
import zlib
from enum import Enum

from devstack.benchmarks.soak import pattern

AMBIGUOUS_GTIN = "4000013454339"  # two items of the simulator's own catalogue share it


class Spoilt(Enum):
    """How an upload is bad, and where it must end: the reason for quarantine, or None for an upload that waits."""

    NOT_A_PICTURE = "text instead of a picture", "not_an_image"
    CUT = "a file that ends too early", "not_an_image"
    EMPTY = "an empty file", "not_an_image"
    HUGE = "more pixels than the app accepts", "too_large"
    NO_EXTENSION = "a path without an extension", "bad_path"
    LONG_NUMBER = "an item number of 25 characters", "bad_path"
    LEFT_BY_SYSTEM = "a file that an operating system left", "ignored"
    AMBIGUOUS = "a GTIN that two items share", "item_ambiguous"
    NO_COMPANY = "a company that does not exist", None

    @property
    def reason(self) -> str | None:
        """The reason for quarantine; None means that the upload waits in incoming."""
        reason: str | None = self.value[1]
        return reason


def spoilt_content(kind: Spoilt, number: int) -> bytes:
    """Return the file of a spoilt upload; those whose path is bad are good pictures."""
    tag = number.to_bytes(4, "big")
    whole = pattern.paint(number, "png", number)
    return {
        Spoilt.NOT_A_PICTURE: b"no picture " + tag,
        Spoilt.CUT: whole[:33] + _chunk(b"tEXt", b"Comment\0" + tag) + whole[33:150],
        Spoilt.EMPTY: b"",
        Spoilt.HUGE: _huge(tag),
    }.get(kind, whole)


def _huge(tag: bytes) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(tag)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
