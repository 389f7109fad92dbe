"""Whatever is broken beside the pixels of a JPEG, the picture comes out as it was drawn."""

import pytest
from PIL import Image

from devstack.drawing.encodings import adobe_rgb_profile
from shared.errors import EndsEarly, Reason
from shared.pictures.render import render
from tests.support.jpeg_writers import JFIF, segment, with_segments, without_segments
from tests.support.mutations import jpeg_segments
from tests.support.pictures import assert_near, colour_at, difference, oriented, quarters, refused, rendered, saved

PLAIN = saved(quarters(), "JPEG")
PROGRESSIVE = saved(quarters(), "JPEG", progressive=True)
THUMBNAIL = saved(Image.new("RGB", (16, 8), "black"), "JPEG")
RESOURCE = b"Photoshop 3.0\0"
PROFILE = adobe_rgb_profile()

# Data of segments that are cut, empty or odd; their lengths are right.
ODD: dict[str, tuple[int, bytes]] = {
    **{f"APP{number}, empty": (0xE0 + number, b"") for number in range(16)},
    **{f"APP{number} of a byte": (0xE0 + number, b"\xff") for number in (0, 1, 2, 13, 14)},
    "comment, empty": (0xFE, b""),
    "JFIF alone": (0xE0, b"JFIF"),
    "JFIF, cut in its version": (0xE0, b"JFIF\0\1"),
    "JFIF, cut in its density": (0xE0, JFIF[:9]),
    "JFXX, cut": (0xE0, b"JFXX\0\x10\xff\xd8\xff"),
    "JFXX with a thumbnail": (0xE0, b"JFXX\0\x10" + THUMBNAIL),
    "EXIF without a TIFF": (0xE1, b"Exif\0\0"),
    "EXIF, cut in its header": (0xE1, b"Exif\0\0II*\0\x08"),
    "EXIF, cut in its directory": (0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"),
    "EXIF in no byte order": (0xE1, b"Exif\0\0XX*\0\x08\0\0\0\0\0"),
    "EXIF that points beyond": (0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "EXIF with a thumbnail": (0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + THUMBNAIL),
    "XMP, empty": (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
    "XMP, cut": (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="),
    "profile without numbers": (0xE2, b"ICC_PROFILE\0"),
    "profile without a count": (0xE2, b"ICC_PROFILE\0\1"),
    "profile without data": (0xE2, b"ICC_PROFILE\0\1\1"),
    "profile, one part of two": (0xE2, b"ICC_PROFILE\0\1\2" + PROFILE),
    "profile, none of none": (0xE2, b"ICC_PROFILE\0\0\0" + PROFILE),
    "profile, cut": (0xE2, b"ICC_PROFILE\0\1\1" + PROFILE[:140]),
    "FlashPix, cut": (0xE2, b"FPXR\0"),
    "MPF, cut": (0xE2, b"MPF\0II*\0\x08"),
    "MPF of many pictures": (0xE2, b"MPF\0II*\0\x08\0\0\0\1\0\1\xb0\4\0\1\0\0\0\xff\xff\0\0"),
    "resource, cut in its code": (0xED, RESOURCE + b"8BIM\7"),
    "resource, cut behind its code": (0xED, RESOURCE + b"8BIM\7\xdb"),
    "resource, cut in its name": (0xED, RESOURCE + b"8BIM\3\xed\x20ab"),
    "resource, cut in its size": (0xED, RESOURCE + b"8BIM\3\xed\0\0\0\0"),
    "resource, cut in its data": (0xED, RESOURCE + b"8BIM\3\xed\0\0\0\0\0\x10\0\1"),
    "resource of four gigabytes": (0xED, RESOURCE + b"8BIM\4\4\0\0\xff\xff\xff\xff"),
    "Adobe alone": (0xEE, b"Adobe"),
    "Adobe, cut in its version": (0xEE, b"Adobe\0"),
    "Adobe, cut before its transform": (0xEE, b"Adobe\0\x64\0\0\0\0"),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # the app silences Pillow
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("jpeg", [PLAIN, PROGRESSIVE], ids=["baseline", "progressive"])
def test_an_odd_segment_does_not_spoil_the_picture(jpeg: bytes, kind: str) -> None:
    extra = segment(*ODD[kind])
    for at in range(1, len(jpeg_segments(jpeg)) - 1):
        assert difference(quarters(), rendered(with_segments(jpeg, extra, at=at))) < 6
    assert difference(quarters(), rendered(with_segments(without_segments(jpeg, 0xE0), extra, extra))) < 6


WRONG_LENGTHS = (0, 1, 2, 3, 9, 40, 200, 700, 5000, 0xFFFF)
CONTENTS: dict[str, tuple[int, bytes]] = {
    "JFIF": (0xE0, JFIF),
    "EXIF with a thumbnail": (0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + THUMBNAIL),
    "profile": (0xE2, b"ICC_PROFILE\0\1\2" + bytes(500)),
    "resource": (0xED, RESOURCE + b"8BIM\4\4\0\0\0\0\0\3abc\0"),
    "Adobe": (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
    "comment": (0xFE, b"somebody's shop, \xff\xfe\xff\xe1\xff and more"),
}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("length", WRONG_LENGTHS)
def test_the_picture_is_found_behind_a_wrong_length(length: int, kind: str) -> None:
    marker, data = CONTENTS[kind]
    large = quarters(640, 320)
    for jpeg, expected in ((PLAIN, quarters()), (PROGRESSIVE, quarters()), (saved(large, "JPEG"), large)):
        for at in range(1, len(jpeg_segments(jpeg)) - 1):
            source = with_segments(jpeg, segment(marker, data, length), at=at)
            assert difference(expected, rendered(source)) < 6


def test_a_thumbnail_is_never_taken_for_the_picture() -> None:
    source = with_segments(PLAIN, segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0" + THUMBNAIL + bytes(2000)))
    end = source.index(THUMBNAIL) + len(THUMBNAIL) + 20
    with pytest.raises(EndsEarly):
        render(source[:end])


@pytest.mark.parametrize("start", [0, 6, 20])
def test_a_length_that_leads_into_a_thumbnail_is_wrong(start: int) -> None:
    extra = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"[:start] + THUMBNAIL
    for at in range(1, len(jpeg_segments(PLAIN))):
        assert difference(quarters(), rendered(with_segments(PLAIN, segment(0xE1, extra, start + 2), at=at))) < 6


def test_a_second_picture_is_never_taken_for_the_first() -> None:
    damaged = without_segments(PLAIN, 0xC0)
    refused(damaged + THUMBNAIL, Reason.NOT_AN_IMAGE)


@pytest.mark.parametrize(
    "junk", [b"\0", b"junk", b"\xff\xff\xff", b"\xff\xd8", b"\xff\xd8\xff\xd8", b"\xff\xd3", b"\xff\x01"]
)
def test_junk_between_segments_does_not_spoil_the_picture(junk: bytes) -> None:
    for at in range(2, len(jpeg_segments(PLAIN))):
        assert difference(quarters(), rendered(with_segments(PLAIN, junk, at=at))) < 6


@pytest.mark.parametrize("marker", [0xF0, 0xF7, 0xFD, 0x02, 0x4F, 0xBF])
def test_an_unknown_segment_does_not_spoil_the_picture(marker: int) -> None:
    assert difference(quarters(), rendered(with_segments(PLAIN, segment(marker, b"unknown"), at=2))) < 6


def test_tables_of_their_own_may_precede_the_picture() -> None:
    start, *parts, pixels = jpeg_segments(PLAIN)
    tables = [part for part in parts if part[1] in (0xC4, 0xDB)]
    others = [part for part in parts if part[1] not in (0xC4, 0xDB)]
    source = b"".join((start, *tables, b"\xff\xd9", start, *others, pixels))
    assert difference(quarters(), rendered(source)) < 6


# --- what is sound still counts ----------------------------------------------------------------------------------


def test_orientation_counts_beside_a_broken_segment() -> None:
    jpeg = saved(quarters(), "JPEG", exif=oriented(6))
    for broken in (segment(0xED, RESOURCE + b"8BIM\4"), segment(0xE0, b"JFIF"), segment(0xFE, b"", 0)):
        for at in (1, 2, 3):
            assert rendered(with_segments(jpeg, broken, at=at)).size == (32, 64)


def test_orientation_counts_behind_an_empty_exif_block() -> None:
    jpeg = saved(quarters(), "JPEG", exif=oriented(6))
    assert rendered(with_segments(jpeg, segment(0xE1, b"Exif\0\0"))).size == (32, 64)


def profile_parts(*numbers: tuple[int, int]) -> list[bytes]:
    """Return the profile in as many parts as ``numbers``, which are its numbers and counts."""
    size = -(-len(PROFILE) // len(numbers))
    pieces = [PROFILE[at : at + size] for at in range(0, len(PROFILE), size)]
    return [segment(0xE2, b"ICC_PROFILE\0" + bytes(pair) + piece) for pair, piece in zip(numbers, pieces, strict=True)]


GRAY_GREEN = (120, 160, 120)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_profile_in_parts_counts_in_any_order(order: tuple[int, ...]) -> None:
    flat = Image.new("RGB", (32, 32), GRAY_GREEN)
    expected = colour_at(rendered(saved(flat, "JPEG", icc_profile=PROFILE)), 16, 16)
    assert expected != colour_at(rendered(saved(flat, "JPEG")), 16, 16)
    parts = profile_parts((1, 3), (2, 3), (3, 3))
    for at in (1, 2, len(jpeg_segments(saved(flat, "JPEG"))) - 1):
        source = with_segments(saved(flat, "JPEG"), *(parts[n] for n in order), at=at)
        assert_near(expected, colour_at(rendered(source), 16, 16), 1)


@pytest.mark.parametrize("numbers", [((1, 3), (1, 3), (3, 3)), ((1, 3), (2, 2), (3, 3)), ((1, 4), (2, 4), (3, 4))])
def test_an_inconsistent_profile_does_not_count(numbers: tuple[tuple[int, int], ...]) -> None:
    flat = Image.new("RGB", (32, 32), GRAY_GREEN)
    source = with_segments(saved(flat, "JPEG"), *profile_parts(*numbers))
    assert_near(GRAY_GREEN, colour_at(rendered(source), 16, 16), 2)


def test_a_broken_file_is_never_passed_through() -> None:
    for extra in (segment(0xED, RESOURCE + b"8BIM\4"), b"\xff\xd8", b"junk", segment(0xFE, b"ab", 2)):
        assert render(with_segments(PLAIN, extra, at=2)).quality is not None
