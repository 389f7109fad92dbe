"""We keep a picture that somebody set by hand before our first upload replaces it."""

import hashlib

import pytest

from shared.errors import Transient
from shared.report import Outcome
from shared.storage import names
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
from tests.support.local_stack import LocalStack


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
