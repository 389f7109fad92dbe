"""A note names the company or the item that a misspelt path was probably meant for; the picture still waits."""

import pytest

from shared.near_names import nearest, number_variants
from shared.report import Outcome
from shared.storage import names
from tests.support.local_stack import LocalStack

COMPANIES = ("CRONUS USA, Inc.", "Nordwind Möbel GmbH", "NORDWIND")


@pytest.mark.parametrize(
    "typed",
    [
        "CRONUS%20USA,%20Inc",
        "CRONUS\u00a0USA, Inc",
        "CRONUS  USA, Inc",
        "cronus_usa_inc",
        "CRONUS USA Inc.",
        "CRONUSUSAINC",
    ],
)
def test_a_company_is_near_but_for_blanks_and_punctuation(typed: str) -> None:
    assert nearest(typed, COMPANIES) == "CRONUS USA, Inc."


@pytest.mark.parametrize("typed", ["CRONUS", "Nordwind Möbel", "", "...", "%", "CRONUS USA, Inc. 2"])
def test_another_company_is_not_near(typed: str) -> None:
    assert nearest(typed, COMPANIES) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1896-S.JPG", "1896-S"),
        ("1896-S (2)", "1896-S"),
        ("1896-S (2).JPEG", "1896-S"),
        ("1896%20S", "1896 S"),
        ("1896\u00a0S", "1896 S"),
        ("1896   S", "1896 S"),
        ("1896\u200b-S", "1896-S"),
    ],
)
def test_a_number_is_near_without_what_tools_add(typed: str, meant: str) -> None:
    assert meant in number_variants(typed)


@pytest.mark.parametrize("number", ["1896-S", "2016.01", "A.B", "(2)", "100%", "ÄÖ 1"])
def test_an_ordinary_number_has_no_other_meaning(number: str) -> None:
    assert number_variants(number) == []


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("CRONUS USA, Inc/1896-S.JPG.jpg", "Did you mean '1896-S'?"),
        ("CRONUS USA, Inc/1896-S (1).jpg", "Did you mean '1896-S'?"),
        ("CRONUS%20USA,%20Inc/1896-S.jpg", "Did you mean 'CRONUS USA, Inc.'?"),
        ("CRONUS  USA, Inc/1896-S.jpg", "Did you mean 'CRONUS USA, Inc.'?"),
        ("CRONUS\u00a0USA, Inc/1896-S.jpg", "Did you mean 'CRONUS USA, Inc.'?"),
    ],
)
def test_the_detail_names_a_near_name_at_once(local: LocalStack, path: str, hint: str) -> None:
    local.upload(path)
    report = local.pipeline().process(names.INCOMING, path)
    assert report.outcome is Outcome.WAITING
    assert hint in str(report.detail)
    assert local.incoming(path).exists()


def test_an_unknown_company_does_not_reveal_the_others(local: LocalStack) -> None:
    local.upload("Contoso/1896-S.jpg")
    detail = str(local.pipeline().process(names.INCOMING, "Contoso/1896-S.jpg").detail)
    assert "no company called 'Contoso'" in detail
    assert "CRONUS" not in detail


def test_an_ordinary_missing_item_costs_one_request(local: LocalStack) -> None:
    local.upload("CRONUS USA, Inc/9999-S.jpg")
    local.pipeline().process(names.INCOMING, "CRONUS USA, Inc/9999-S.jpg")
    assert len([request for request in local.requests() if request["path"].endswith("/items")]) == 1


@pytest.mark.parametrize("path", ["10/12 MM.jpg", "CRONUS USA, Inc/10%2F12.jpg"])
def test_a_number_with_a_slash_leads_to_the_id(local: LocalStack, path: str) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="10/12", displayName="Screw")
    local.upload(path)
    report = local.pipeline().process(names.INCOMING, path)
    assert report.outcome is Outcome.WAITING
    assert "use the item's id instead" in str(report.detail)
