"""BC's answer about an item counts only if it can be about the item that we asked for."""

import pytest

from shared.business_central.companies import Company
from shared.business_central.items import matched
from shared.errors import Transient
from shared.paths import ItemKey, KeyKind

COMPANY = Company("c", "CRONUS", "CRONUS")
ID = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
FULL_WIDTH = "".join(chr(ord(c) + 0xFEE0) for c in "AB-1")


def answered(asked: str, number: str) -> str:
    return matched(COMPANY, ItemKey(None, KeyKind.NUMBER, asked), {"id": ID, "number": number}).number


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ("AB-1", "ab-1"),
        (FULL_WIDTH, "AB-1"),
        ("AB-1", FULL_WIDTH),
        ("MA\u1e9eE", "MASSE"),
        ("\u00c6-1", "AE-1"),
        ("A\u030a-1", "\u00c5-1"),
        ("\u3042", "\u30a2"),
    ],
    ids=["case", "width asked", "width in BC", "sharp s", "ligature", "composed", "kana"],
)
def test_a_number_that_a_database_takes_for_equal_counts(asked: str, number: str) -> None:
    assert answered(asked, number) == number


@pytest.mark.parametrize(("asked", "number"), [("AB-1", "AB-2"), ("AB-1", "\u00c4B-2"), ("\u00c4B-2", "AB-1")])
def test_another_number_does_not_count(asked: str, number: str) -> None:
    with pytest.raises(Transient, match="bc_refused: The answer does not come from Business Central"):
        answered(asked, number)
