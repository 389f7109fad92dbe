"""The items of hundreds of numbers are found as those of a few are, whatever BC does about the company's list."""

from collections.abc import Callable, Sequence

import pytest

from shared.business_central.item_batches import BATCH, LIST_FROM, REQUESTS_MAX, FoundItems, find, find_all
from shared.errors import Transient
from shared.paths import ItemKey, KeyKind, as_code
from tests.support.local_stack import LocalStack

MANY = LIST_FROM + 1
FULL_WIDTH = "".join(chr(ord(c) + 0xFEE0) for c in "1896-S")


def number(text: str) -> ItemKey:
    return ItemKey(None, KeyKind.NUMBER, as_code(text))


def missing(count: int = MANY, text: str = "NONE") -> list[ItemKey]:
    return [number(f"{text}-{each}") for each in range(count)]


def search(local: LocalStack, keys: Sequence[ItemKey], may_list: Callable[[], bool] = lambda: True) -> FoundItems:
    bc = local.pipeline().business_central
    return find(bc, bc.company("CRONUS USA, Inc.", "x"), keys, "x", lambda: True, may_list)


def add(local: LocalStack, *numbers: str, gtin: str = "") -> None:
    for each in numbers:
        local.control("POST", "items", company_id=local.stack.endpoints.company_id, number=each, gtin=gtin)


def item_requests(local: LocalStack) -> int:
    return len([request for request in local.requests() if request["path"].endswith("/items")])


def assert_found(found: FoundItems, key: ItemKey, item: str) -> None:
    assert [each.number for each in found.items[key]] == [item]
    assert all(found.tells(other) and not found.items[other] for other in found.items if other != key)
    assert len(found.items) == MANY + 1


@pytest.mark.parametrize("status", [500, 400, 403])
def test_a_list_that_fails_is_replaced_by_look_ups(local: LocalStack, status: int) -> None:
    local.fault(status, path="/items", query="?$select=id,number", count=None)
    assert_found(search(local, [*missing(), number("1896-S")]), number("1896-S"), "1896-S")
    assert item_requests(local) < 15


def test_a_list_without_an_end_is_replaced_by_look_ups(local: LocalStack) -> None:
    add(local, *(f"N{each}" for each in range(101)), "LAST")
    local.control("POST", "paging", page_size=1)
    assert_found(search(local, [*missing(), number("LAST")]), number("LAST"), "LAST")


def test_a_list_that_takes_too_long_is_replaced_by_look_ups(local: LocalStack) -> None:
    items = iter([True] * 5)
    found = search(local, [*missing(), number("1896-S")], lambda: next(items, False))
    assert_found(found, number("1896-S"), "1896-S")


def test_a_list_that_bc_refuses_blames_no_upload(local: LocalStack) -> None:
    message = "Extension Foo: the setup is incomplete."
    local.fault(400, path="/items", code="Application_DialogException", message=message, count=None)
    with pytest.raises(Transient, match="no upload is the cause") as refused:
        search(local, missing())
    assert message in refused.value.detail
    assert item_requests(local) == 2


@pytest.mark.parametrize("others", [0, 30, MANY])
@pytest.mark.parametrize(("item", "asked"), [("1896-S", FULL_WIDTH), (f"{FULL_WIDTH}2", "1896-S2")])
def test_list_and_look_ups_agree_about_width(local: LocalStack, others: int, item: str, asked: str) -> None:
    add(local, item)
    found = search(local, [*missing(others), number(asked)])
    assert found.unclear == {number(asked)}
    assert all(found.tells(key) for key in missing(others))
    assert item_requests(local) <= 2


def test_what_only_bc_can_compare_costs_bounded_requests(local: LocalStack) -> None:
    found = search(local, missing(2 * MANY, "Ä"))
    assert all(found.tells(key) for key in missing(2 * MANY, "Ä"))
    assert item_requests(local) == 11


@pytest.mark.parametrize("lists", [True, False])
def test_whoever_can_wait_gets_an_answer_for_every_key(local: LocalStack, lists: bool) -> None:
    """A sweep asks no more than its share; of these, it would leave out some, and say so."""
    keys = missing(2 * MANY if lists else BATCH * REQUESTS_MAX + 1, "Ä")
    if not lists:
        local.fault(500, path="/items", query="?$select=id,number", count=None)
    bc = local.pipeline().business_central
    company = bc.company("CRONUS USA, Inc.", "x")
    left_out = find(bc, company, keys, "x", lambda: True, lambda: True)
    assert left_out.unasked or not all(map(left_out.tells, keys))
    found = find_all(bc, company, [*keys, number("1896-S")], "x")
    assert all(found.tells(key) for key in keys)
    assert (found.unasked, found.unclear) == (set(), set())
    assert [each.number for each in found.items[number("1896-S")]] == ["1896-S"]


def test_numbers_gtins_and_ids_are_asked_for_apart(local: LocalStack) -> None:
    add(local, "WITH-GTIN", gtin="40123455")
    gtin, item_id = ItemKey(None, KeyKind.GTIN, "40123455"), "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
    keys = [number("1900-S"), gtin, ItemKey(None, KeyKind.ID, item_id)]
    found = search(local, keys)
    assert [[each.number for each in found.items[key]] for key in keys] == [["1900-S"], ["WITH-GTIN"], ["1896-S"]]
    assert found.failure is None
