"""A picture costs few requests, and we know how many, in Business Central and in storage."""

from shared.report import Outcome
from shared.storage import names
from tests.support.item_pictures import (
    BLUE,
    BY_ID,
    BY_NUMBER_AND_BY_ID,
    GREEN,
    RED,
    deliver,
    picture_of,
    put_by_hand,
    storage_requests,
    upload_twice_within_a_second,
)
from tests.support.local_stack import DESK, LocalStack


def cost(local: LocalStack, colour: str, path: str, outcome: Outcome = Outcome.UPDATED) -> tuple[str, int]:
    """Return the requests to BC, without the look-up of companies, and the number of requests to storage."""
    local.pass_time(seconds=1)
    local.upload(path, picture_of(colour))
    before = len(local.requests())
    with storage_requests() as storage:
        assert deliver(local, path).outcome is outcome
    methods = [r["method"] for r in local.requests()[before:] if not r["path"].endswith("/companies")]
    return " ".join(methods), len(storage.methods)


def test_by_number_a_picture_costs_one_more_request(local: LocalStack) -> None:
    assert cost(local, BLUE, DESK) == ("GET PATCH", 6), "first contact"
    assert cost(local, RED, DESK) == ("GET PATCH", 6), "changed"
    assert cost(local, RED, DESK, Outcome.UNCHANGED) == ("GET GET", 5)


def test_by_id_every_picture_costs_one_request(local: LocalStack) -> None:
    assert cost(local, BLUE, BY_ID) == ("GET PATCH", 6), "first contact: does the item exist?"
    assert cost(local, RED, BY_ID) == ("PATCH", 6)
    assert cost(local, RED, BY_ID, Outcome.UNCHANGED) == ("GET", 5)


def test_an_upload_read_late_costs_two_more_requests(local: LocalStack) -> None:
    """It may have been elsewhere, so its destination is remembered during the move."""
    local.upload(content=picture_of(BLUE))
    local.pass_time(minutes=2)
    with storage_requests() as storage:
        assert deliver(local).outcome is Outcome.UPDATED
    assert len(storage.methods) == 8


@BY_NUMBER_AND_BY_ID
def test_keeping_a_picture_costs_one_more_request_on_each_side(local: LocalStack, path: str) -> None:
    put_by_hand(local, GREEN)
    assert cost(local, BLUE, path) == ("GET GET PATCH", 7)


def test_a_second_upload_within_a_second_costs_one_more_request(local: LocalStack) -> None:
    """We must check which of them is in incoming."""
    with storage_requests() as storage:
        upload_twice_within_a_second(local)
        del storage.methods[:]
        assert deliver(local).outcome is Outcome.UPDATED
    assert len(storage.methods) == 7


def test_companies_are_looked_up_once_in_ten_minutes(local: LocalStack) -> None:
    pipeline = local.pipeline()
    for colour in (BLUE, RED, GREEN):
        local.upload(content=picture_of(colour))
        assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len([r for r in local.requests() if r["path"].endswith("/companies")]) == 1
