"""A blob path names one item, or we refuse it and say what is wrong."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.paths import ItemKey, KeyKind, parse_templates
from tests.support.blob_paths import GUID, key, refused

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


def test_literal_text_in_a_template_is_not_a_pattern() -> None:
    assert refused("1896-Sxjpg", "{item}.jpg")
    assert key("[A]+1896-S.jpg", "[A]+{item}.jpg").value == "1896-S"


# --- items -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [GUID, GUID.upper(), f"{{{GUID}}}", f"{{{GUID.upper()}}}", f" {GUID} "])
def test_an_item_id_is_accepted_in_every_spelling(spelling: str) -> None:
    assert key(f"{spelling}.jpg") == ItemKey(None, KeyKind.ID, GUID)


@pytest.mark.parametrize(
    ("text", "number"),
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
def test_an_item_number_is_read_as_bc_stores_it(text: str, number: str) -> None:
    assert key(f"{text}.jpg") == ItemKey(None, KeyKind.NUMBER, number)


def test_too_long_a_number_is_refused_with_its_length() -> None:
    assert "21 characters" in refused("x" * 21 + ".jpg")
    assert "36 characters" in refused(f"{GUID[:-1]}g.jpg")


@pytest.mark.parametrize("number", ["a\0b", "a\nb", "a\x7fb", "a\x85b", "  "])
def test_an_unreadable_number_is_refused(number: str) -> None:
    assert "number" in refused(f"{number}.jpg")


@pytest.mark.parametrize("digits", ["40063813", "123456789012", "4006381333931", "14006381333938"])
def test_a_gtin_has_8_to_14_digits(digits: str) -> None:
    assert key(f"{digits}.jpg", "{gtin}.{extension}") == ItemKey(None, KeyKind.GTIN, digits)


@pytest.mark.parametrize("text", ["4006381", "400638133393100", "4006-381", "٤٠٠٦٣٨١٣", "' or 1 eq 1"])
def test_anything_but_a_gtin_is_refused(text: str) -> None:
    assert "8 to 14 digits" in refused(f"{text}.jpg", "{gtin}.{extension}")
