"""A file's name means the item that Business Central says it means, in the ways in which shops name their files."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from devstack.stack import Stack
from operate import config
from operate.backfill import meaning
from operate.backfill.meaning import Meaning
from operate.backfill.readings import readings
from operate.catalogue import Catalogue, open_company
from operate.connection import connect
from shared.paths import ItemKey, KeyKind, as_code
from tests.support.local_stack import LocalStack

SHELF, LAMP = "7b0c2f5e-1f62-4a44-9a3b-5d0a6a1c0e01", "5f0c2f5e-1f62-4a44-9a3b-5d0a6a1c0e02"
# number, GTIN, id
ITEMS = (
    ("1000", "4006381333931", SHELF),
    ("1000-1", "", LAMP),
    ("1000-B", "", None),
    ("1100", "", None),
    ("1100_2", "", None),
    ("00123", "", None),
    ("123", "", None),
    ("1896-S", "04000012424869", None),
    ("10/12 MM", "", None),
    ("10/12/14", "", None),
    ("70 061", "", None),
    ("ART.4711", "", None),
    ("A.B-C_D", "", None),
    ("Ä-1100", "", None),
    ("ÜBER 5", "", None),
    ("STRASSE", "", None),
    ("A&B 50%", "", None),
    ("3FA692B9-E2F0-5F76-A", "", None),
    ("LS*75", "", None),
    ("BOX FRONT", "", None),
    ("BOX", "", None),
    ("40063813", "", None),  # like a GTIN-8, but a number
    ("TWIN-1", "4012345678901", None),
    ("TWIN-2", "4012345678901", None),
    ("96385074", "", None),  # a number, and the GTIN-8 of the next
    ("EGG", "96385074", None),
    ("036000291452", "", None),
    ("SODA", "0036000291452", None),
    ("X-2024", "", None),
    ("X", "", None),
    ("500ML", "", None),
    ("2016.01", "", None),
    ("COPY", "", None),
    ("-77", "", None),
    ("=1+1", "", None),
    ("Z#9", "", None),
    ("12345678901234567890", "", None),
)
HABITS = {
    # the number itself
    "1000.jpg": "1000",
    "1896-s.JPG": "1896-S",
    "70 061.png": "70 061",
    "ART.4711.jpg": "ART.4711",
    "A.B-C_D.webp": "A.B-C_D",
    "2016.01.jpg": "2016.01",
    "a&b 50%.jpg": "A&B 50%",
    "Z#9.jpg": "Z#9",
    "-77.jpg": "-77",
    "=1+1.jpg": "=1+1",
    "12345678901234567890.jpg": "12345678901234567890",
    "COPY.jpg": "COPY",
    "  1000 .jpg": "1000",
    # leading zeros are part of a number
    "00123.jpg": "00123",
    "123.jpg": "123",
    "0123.jpg": None,
    # umlauts: composed, taken apart by macOS, written out
    "Ä-1100.jpg": "Ä-1100",
    "A\u0308-1100.jpg": "Ä-1100",
    "ä-1100.jpg": "Ä-1100",
    "Ae-1100.jpg": "Ä-1100",
    "ueber 5.jpg": "ÜBER 5",
    "Straße.jpg": "STRASSE",
    # sides
    "1000_front.jpg": "1000",
    "1000-front.jpg": "1000",
    "1000 front.jpg": "1000",
    "1000_back.jpg": "1000",
    "1896-S_Rückseite.jpg": "1896-S",
    "1896-S_vorne_2.jpg": "1896-S",
    "1896-S_2_vorne.jpg": "1896-S",
    "1896-S_F.jpg": "1896-S",
    "1896-S-detail-01.tif": "1896-S",
    "1896-S_lifestyle.jpg": "1896-S",
    "box front.jpg": "BOX FRONT",  # a number that exists wins over a rule that would cut it
    "box_front.jpg": "?",  # BOX from the front, or BOX FRONT
    "box back.jpg": "BOX",
    # numbers of pictures
    "1000_01.jpg": "1000",
    "1000-1.jpg": "1000-1",
    "1000-1-2.jpg": "1000-1",
    "1100_2.jpg": "1100_2",
    "1100_3.jpg": "1100",
    "1896-S (1).jpg": "1896-S",
    "1000 2.jpg": "1000",
    "1000-250.jpg": None,  # more likely a number that is missing
    "1000_red.jpg": None,  # a variant that is missing
    "1000a.jpg": None,
    # like another number with an ending
    "1000-B.jpg": "1000-B",
    "1000_B.jpg": "?",  # 1000 from behind, or 1000-B
    # copies, sizes, edits
    "1896-S - Copy.jpg": "1896-S",
    "1896-S - Kopie (2).jpg": "1896-S",
    "1896-S copy 3.jpg": "1896-S",
    "Copy of 1896-S.jpg": "1896-S",
    "1896-S_copy.jpg": "1896-S",
    "1896-S@2x.png": "1896-S",
    "1896-S_front@2x (2).jpg": "1896-S",
    "1896-S-1024x768.jpg": "1896-S",
    "1896-S_800px.jpg": "1896-S",
    "1896-S-scaled.jpg": "1896-S",
    "1896-S-e1612345678901.jpg": "1896-S",
    "1896-S_freigestellt.png": "1896-S",
    "1896-S_final_v2.jpg": "1896-S",
    "1896-S_20240503.jpg": "1896-S",
    "1896-S_2024-05-03.jpg": "1896-S",
    "X-2024.jpg": "X-2024",
    "1896-S.jpg.jpg": "1896-S",
    "1896-S.psd.jpg": None,
    # labels
    "Art.-Nr. 1896-S.jpg": "1896-S",
    "SKU_1000.jpg": "1000",
    "Artikel 1000 vorne.jpg": "1000",
    "EAN 4006381333931.jpg": "1000",
    # what a file's name cannot hold
    "10-12 MM.jpg": "10/12 MM",
    "10_12 MM.jpg": "10/12 MM",
    "10_12_MM_front.jpg": None,  # two characters were replaced, each by another rule
    "10%2F12 MM.jpg": "10/12 MM",
    "10\N{DIVISION SLASH}12 MM.jpg": "10/12 MM",
    "10\N{FULLWIDTH SOLIDUS}12 MM.jpg": "10/12 MM",
    "10-12-14.jpg": "10/12/14",
    "10_12 MM_front.jpg": "10/12 MM",
    "LS_75.jpg": "LS*75",
    "70_061.jpg": "70 061",
    "70-061_2.jpg": "70 061",
    "a&b%2050%25.jpg": "A&B 50%",
    # GTINs
    "4006381333931.jpg": "1000",
    "04006381333931.jpg": "1000",
    "4006381333931_front.jpg": "1000",
    "4 006381 333931.jpg": "1000",
    "4006381333932.jpg": None,  # a wrong check digit
    "4000012424869.jpg": "1896-S",  # BC has it with 14 digits
    "04006381333931_A1C1.tif": "1000",
    "04000012424869_C7N0_s02.tif": "1896-S",
    "(01)04006381333931.jpg": "1000",
    "0104006381333931.jpg": "1000",
    "4012345678901.jpg": "?",  # two items have it
    "40063813.jpg": "40063813",
    "96385074.jpg": "?",  # one item's number, another one's GTIN
    "36000291452.jpg": None,  # eleven digits are no GTIN
    "036000291452.jpg": "?",
    # ids, and what looks like one
    f"{SHELF}.jpg": "1000",
    f"{SHELF.upper()}.jpg": "1000",
    f"{{{LAMP}}}_front.jpg": "1000-1",
    "3fa692b9-e2f0-5f76-a.jpg": "3FA692B9-E2F0-5F76-A",
    "3fa692b9-e2f0-5f76-afe4-029427850d17.jpg": None,
    # a folder for each item
    "1896-S/front.jpg": "1896-S",
    "1896-S/01.jpg": "1896-S",
    "summer/2026/1896-S.jpg": "1896-S",
    "1896-S/1000.jpg": "1000",
    "70 061/front (2).jpg": "70 061",
    # nothing that names an item
    "IMG_1234.jpg": None,
    "front.jpg": None,
    "Unbenannt-1.png": None,
    "harbour desk.jpg": None,
    "123456789012345678901.jpg": None,  # 21 characters
}


@pytest.fixture(scope="module")
def catalogue(running_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Yield a company that has these items."""
    local = LocalStack(running_stack)
    local.reset()
    company = local.control("POST", "companies", name="NAMES")["id"]
    for number, gtin, item_id in ITEMS:
        local.control(
            "POST", "items", company_id=company, number=number, gtin=gtin, **({"id": item_id} if item_id else {})
        )
    path = tmp_path_factory.mktemp("config") / "endpoints.json"
    running_stack.endpoints.write(path)
    connection = connect(config.read(path))
    yield open_company(connection.business_central, "NAMES")
    local.reset()


@pytest.fixture(scope="module")
def meanings(catalogue: Catalogue) -> dict[str, Meaning]:
    """Ask BC about all names at once, as a backfill does."""
    return dict(zip(HABITS, meaning.of_names(catalogue, list(HABITS)), strict=True))


@pytest.mark.parametrize("name", HABITS)
def test_a_name_means_the_item_that_bc_says(name: str, meanings: dict[str, Meaning]) -> None:
    """None: no item, and the line says so. A question mark: several, and nobody guesses."""
    meant, expected = meanings[name], HABITS[name]
    if expected == "?":
        assert meant.item is None
        assert " or " in meant.problem
    elif expected is None:
        assert (meant.item, meant.problem) == (None, "no item has this name as its number, GTIN or id")
    else:
        assert meant.item, meant.problem
        assert meant.item.number == expected


def test_among_hundreds_of_names_bc_compares_each_that_is_not_ascii(catalogue: Catalogue) -> None:
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in "STRASSE")
    numbers = [*(f"Ä-NONE-{each}" for each in range(900)), full_width]
    keys = [ItemKey(None, KeyKind.NUMBER, as_code(number)) for number in numbers]
    found = catalogue.find(keys)
    assert [item.number for item in found[keys[-1]]] == ["STRASSE"]
    assert sorted(map(len, found.values())) == [0] * 900 + [1]


def test_there_are_enough_habits_and_enough_that_nobody_guesses() -> None:
    expected = list(HABITS.values())
    assert len(HABITS) >= 60
    assert expected.count("?") >= 5
    assert expected.count(None) >= 10


@pytest.mark.parametrize(
    "ranked",
    [
        ("1896-S_front.jpg", "1896-S.jpg", "1896-S_01.jpg", "1896-S_side.jpg", "1896-S_back.jpg", "1896-S_detail.jpg"),
        ("1896-S_1.jpg", "1896-S_2.jpg", "1896-S_10.jpg"),
        ("1896-S.jpg", "1896-S (2).jpg", "1896-S (3).jpg"),
        ("1896-S.jpg", "1896-S-1024x768.jpg", "1896-S-150x150.jpg"),
        ("1896-S@3x.jpg", "1896-S@2x.jpg"),
        ("04000012424869_A1C1.tif", "04000012424869_C1N0.tif", "04000012424869_C2N1.tif", "04000012424869_A7C1.tif"),
        ("1896-S_vorne.jpg", "1896-S_seite.jpg", "1896-S_hinten.jpg", "1896-S_oben.jpg", "1896-S_verpackung.jpg"),
        ("1896-S_F.jpg", "1896-S_L.jpg", "1896-S_B.jpg", "1896-S_T.jpg"),
        ("1896-S/front.jpg", "1896-S/1.jpg", "1896-S/back.jpg"),
    ],
)
def test_the_front_goes_before_all_other_views(ranked: tuple[str, ...]) -> None:
    views = [
        next(r.view for r in readings(PurePosixPath(name)) if r.value in ("1896-S", "4000012424869")) for name in ranked
    ]
    assert [view.rank for view in views] == sorted({view.rank for view in views})
    assert len(views) == len(ranked)
