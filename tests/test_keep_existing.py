"""We keep a picture that somebody set by hand before our first upload replaces it."""

import hashlib
from collections.abc import Callable
from http.client import HTTPMessage

import pytest

from shared.business_central.retries import Throttle
from shared.errors import Transient
from shared.pipeline import BY_EVENT, TakeUp
from shared.report import Outcome
from shared.storage import names
from tests.support.faulty_storage import storage_proxy
from tests.support.item_pictures import (
    BLUE,
    BY_NUMBER_AND_BY_ID,
    GREEN,
    RED,
    colour_in_bc,
    deliver,
    deliver_after_doubt,
    item_in_bc,
    kept_pictures,
    picture_of,
    put_by_hand,
    upload,
    upload_with_lost_answer,
)
from tests.support.local_stack import DESK, LocalStack, ManualClock


@BY_NUMBER_AND_BY_ID
def test_a_picture_set_by_hand_is_kept(local: LocalStack, path: str) -> None:
    (by_hand,) = put_by_hand(local, GREEN)
    report = upload(local, BLUE, path)
    assert kept_pictures(local) == [by_hand]
    assert str(report.kept).endswith(".before.jpg")
    metadata = local.metadata(names.ARCHIVE, str(report.kept).removeprefix("archive/"))
    assert (metadata["outcome"], metadata["item_number"]) == ("before", "1896-S")
    assert metadata["sha256"] == hashlib.sha256(by_hand).hexdigest()


def test_the_first_of_several_pictures_is_kept(local: LocalStack) -> None:
    first, _second = put_by_hand(local, GREEN, RED)
    upload(local, BLUE)
    assert kept_pictures(local) == [first]


def test_only_the_picture_before_the_first_upload_is_kept(local: LocalStack) -> None:
    upload(local, BLUE)
    put_by_hand(local, GREEN)
    upload(local, RED)
    assert kept_pictures(local) == []


def test_an_item_without_a_picture_has_nothing_to_keep(local: LocalStack) -> None:
    assert upload(local, BLUE).kept is None
    assert kept_pictures(local) == []


def test_nothing_is_kept_if_the_setting_says_so(local: LocalStack) -> None:
    put_by_hand(local, GREEN)
    local.upload(content=picture_of(BLUE))
    assert deliver(local, KEEP_EXISTING="false").outcome is Outcome.UPDATED
    assert kept_pictures(local) == []


@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_never_makes_us_keep_our_own_picture(local: LocalStack, applied: bool) -> None:
    (by_hand,) = put_by_hand(local, GREEN)
    upload_with_lost_answer(local, BLUE, applied=applied)
    local.pass_time(seconds=5)
    upload(local, RED)
    assert kept_pictures(local) == [by_hand]


def test_a_picture_that_bc_already_has_is_unchanged(local: LocalStack) -> None:
    """This happens after the records are lost: we leave the item alone and keep nothing."""
    upload(local, BLUE)
    (record,) = local.names(names.RECORDS)
    local.storage.get_blob_client(names.RECORDS, record).delete_blob()
    touched = item_in_bc(local)
    assert upload(local, BLUE).outcome is Outcome.UNCHANGED
    assert item_in_bc(local) == touched
    assert kept_pictures(local) == []


def test_a_picture_that_cannot_be_kept_stays_on_the_item(local: LocalStack) -> None:
    put_by_hand(local, GREEN)
    local.upload(content=picture_of(BLUE))
    local.fault(500, method="GET", path="pictureContent", count=None)
    with pytest.raises(Transient):
        deliver(local)
    assert item_in_bc(local)["picture"]["width"] == 33
    assert local.requests("PATCH") == []


def test_a_picture_set_by_hand_during_a_doubt_is_kept(
    local: LocalStack,
) -> None:
    upload_with_lost_answer(local, BLUE, applied=True)
    assert deliver(local).reason == "settling"
    (by_hand,) = put_by_hand(local, GREEN)
    assert deliver_after_doubt(local).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE
    assert kept_pictures(local) == [by_hand]


# --- somebody sets a picture while the upload waits --------------------------------------------------------------


class RefusedMeanwhile(Throttle):
    """BC refuses another request of the process, just as an upload waits for its turn; after that wait, ``then``."""

    def __init__(self, clock: ManualClock, seconds: float, then: Callable[[], object]) -> None:
        super().__init__(clock.sleep, clock, lambda: 0.0)
        self._seconds, self._then = seconds, then

    def wait_turn(self, at_most: float) -> bool:
        seconds, self._seconds = self._seconds, 0.0
        self.pause_for(seconds, after_limit=True)
        is_open = super().wait_turn(at_most)
        if seconds:
            self._then()
        return is_open


@BY_NUMBER_AND_BY_ID
@pytest.mark.parametrize("seconds", [8, 250])
@pytest.mark.parametrize("take_up", [BY_EVENT, TakeUp(item_first=True)], ids=["event", "sweep"])
def test_a_picture_set_while_the_upload_waits_is_kept(
    local: LocalStack, take_up: TakeUp, seconds: float, path: str
) -> None:
    """The item had none when we looked it up."""
    kept: list[bytes] = []
    throttle = RefusedMeanwhile(ManualClock(), seconds, lambda: kept.extend(put_by_hand(local, GREEN)))
    local.upload(path, picture_of(BLUE))
    report = local.pipeline(throttle=throttle).process(names.INCOMING, path, take_up)
    assert report.outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE
    assert len(kept) == 1
    assert kept_pictures(local) == kept


def test_a_picture_set_while_the_upload_is_rendered_is_kept(local: LocalStack) -> None:
    """The sweep may look for the item first, and reading and rendering take their time."""
    clock = ManualClock()
    local.upload(content=picture_of(BLUE))
    kept: list[bytes] = []

    def read_slowly(method: str, path: str, _headers: HTTPMessage) -> None:
        if method == "GET" and f"/{names.INCOMING}/" in path and not kept:
            clock.now += 100
            kept.extend(put_by_hand(local, GREEN))

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], read_slowly) as connection:
        pipeline = local.pipeline(clock=clock, PICTURE_STORAGE=connection)
        assert pipeline.process(names.INCOMING, DESK, TakeUp(item_first=True)).outcome is Outcome.UPDATED
    assert len(kept) == 1
    assert kept_pictures(local) == kept


def test_a_picture_set_after_a_comparison_is_kept(local: LocalStack) -> None:
    """The doubt is over and BC shows something else than our picture: what it shows may change again."""
    upload(local, RED)
    local.pass_time(seconds=5)
    upload_with_lost_answer(local, BLUE, applied=False)
    local.pass_time(minutes=21)
    kept: list[bytes] = []
    throttle = RefusedMeanwhile(ManualClock(), 60, lambda: kept.extend(put_by_hand(local, GREEN)))
    assert local.pipeline(throttle=throttle).process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE
    assert len(kept) == 1
    assert kept_pictures(local) == kept


def test_a_picture_that_a_comparison_showed_is_kept(local: LocalStack) -> None:
    """The item had none when it was looked up, a moment before."""
    upload_with_lost_answer(local, BLUE, applied=False)
    local.pass_time(minutes=21)
    kept: list[bytes] = []

    def set_by_hand(method: str, path: str, _headers: HTTPMessage) -> None:
        if method == "GET" and f"/{names.INCOMING}/" in path and not kept:
            kept.extend(put_by_hand(local, GREEN))

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], set_by_hand) as connection:
        pipeline = local.pipeline(PICTURE_STORAGE=connection)
        assert pipeline.process(names.INCOMING, DESK, TakeUp(item_first=True)).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE
    assert len(kept) == 1
    assert kept_pictures(local) == kept


def test_a_look_just_before_the_claim_is_not_repeated(local: LocalStack) -> None:
    """Of an item that had no picture a moment ago, we do not ask for one."""
    clock = ManualClock()
    throttle = RefusedMeanwhile(clock, 2, lambda: None)
    local.upload(content=picture_of(BLUE))
    assert local.pipeline(throttle=throttle).process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert clock.slept == [2.0]
    assert [r for r in local.requests("GET") if r["path"].endswith("pictureContent")] == []
