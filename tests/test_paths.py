"""A blob path names one item or says what is wrong with it; names made from it stay where they belong."""

import contextlib
import re
import time
import unicodedata
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.config import DEFAULT_TEMPLATE
from shared.errors import Permanent, Reason
from shared.paths import ItemKey, KeyKind, fold_company, parse_path, parse_templates
from shared.storage.names import archive_name, encode_metadata, fingerprint, quarantine_name

DEFAULT = parse_templates(DEFAULT_TEMPLATE)
GUID = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TEMPLATES = (
    DEFAULT_TEMPLATE,
    "{gtin}.{extension}",
    "{name}/{item}.{extension}",
    "{company}/{item}-{name}.{extension}",
    "{item} ({name}).jpg|{company}/{gtin}_{name}.{extension}",
)
# What real blob names and hostile ones are made of, besides any other text.
PATHS = st.one_of(
    st.text(max_size=1024),
    st.text(alphabet="aA1-_./\\ {}~%?#\0\n\u0308ßÄ", max_size=1024),
    st.builds("/".join, st.lists(st.sampled_from(["a", "", ".", "..", " ", "a.jpg", GUID]), max_size=12)),
)


def key(path: str, template: str = DEFAULT_TEMPLATE) -> ItemKey:
    return parse_path(path, parse_templates(template))


def refused(path: str, template: str = DEFAULT_TEMPLATE) -> str:
    """Return why ``path`` is a bad path."""
    with pytest.raises(Permanent) as failure:
        key(path, template)
    assert failure.value.reason is Reason.BAD_PATH
    return failure.value.detail


# --- templates ---------------------------------------------------------------------------------------------------


def test_each_token_finds_its_part() -> None:
    assert key("C/front/70000.JPG", "{company}/{name}/{item}.{extension}") == ItemKey("C", KeyKind.NUMBER, "70000")
    assert key("C/2026/03/4006381333931_1.png", "{company}/{name}/{gtin}_1.{extension}") == ItemKey(
        "C", KeyKind.GTIN, "4006381333931"
    )


def test_the_first_alternative_that_matches_decides() -> None:
    template = "{company}/{item}.{extension} | ean-{gtin}.{extension} | {item}.{extension}"
    assert key("ean-40063813.jpg", template).kind is KeyKind.GTIN
    assert key("40063813.jpg", template) == ItemKey(None, KeyKind.NUMBER, "40063813")
    assert key("C/40063813.jpg", template) == ItemKey("C", KeyKind.NUMBER, "40063813")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("", "must contain"),
        ("{item}.{extension}|", "must contain"),
        ("{company}/picture.{extension}", "must contain"),
        ("{item}-{gtin}.{extension}", "not both"),
        ("{Item}.{extension}", "{Item}"),
        ("{item}.{ext}", "{ext}"),
        ("{}/{item}", "{}"),
        ("{item}/{item}.{extension}", "more than once"),
        ("{item}{extension}", "between two tokens"),
        ("{item}_{extension}", "at its end, after a dot"),
        ("{extension}/{item}", "at its end, after a dot"),
        ("{item.{extension}", "brace without its partner"),
        ("{item}.extension}", "brace without its partner"),
        ("{{item}}.{extension}", "brace without its partner"),
    ],
)
def test_a_malformed_template_is_refused_with_its_fault(template: str, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        parse_templates(template)


@given(st.text(alphabet="{}|/.-iItem{item}{gtin}{name}", max_size=40))
def test_any_template_either_works_or_is_refused(template: str) -> None:
    try:
        parsed = parse_templates(template)
    except ValueError:
        return
    assert len(parsed) == template.count("|") + 1


def test_what_a_template_says_literally_is_no_pattern() -> None:
    assert refused("1896-Sxjpg", "{item}.jpg")
    assert key("[A]+1896-S.jpg", "[A]+{item}.jpg").value == "1896-S"


# --- items -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [GUID, GUID.upper(), f"{{{GUID}}}", f"{{{GUID.upper()}}}", f" {GUID} "])
def test_an_item_id_is_understood_in_every_spelling(spelling: str) -> None:
    assert key(f"{spelling}.jpg") == ItemKey(None, KeyKind.ID, GUID)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1896-s", "1896-S"),
        ("  1896-S ", "1896-S"),
        ("70 061", "70 061"),
        ("A#1 50%&+'", "A#1 50%&+'"),
        ("straße", "STRAßE"),
        ("ŉ", "ŉ"),
        ("ä-1100", "Ä-1100"),
        ("a\u0308-1100", "Ä-1100"),
        ("ждл", "ЖДЛ"),
        ("1.5.2", "1.5.2"),
        ("1896-S.", "1896-S."),
        (GUID[:-1][:20], GUID[:-1][:20].upper()),
        ("x" * 20, "X" * 20),
        ("a\u0308" * 20, "Ä" * 20),
    ],
)
def test_an_item_number_is_read_as_bc_stores_it(written: str, number: str) -> None:
    assert key(f"{written}.jpg") == ItemKey(None, KeyKind.NUMBER, number)


def test_a_number_that_is_too_long_is_refused_with_its_length() -> None:
    assert "21 characters" in refused("x" * 21 + ".jpg")
    assert "36 characters" in refused(f"{GUID[:-1]}g.jpg")


@pytest.mark.parametrize("number", ["a\0b", "a\nb", "a\x7fb", "a\x85b", "  "])
def test_a_number_nobody_can_read_is_refused(number: str) -> None:
    assert "number" in refused(f"{number}.jpg")


@pytest.mark.parametrize("digits", ["40063813", "123456789012", "4006381333931", "14006381333938"])
def test_a_gtin_has_8_to_14_digits(digits: str) -> None:
    assert key(f"{digits}.jpg", "{gtin}.{extension}") == ItemKey(None, KeyKind.GTIN, digits)


@pytest.mark.parametrize("text", ["4006381", "400638133393100", "4006-381", "٤٠٠٦٣٨١٣", "' or 1 eq 1"])
def test_what_is_no_gtin_is_refused(text: str) -> None:
    assert "8 to 14 digits" in refused(f"{text}.jpg", "{gtin}.{extension}")


# --- folders and extensions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("company", ["CRONUS USA, Inc", "My.Company", "Köln & Söhne", GUID])
def test_the_folder_names_the_company(company: str) -> None:
    assert key(f"{company}/1896-S.jpg") == ItemKey(company, KeyKind.NUMBER, "1896-S")


@pytest.mark.parametrize("extension", ["jpg", "JPG", "Jpeg", "weird"])
def test_the_extension_decides_nothing(extension: str) -> None:
    assert key(f"1896-S.{extension}").value == "1896-S"


@pytest.mark.parametrize(
    "path", ["", "1896-S", "C/2026/1896-S.jpg", "C//1896-S.jpg", "/1896-S.jpg", ".jpg", "C/.jpg", "1896-S."]
)
def test_a_path_of_another_form_is_refused_with_every_form(path: str) -> None:
    detail = refused(path)
    assert all(template.text in detail for template in DEFAULT)


@pytest.mark.parametrize("company", [" ", ".", "..", " . "])
def test_a_blank_company_is_refused(company: str) -> None:
    assert "no company" in refused(f"{company}/1896-S.jpg")


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        "Thumbs.db",
        "THUMBS.DB",
        "desktop.ini",
        "._1896-S.jpg",
        "._",
        "._a\nb",
        "~$list.docx",
        ".~lock.a#",
    ],
)
@pytest.mark.parametrize("folder", ["", "C/", "C/2026/"])
def test_what_systems_leave_behind_is_ignored(folder: str, name: str) -> None:
    with pytest.raises(Permanent) as failure:
        key(folder + name)
    assert failure.value.reason is Reason.IGNORED


@pytest.mark.parametrize("path", ["C/", "/", "C/1896-S.jpg/"])
def test_a_path_that_ends_in_a_slash_names_no_item(path: str) -> None:
    """Whether it is a marker for a folder or a misnamed picture, its bytes tell."""
    with pytest.raises(Permanent) as failure:
        key(path)
    assert failure.value.reason is Reason.BAD_PATH


@pytest.mark.parametrize("name", ["DS_Store", "Thumbs.dba", "_.x", "~1", ".DS_Store2"])
def test_what_only_resembles_them_is_not_ignored(name: str) -> None:
    assert key(f"{name}.jpg").value == name.upper()


@given(PATHS, st.sampled_from(TEMPLATES))
@example("-" * 1024, TEMPLATES[3])
@example("a/" + "-" * 1021 + ".", TEMPLATES[3])
@example("/" * 1023 + "a", TEMPLATES[2])
@example("a (" * 341, TEMPLATES[4])
@settings(max_examples=300)
def test_every_path_is_understood_or_refused_with_its_template_and_at_once(path: str, template: str) -> None:
    started = time.process_time()
    found: ItemKey | Permanent
    try:
        found = key(path, template)
    except Permanent as failure:
        found = failure
    assert time.process_time() - started < 1
    if isinstance(found, ItemKey):
        assert found.value
        assert not any(unicodedata.category(c) == "Cc" for c in found.value)
        assert len(found.value) <= 20 or found.kind is KeyKind.ID
    else:
        assert repr(path) in found.detail
        shown = any(one.text in found.detail for one in parse_templates(template))
        assert found.reason is (Reason.BAD_PATH if shown else Reason.IGNORED)


@pytest.mark.parametrize(
    "template", ["{company}_{item}_{name}.{extension}", "{company}_{name}_{item}", "{name}_{company}_{item}"]
)
@pytest.mark.parametrize("ending", [".", "/", "", "_x/."])
def test_a_hostile_path_holds_no_worker(template: str, ending: str) -> None:
    """Separators everywhere, and an end that fits nowhere: the time must not grow with a power of the length."""
    started = time.process_time()
    with contextlib.suppress(Permanent):
        key("_" * 1020 + ending, template)
    assert time.process_time() - started < 2


@given(st.text(max_size=20))
def test_spellings_of_one_company_fold_to_the_same(name: str) -> None:
    folded = fold_company(name)
    for form in ("NFC", "NFD"):
        assert folded == fold_company(unicodedata.normalize(form, name))
    assert folded == fold_company(f" {name}. ")


@pytest.mark.parametrize(
    ("one", "other"),
    [("CRONUS USA, Inc.", "cronus usa, inc"), ("Straße", "STRASSE"), ("\u0390", "\u0399\u0308\u0301")],
)
def test_a_company_is_the_same_in_capitals(one: str, other: str) -> None:
    assert fold_company(one) == fold_company(other)


# --- names in archive and quarantine -----------------------------------------------------------------------------

SOURCES = PATHS.filter(bool)


def assert_storage_keeps(name: str, folder: str) -> None:
    """Storage drops dots at the end of segments, resolves ``..`` and takes at most 1,024 characters.

    Whether it counts an emoji as one or, like .NET, as two, it is not too long; nor is its address, for a copy.
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
def test_an_archived_original_lies_in_its_items_folder(company: str, item: str, source: str) -> None:
    name = archive_name(company, item, source, "0x8D", NOON)
    assert_storage_keeps(name, "")
    assert name.count("/") == 2
    assert name == archive_name(company, item, source, '"0x8D"', NOON)


@given(st.tuples(SOURCES, st.sampled_from("ab")), st.tuples(SOURCES, st.sampled_from("ab")))
@example(("a/b.jpg", "a"), ("a/b..jpg", "a"))
@example(("x.jpg", "a"), ("x.JPG", "a"))
def test_different_uploads_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (one == other) == (fingerprint(*one) == fingerprint(*other))
    for named in (
        lambda upload: quarantine_name(Reason.BAD_PATH, *upload),
        lambda upload: archive_name("C", "I", *upload, NOON),
    ):
        assert (one == other) == (named(one) == named(other))


def test_a_name_tells_where_an_upload_came_from() -> None:
    print_ = fingerprint("C/1896-S.JPG", "0x8D")
    assert len(print_) == 12
    assert archive_name("C", "1896-S", "C/1896-S.JPG", "0x8D", NOON) == f"C/1896-S/20260301T120000Z-{print_}.jpg"
    assert quarantine_name(Reason.TOO_LARGE, "C/1896-S.JPG", "0x8D") == f"too_large/C/1896-S~{print_}.jpg"


def test_a_long_name_keeps_as_much_of_its_beginning_as_fits() -> None:
    """200 characters of three bytes each make an address of 1,800."""
    for letter, least in (("a", 850), ("%25", 850), ("ä", 290), ("名", 190), ("😀", 140)):
        name = quarantine_name(Reason.BAD_PATH, letter * 1024, "0x8D")
        kept = name.removeprefix("bad_path/").partition("~")[0]
        assert len(kept) >= least
        assert (letter.replace("%", "%25") * 1024).startswith(kept)


def test_only_the_very_end_of_a_name_is_its_extension() -> None:
    etag = "0x8D"
    for source, kept in (("x.jpg\n", "x.jpg%0A"), ("a.b/x", "a.b/x"), ("x.tar-gz", "x.tar-gz")):
        assert quarantine_name(Reason.BAD_PATH, source, etag) == f"bad_path/{kept}~{fingerprint(source, etag)}"


# --- metadata ----------------------------------------------------------------------------------------------------


@given(
    st.one_of(
        st.text(min_size=1, max_size=1200),
        st.builds(str.__mul__, st.sampled_from(["a", "%", "ä", "名", "😀", "a😀"]), st.integers(1, 1200)),
    )
)
@example("😀" * 339)
def test_metadata_is_ascii_bounded_and_the_beginning_of_what_was_meant(value: str) -> None:
    encoded = encode_metadata({"detail": value})["detail"]
    assert encoded.isascii()
    assert encoded.isprintable()
    assert 0 < len(encoded) <= 1024
    assert value.startswith(unquote(encoded, errors="strict"))
    assert unquote(encoded) == value or len(encoded) > 800, "no more is cut off than must be"


def test_metadata_leaves_out_what_is_empty() -> None:
    assert encode_metadata({"a": None, "b": "", "c": "1896-S"}) == {"c": "1896-S"}
