"""Over all numbers that Business Central can have: a name leads to its item and to no other, forth and back."""

from pathlib import PurePosixPath

from hypothesis import assume, given
from hypothesis import strategies as st

from operate import picture_files
from operate.backfill import gtins
from operate.backfill.blob_names import Unnameable, blob_name
from operate.backfill.meaning import decide, key_of
from operate.backfill.readings import nearest, readings
from shared.business_central.companies import Company
from shared.business_central.items import FoundItem, Item
from shared.paths import KeyKind, as_code, parse_path, parse_templates
from shared.storage.names import NAME_MAX

IDS = st.uuids().map(str)
# Code[20]: any characters but control characters, in upper case, without blanks around them.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
ODD = st.text(
    st.sampled_from("0123456789AB/\\-_. ~$%&#?'\"*:{}()[]@+ÄÖÜß\N{COMBINING DIAERESIS}"), min_size=1, max_size=20
)
NUMBERS = (TEXT | ODD).map(as_code).filter(lambda number: 0 < len(number) <= 20)
TEMPLATES = st.sampled_from(
    [
        "{company}/{item}.{extension}|{item}.{extension}",
        "{item}.{extension}",
        "{company}/{item}/{name}.{extension}",
        "photos/{company}_{item}_{name}.{extension}",
        "{name}/{item}.{extension}",
        "{item}",
    ]
)
COMPANIES = st.builds(
    Company, IDS, st.sampled_from(["CRONUS USA, Inc.", "A/B", "Möbel & Söhne", "..", "X\\Y", "_"]), st.just("")
)


@given(NUMBERS, IDS, COMPANIES, TEMPLATES, st.sampled_from(["jpg", "jpeg", "jp2", "tiff"]))
def test_a_blobs_name_means_the_item_that_it_was_made_for(
    number: str, item_id: str, company: Company, setting: str, extension: str
) -> None:
    templates = parse_templates(setting)
    found = FoundItem(Item(company, item_id, number, None), "")

    def company_of(spelling: str | None) -> str:
        is_it = spelling is None or spelling in (company.id, company.name.rstrip(" ."))
        return company.id if is_it else "another"

    try:
        name = blob_name(found, extension, templates, company_of)
    except Unnameable:
        assert setting in ("{name}/{item}.{extension}", "{item}"), "an id fits into every other form"
        raise
    key = parse_path(name, templates)
    assert (key.kind, key.value) in ((KeyKind.NUMBER, number), (KeyKind.ID, item_id))
    assert company_of(key.company) == company.id
    assert "\\" not in name
    assert len(name) <= NAME_MAX
    assert all(segment.rstrip(" .") == segment for segment in name.split("/"))
    if key.kind is KeyKind.ID:  # only where the number has no place in a path
        assert not number.isascii() or not number.isalnum()


@given(NUMBERS)
def test_an_exported_picture_is_read_back_as_its_item(number: str) -> None:
    item_id = "3fa692b9-e2f0-5f76-afe4-029427850d17"
    name = picture_files.file_name(number, item_id, b"\xff\xd8\xff")
    nearest = [(reading.kind, reading.value) for reading in readings(PurePosixPath(name)) if not reading.depth]
    expected = (KeyKind.NUMBER, number) if picture_files.is_holdable(number) else (KeyKind.ID, item_id)
    assert expected in nearest
    assert "/" not in name


@given(NUMBERS, st.sampled_from(["", "_front", "_2", " (2)", "-1024x768", "@2x", " - Copy"]), st.data())
def test_a_number_that_exists_wins_over_every_cut(number: str, ending: str, data: st.DataObject) -> None:
    whole = as_code(f"{number}{ending}")
    assume(picture_files.is_holdable(whole) and len(whole) <= 20)
    possible = readings(PurePosixPath(f"{whole}.jpg"))
    others = data.draw(st.lists(st.sampled_from(possible), max_size=3))
    company = Company("c", "C", "")
    found = {key_of(r): [Item(company, r.value, r.value, None)] for r in others if r.depth}
    found |= {key_of(r): [Item(company, "it", whole, None)] for r in possible if not r.depth and r.is_exact}
    assert decide(possible, found).item == Item(company, "it", whole, None)


@given(NUMBERS.filter(picture_files.is_holdable), st.data())
def test_two_meanings_are_never_settled_by_a_guess(number: str, data: st.DataObject) -> None:
    possible = readings(PurePosixPath(f"{number}.jpg"))
    known = data.draw(st.lists(st.sampled_from(possible), max_size=4, unique=True))
    company = Company("c", "C", "")
    meant = decide(possible, {key_of(r): [Item(company, f"{r.kind}{r.value}", r.value, None)] for r in known})
    exact = [r for r in known if r.is_exact and r.depth == min(e.depth for e in known if e.is_exact)]
    if meant.item is None:
        assert meant.problem
    elif exact:
        assert meant.item.id in {f"{r.kind}{r.value}" for r in exact}
        assert len(exact) == 1
    else:
        assert len(known) == 1
    assert (meant.item is None) >= (not known)


@given(st.integers(1, 10**13 - 1))
def test_a_gtin_is_the_same_at_each_of_its_lengths(stem: int) -> None:
    digits = next(f"{stem}{check}" for check in range(10) if gtins.has_check_digit(f"{stem}{check}"))
    spellings = [digits.zfill(length) for length in gtins.LENGTHS if length >= len(digits)]
    assert spellings
    for spelling in spellings:
        assert set(gtins.forms(spelling)) == set(spellings)
        wrong = f"{spelling[:-1]}{(int(spelling[-1]) + 1) % 10}"
        assert gtins.forms(wrong) == [wrong]


@given(
    NUMBERS.filter(picture_files.is_holdable),
    st.sampled_from(["", "1896-S/", "a/b/"]),
    st.sampled_from(["", "_front", "front"]),
)
def test_the_nearest_readings_are_those_without_a_cut(number: str, folder: str, ending: str) -> None:
    path = PurePosixPath(f"{folder}{number}{ending}.jpg")
    uncut = [reading for reading in readings(path) if reading.is_exact and not reading.depth]
    assert {key_of(reading) for reading in nearest(path)} == {key_of(reading) for reading in uncut}
