"""Whatever is wrong beside the pixels of a PNG, its picture is rendered, and what is sound beside them counts."""

import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import Reason
from tests.support.image_writers import Chunk, png
from tests.support.pictures import BLUE, RED, assert_near, colour_at, difference, oriented, quarters, refused, rendered
from tests.support.wide_gamut import PROFILES, chart, in_srgb, mean_difference

HEADER_END = 33  # bytes: the signature and the header
EXIF = oriented(6).tobytes()[6:]
SOUND: dict[bytes, bytes] = {
    b"iTXt": b"Comment\0\0\0en\0\0a caption",
    b"tEXt": b"Comment\0a caption",
    b"zTXt": b"Comment\0\0" + zlib.compress(b"a caption"),
    b"eXIf": oriented(1).tobytes()[6:],
    b"sRGB": b"\0",
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    b"iCCP": b"name\0\0" + zlib.compress(bytes(200)),
    b"pHYs": struct.pack(">IIB", 2835, 2835, 1),
    b"tIME": struct.pack(">HBBBBB", 2024, 1, 2, 3, 4, 5),
    b"bKGD": b"\0\1\0\2\0\3",
    b"hIST": b"\0\1",
    b"sBIT": b"\x08\x08\x08",
    b"sPLT": b"name\0\x08",
    b"acTL": struct.pack(">II", 2, 0),
    b"fcTL": struct.pack(">IIIIIHHBB", 0, 64, 32, 0, 0, 1, 1, 0, 0),
    b"fdAT": b"\0\0\0\1abc",
    b"oFFs": bytes(9),
    b"prVt": b"private",
}


def chunk(kind: bytes, data: bytes, *, length: int | None = None, checksum_off: int = 0) -> bytes:
    checksum = zlib.crc32(kind + data) ^ checksum_off
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", checksum)


def with_bytes(source: bytes, extra: bytes) -> bytes:
    return source[:HEADER_END] + extra + source[HEADER_END:]


def assert_as_drawn(image: Image.Image) -> None:
    assert difference(quarters(), image) < 6
    assert_near(RED, colour_at(image, 3, 3))


FAULTS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "none": chunk,
    "wrong checksum": lambda kind, data: chunk(kind, data, checksum_off=1),
    "no data": lambda kind, _: chunk(kind, b""),
    "one byte less": lambda kind, data: chunk(kind, data[:-1]),
    "half the data": lambda kind, data: chunk(kind, data[: len(data) // 2]),
    "one byte more": lambda kind, data: chunk(kind, data + b"\0"),
    "nonsense": lambda kind, data: chunk(kind, b"\xff" * len(data)),
    "twice": lambda kind, data: chunk(kind, data) * 2,
    "a length of 0": lambda kind, data: chunk(kind, data, length=0),
    "a length too short": lambda kind, data: chunk(kind, data, length=max(0, len(data) - 1)),
    "a length too long": lambda kind, data: chunk(kind, data, length=len(data) + 5),
    "a length into the pixels": lambda kind, data: chunk(kind, data, length=len(data) + 60),
    "a length beyond the file": lambda kind, data: chunk(kind, data, length=2**31 - 1),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", SOUND, ids=bytes.decode)
def test_no_fault_beside_the_pixels_spoils_a_png(kind: bytes, fault: str) -> None:
    broken = FAULTS[fault](kind, SOUND[kind])
    source = png(quarters())
    end = source.index(b"IEND") - 4
    for damaged in (with_bytes(source, broken), source[:end] + broken + source[end:], source + broken):
        assert_as_drawn(rendered(damaged))


def test_pixels_in_pieces_with_other_chunks_between_them() -> None:
    source = png(quarters())
    start = source.index(b"IDAT") - 4
    data = source[start + 8 : source.index(b"IEND") - 8]
    half = len(data) // 2
    captions = chunk(b"tEXt", SOUND[b"tEXt"]) + chunk(b"gAMA", b"\0")
    pieces = chunk(b"IDAT", data[:half]) + captions + chunk(b"IDAT", b"") + chunk(b"IDAT", data[half:])
    assert_as_drawn(rendered(source[:start] + pieces + chunk(b"IEND", b"")))


@pytest.mark.parametrize("keyword", ["interlace", "bbox", "transparency", "icc_profile", "gamma", "exif", "srgb"])
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_a_caption_with_a_confusing_name_means_nothing(kind: bytes, keyword: str) -> None:
    text = {b"tEXt": b"\0", b"zTXt": b"\0\0", b"iTXt": b"\0\0\0\0\0"}[kind]
    data = keyword.encode() + text + (zlib.compress(b"1") if kind == b"zTXt" else b"1")
    assert_as_drawn(rendered(png(quarters(), 8, (kind, data))))


# --- what is sound counts ----------------------------------------------------------------------------------------

LINEAR: Chunk = (b"gAMA", struct.pack(">I", 100_000))
MIDDLE = Image.new("RGB", (40, 30), (55, 55, 55))  # linear light of 55 ÷ 255 is 128 in sRGB (IEC 61966-2-1)


@pytest.mark.parametrize("fault", ["wrong checksum", "one byte less", "no data", "a length too long", "a length of 0"])
def test_a_sound_gamma_counts_after_a_broken_one(fault: str) -> None:
    broken = FAULTS[fault](b"gAMA", struct.pack(">I", 45455))
    source = with_bytes(png(MIDDLE, 8, LINEAR), broken)
    assert_near((128, 128, 128), colour_at(rendered(source), 20, 15), 2)


def test_the_first_of_several_sound_gammas_counts() -> None:
    source = png(MIDDLE, 8, LINEAR, (b"gAMA", struct.pack(">I", 45455)))
    assert_near((128, 128, 128), colour_at(rendered(source), 20, 15), 2)


def test_a_gamma_with_a_wrong_checksum_does_not_count() -> None:
    source = with_bytes(png(MIDDLE), chunk(*LINEAR, checksum_off=1))
    assert_near((55, 55, 55), colour_at(rendered(source), 20, 15), 2)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_sound_orientation_counts_beside_a_broken_caption(place: str) -> None:
    source = png(quarters())
    end = source.index(b"IEND") - 4
    at = HEADER_END if place == "before" else end
    extra = chunk(b"iTXt", SOUND[b"iTXt"], checksum_off=1) + chunk(b"eXIf", EXIF)
    image = rendered(source[:at] + extra + source[at:])
    assert image.size == (32, 64)
    assert_near(BLUE, colour_at(image, 3, 3))
    assert_near(RED, colour_at(image, 28, 3))


def test_broken_transparency_leaves_the_picture_opaque() -> None:
    broken = chunk(b"tRNS", struct.pack(">3H", *RED), checksum_off=1)
    assert_near(RED, colour_at(rendered(with_bytes(png(quarters()), broken)), 3, 3))


def test_transparency_counts_once_the_pixels_say_so() -> None:
    source = png(quarters(), 8, (b"tRNS", struct.pack(">3H", *RED)))
    assert_near((10, 200, 30), colour_at(rendered(source), 3, 3))


def test_a_profile_counts_after_one_that_cannot_be_unpacked() -> None:
    picture = chart(160, 120)
    sound = b"name\0\0" + zlib.compress(PROFILES["ProPhoto RGB"])
    source = png(picture, 8, (b"iCCP", b""), (b"iCCP", b"name\0\0unpacked"), (b"iCCP", sound))
    assert mean_difference(in_srgb(picture, PROFILES["ProPhoto RGB"]), rendered(source)) < 2


@pytest.mark.parametrize("fault", ["wrong sum", "no sum"])
def test_a_profile_counts_without_the_sum_after_it(fault: str) -> None:
    picture = chart(160, 120)
    packed = zlib.compress(PROFILES["ProPhoto RGB"])[:-4] + (b"abcd" if fault == "wrong sum" else b"")
    image = rendered(png(picture, 8, (b"iCCP", b"name\0\0" + packed)))
    assert mean_difference(in_srgb(picture, PROFILES["ProPhoto RGB"]), image) < 2


# --- limits ------------------------------------------------------------------------------------------------------


def padded(profile: bytes, size: int) -> bytes:
    """Return ``profile`` in ``size`` bytes, as large as its header says."""
    return (struct.pack(">I", size) + profile[4:]).ljust(size, b"\0")


@pytest.mark.parametrize("size", [1024**2 + 1, 3 * 1024**2, 4 * 1024**2])
def test_profiles_up_to_4_mib_count(size: int) -> None:
    picture = chart(160, 120)
    packed = zlib.compress(padded(PROFILES["ProPhoto RGB"], size), 1)
    image = rendered(png(picture, 8, (b"iCCP", b"name\0\0" + packed)))
    assert mean_difference(in_srgb(picture, PROFILES["ProPhoto RGB"]), image) < 2


def test_a_larger_profile_is_ignored() -> None:
    packed = zlib.compress(padded(adobe_rgb_profile(), 4 * 1024**2 + 1), 1)
    assert_as_drawn(rendered(png(quarters(), 8, (b"iCCP", b"name\0\0" + packed))))


def test_profiles_that_unpack_to_far_more_are_ignored() -> None:
    bomb = zlib.compress(bytes(64 * 1024**2), 9)
    chunks: list[Chunk] = [(b"iCCP", b"name\0\0" + bomb)] * 3
    assert_as_drawn(rendered(png(quarters(), 8, *chunks)))


# --- what must be sound ------------------------------------------------------------------------------------------


def test_a_picture_without_its_palette_is_refused() -> None:
    source = png(quarters().quantize(8))
    start = source.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(source[start : start + 4])
    assert "palette is missing" in refused(source[:start] + source[end:], Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_a_critical_chunk_with_a_wrong_checksum_is_refused(kind: bytes) -> None:
    source = bytearray(png(quarters().quantize(8)))
    start = source.index(kind) - 4
    source[start + 8 + int.from_bytes(source[start : start + 4])] ^= 1
    assert "damaged" in refused(bytes(source), Reason.NOT_AN_IMAGE)


def test_apples_own_variant_is_named() -> None:
    source = with_bytes(png(quarters()), b"")
    source = source[:8] + chunk(b"CgBI", bytes(4)) + source[8:]
    assert "Apple" in refused(source, Reason.NOT_AN_IMAGE)
