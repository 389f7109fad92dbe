"""Names that we give to blobs stay in their folder and tell uploads apart; metadata fits what storage allows."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import Reason
from shared.storage.names import archive_name, encode_metadata, fingerprint, printable, quarantine_name, replayed_at
from tests.support.blob_paths import BLOB_PATHS, NOON

SOURCES = BLOB_PATHS.filter(bool)


def assert_storage_keeps(name: str, folder: str) -> None:
    """Assert that storage keeps the name unchanged, in its folder.

    Storage drops dots at the end of segments, resolves ``..`` and accepts at most 1,024 characters. The name must fit
    even if storage counts an emoji as two characters, as .NET does, and so must its address in a copy.
    """
    assert name.startswith(folder)
    assert len(name.encode("utf-16-le")) / 2 <= 900
    assert len(quote(name)) < 1900
    for segment in name.split("/"):
        assert segment
        assert segment == segment.strip(" ")
        assert not segment.endswith(".")
        assert "\\" not in segment
        assert segment.isprintable()


@given(SOURCES, st.text(alphabet="0123456789ABCDEFx", max_size=20))
@example(".." * 512, "")
@example("a/" * 511 + "jpg", "")
@example("x.jpg\n", "")
@example("😀" * 512, "")
@example("x" + "😀" * 511, "")
@example("x" + "名" * 1023, "")
@example("xx" + "ä%" * 511, "")
@example("foo ./ ./b. /x.jpg", "")
def test_a_quarantined_upload_stays_in_its_folder(source: str, etag: str) -> None:
    name = quarantine_name(Reason.BAD_PATH, source, etag)
    assert_storage_keeps(name, "bad_path/")
    assert_storage_keeps(f"{name}.txt", "bad_path/")
    assert name == quarantine_name(Reason.BAD_PATH, source, f'"{etag}"')


@given(st.text(max_size=30), st.text(max_size=20), SOURCES)
@example("..", "..", "..")
@example("../..", "/", "a/../../b.jpg")
@example("\U000e0001" * 30, "\U000e0001" * 20, "x.ABCDEFGHIJ")
@example("CRONUS USA, Inc. .", "1896-S .", "x.jpg")
def test_an_archived_original_stays_in_its_items_folder(company: str, item: str, source: str) -> None:
    name = archive_name(company, item, source, "0x8D", NOON)
    assert_storage_keeps(name, "")
    assert name.count("/") == 2
    assert name == archive_name(company, item, source, '"0x8D"', NOON)


@given(st.tuples(SOURCES, st.sampled_from("ab")), st.tuples(SOURCES, st.sampled_from("ab")))
@example(("a/b.jpg", "a"), ("a/b..jpg", "a"))
@example(("x.jpg", "a"), ("x.JPG", "a"))
def test_different_uploads_never_share_a_name(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (first == second) == (fingerprint(*first) == fingerprint(*second))
    for name_of in (
        lambda upload: quarantine_name(Reason.BAD_PATH, *upload),
        lambda upload: archive_name("C", "I", *upload, NOON),
    ):
        assert (first == second) == (name_of(first) == name_of(second))


def test_a_name_contains_the_path_of_the_upload() -> None:
    mark = fingerprint("C/1896-S.JPG", "0x8D")
    assert len(mark) == 12
    assert archive_name("C", "1896-S", "C/1896-S.JPG", "0x8D", NOON) == f"C/1896-S/20260301T120000Z-{mark}.jpg"
    assert quarantine_name(Reason.TOO_LARGE, "C/1896-S.JPG", "0x8D") == f"too_large/C/1896-S~{mark}.jpg"


def test_a_long_name_is_shortened_no_more_than_necessary() -> None:
    """An address has room for 1,800 bytes: 200 characters of three bytes, percent-encoded."""
    for letter, least in (("a", 850), ("%25", 850), ("ä", 290), ("名", 190), ("😀", 140)):
        name = quarantine_name(Reason.BAD_PATH, letter * 1024, "0x8D")
        stem = name.removeprefix("bad_path/").partition("~")[0]
        assert len(stem) >= least
        assert (letter.replace("%", "%25") * 1024).startswith(stem)


def test_only_the_end_of_a_name_is_its_extension() -> None:
    etag = "0x8D"
    for source, stem in (("x.jpg\n", "x.jpg%0A"), ("a.b/x", "a.b/x"), ("x.tar-gz", "x.tar-gz")):
        assert quarantine_name(Reason.BAD_PATH, source, etag) == f"bad_path/{stem}~{fingerprint(source, etag)}"


# --- metadata ----------------------------------------------------------------------------------------------------


@given(
    st.one_of(
        st.text(min_size=1, max_size=1200),
        st.builds(str.__mul__, st.sampled_from(["a", "%", "ä", "名", "😀", "a😀"]), st.integers(1, 1200)),
    )
)
@example("😀" * 339)
def test_metadata_is_bounded_ascii_and_begins_like_the_text(value: str) -> None:
    encoded = encode_metadata({"detail": value})["detail"]
    assert encoded.isascii()
    assert encoded.isprintable()
    assert 0 < len(encoded) <= 1024
    assert value.startswith(unquote(encoded, errors="strict"))
    assert unquote(encoded) == value or len(encoded) > 800, "cut no more than necessary"


def test_metadata_omits_empty_values() -> None:
    assert encode_metadata({"a": None, "b": "", "c": "1896-S"}) == {"c": "1896-S"}


def test_no_control_character_reaches_a_note() -> None:
    """A name may not clear a console or turn the text around."""
    assert printable("a\r\x1b[2J\u202egpj.jpg") == r"a\r\x1b[2J\u202egpj.jpg"
    assert printable("Nordwind Möbel GmbH/1000 名😀.jpg") == "Nordwind Möbel GmbH/1000 名😀.jpg"


@pytest.mark.parametrize(
    "time",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+00:00", "1999-12-31T00:00:00Z"],
)
def test_a_time_that_no_upload_can_have_is_no_replay(time: str) -> None:
    """Anybody can set metadata; such a time would fail every delivery, or sort before all others."""
    metadata = encode_metadata({"upload_id": "x", "source_name": "a.jpg", "uploaded_at": time})
    found = replayed_at(metadata, "a.jpg")
    assert found is None or found.year >= 2000
