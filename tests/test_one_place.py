"""An upload is at rest in exactly one place, even if a delivery copies it, fails, and the next decides differently."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest
from azure.storage.blob import BlobLeaseClient, BlobType
from requests import Response

from shared.business_central.companies import Company
from shared.business_central.items import Item
from shared.errors import Transient
from shared.pipeline import TakeUp
from shared.report import Outcome, Report
from shared.storage import names
from tests.support.item_pictures import (
    BLUE,
    BY_ID,
    PNG,
    RED,
    deliver,
    deliver_after_doubt,
    picture_of,
    upload,
    upload_with_lost_answer,
)
from tests.support.local_stack import DESK, DESK_ID, LocalStack, photograph
from tests.support.outgoing_requests import Crash, Effect, Process, Send, hooked, hooks_installed
from tests.support.storage_transport import HookedStorage, Request, StorageHook, Verdict, refuse_copies

TOO_LARGE = {"SOURCE_MAX_BYTES": "10"}
PICTURE = picture_of(BLUE)


def places(local: LocalStack) -> dict[str, list[str]]:
    """Return what is where, without the records of items."""
    containers = (names.INCOMING, names.ARCHIVE, names.QUARANTINE)
    found = {container: local.names(container) for container in containers}
    return {**found, "moves": [name for name in local.names(names.RECORDS) if name.startswith("moves/")]}


def assert_archived_once(local: LocalStack, content: bytes = PICTURE) -> None:
    found = places(local)
    (archived,) = found.pop(names.ARCHIVE)
    assert local.read(names.ARCHIVE, archived) == content
    assert found == {names.INCOMING: [], names.QUARANTINE: [], "moves": []}


def fails_to_delete(local: LocalStack, path: str = DESK, **settings: str) -> None:
    """Deliver while somebody holds a lease on the upload: it is copied, but cannot be deleted."""
    lease: BlobLeaseClient = local.incoming(path).acquire_lease()
    with pytest.raises(Transient, match="LeaseIdMissing"):
        deliver(local, path, **settings)
    lease.release()


def dies_before_the_delete(local: LocalStack, path: str = DESK, **settings: str) -> None:
    process = Process(lambda effects: str(effects[-1]) == f"DELETE {names.INCOMING}/{path}")
    pipeline = local.pipeline(**settings)
    with hooks_installed(), hooked(process), suppress(Crash):
        pipeline.process(names.INCOMING, path)
    assert process.died


Delivery = Callable[..., None]
UNDELETED = pytest.mark.parametrize("leave_behind", [fails_to_delete, dies_before_the_delete])


GTIN = "4006381333931"
BY_GTIN = f"CRONUS USA, Inc/{GTIN}.jpg"
AS_GTIN = {"BLOB_PATH_TEMPLATE": "{company}/{gtin}.{extension}"}


def name_item(local: LocalStack, number: str) -> None:
    """Give the item this number in BC; uploads find it by its GTIN."""
    local.control("POST", "items", id=DESK_ID, number=number, gtin=GTIN, company_id=local.stack.endpoints.company_id)


@UNDELETED
def test_a_copy_in_quarantine_goes_once_the_picture_is_placed(local: LocalStack, leave_behind: Delivery) -> None:
    local.upload(content=PICTURE)
    leave_behind(local, **TOO_LARGE)
    assert len(local.names(names.QUARANTINE)) == 2
    local.pass_time(minutes=5)
    assert deliver(local).outcome is Outcome.UPDATED
    assert_archived_once(local)


@UNDELETED
def test_another_reason_does_not_make_a_second_copy(local: LocalStack, leave_behind: Delivery) -> None:
    local.upload(content=PICTURE)
    leave_behind(local, **TOO_LARGE)
    report = deliver(local, BLOB_PATH_TEMPLATE="{company}/other/{item}.jpg")
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "bad_path")
    found = places(local)
    assert len(found.pop(names.QUARANTINE)) == 2, "the original and its note"
    assert found == {names.INCOMING: [], names.ARCHIVE: [], "moves": []}


@UNDELETED
def test_a_renamed_item_does_not_make_a_second_copy(local: LocalStack, leave_behind: Delivery) -> None:
    name_item(local, "OLD")
    local.upload(BY_GTIN, PICTURE)
    leave_behind(local, BY_GTIN, **AS_GTIN)
    name_item(local, "NEW")
    local.pass_time(minutes=5)
    assert deliver(local, BY_GTIN, **AS_GTIN).outcome is Outcome.UPDATED
    assert_archived_once(local)


@UNDELETED
def test_an_older_upload_of_a_renamed_item_is_archived_once(local: LocalStack, leave_behind: Delivery) -> None:
    name_item(local, "OLD")
    local.upload(BY_GTIN, PICTURE)
    local.pass_time(seconds=1)
    local.upload(BY_GTIN.replace(".jpg", ".png"), picture_of(RED))
    deliver(local, BY_GTIN.replace(".jpg", ".png"), **AS_GTIN)
    leave_behind(local, BY_GTIN, **AS_GTIN)
    name_item(local, "NEW")
    assert deliver(local, BY_GTIN, **AS_GTIN).outcome is Outcome.SUPERSEDED
    found = places(local)
    assert len(found.pop(names.ARCHIVE)) == 2, "one of each upload"
    assert found == {names.INCOMING: [], names.QUARANTINE: [], "moves": []}


def test_what_is_in_the_archive_is_not_quarantined_too(local: LocalStack) -> None:
    local.upload(content=PICTURE)
    fails_to_delete(local)
    assert deliver(local, **TOO_LARGE).moved_to == f"{names.ARCHIVE}/{local.names(names.ARCHIVE)[0]}"
    assert_archived_once(local)


def test_what_settled_is_not_quarantined_too(local: LocalStack) -> None:
    upload_with_lost_answer(local, BLUE, applied=True)
    assert deliver(local).reason == "settling"
    local.pass_time(minutes=21)
    deliver(local, **TOO_LARGE)
    assert_archived_once(local)


def test_a_settled_upload_leaves_nothing_behind(local: LocalStack) -> None:
    upload_with_lost_answer(local, BLUE, applied=True)
    assert deliver(local).reason == "settling"
    assert deliver_after_doubt(local).outcome is Outcome.UPDATED
    assert_archived_once(local)


def test_two_deliveries_at_once_archive_an_older_upload_of_a_renamed_item_once(local: LocalStack) -> None:
    """The event takes the item's number from the record, and the sweep from BC."""
    newer = BY_ID.replace(".jpg", ".png")
    local.upload(BY_ID, PICTURE)
    local.pass_time(seconds=1)
    upload(local, RED, newer)
    local.control("POST", "items", id=DESK_ID, number="NEW", company_id=local.stack.endpoints.company_id)
    company = Company(local.stack.endpoints.company_id, "CRONUS USA, Inc.", "CRONUS USA, Inc.")
    sweeping, events = local.pipeline(), list[Report]()

    def event_goes_first(effect: Effect, send: Send) -> Response:
        if effect.place == names.RECORDS and not events:  # the sweep has read the upload
            events.append(deliver(local, BY_ID))
        return send()

    with hooks_installed(), hooked(event_goes_first):
        report = sweeping.process(names.INCOMING, BY_ID, TakeUp(Item(company, DESK_ID, "NEW", has_picture=True)))
    assert [ended.outcome for ended in (*events, report)] == [Outcome.SUPERSEDED] * 2
    archived = [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)]
    assert sorted(map(str, archived)) == sorted(map(str, (PICTURE, picture_of(RED))))
    assert local.names(names.INCOMING) == []


@pytest.mark.parametrize("step", ["copy", "look", "put", "delete"])
def test_a_blob_that_grows_leaves_no_half_in_quarantine(local: LocalStack, step: str) -> None:
    whole = photograph()
    half, rest = whole[: len(whole) // 2], whole[len(whole) // 2 :]
    local.incoming().upload_blob(half, blob_type=BlobType.APPENDBLOB)
    appended: list[bool] = []

    def append(request: Request) -> Verdict:
        if request.step == step and not appended:
            appended.append(True)
            local.incoming().append_block(rest)
        return refuse_copies(request)

    with HookedStorage(local, StorageHook(append)) as storage, pytest.raises(Transient, match="still grows"):
        storage.pipeline(UNFINISHED_WAIT="PT0S").process(names.INCOMING, DESK)
    assert appended
    assert local.names(names.QUARANTINE) == []
    assert deliver(local, UNFINISHED_WAIT="PT0S").outcome is Outcome.UPDATED
    assert_archived_once(local, whole)


def test_a_blob_of_the_same_name_keeps_its_own_place(local: LocalStack) -> None:
    """What is remembered belongs to one upload, not to its name."""
    local.upload(PNG, PICTURE)
    fails_to_delete(local, PNG, **TOO_LARGE)
    local.upload(PNG, picture_of(RED))
    local.pass_time(minutes=5)
    assert deliver(local, PNG).outcome is Outcome.UPDATED
    assert len(local.names(names.QUARANTINE)) == 2


# --- a death at every effect --------------------------------------------------------------------------------------


def deliver_until_at_rest(local: LocalStack) -> None:
    for minutes in (5, 21, 21):
        local.pass_time(minutes=minutes)
        if local.incoming().exists():
            deliver(local)


@pytest.mark.parametrize("dying", [TOO_LARGE, {}], ids=["set aside", "placed after being set aside"])
def test_a_move_may_die_anywhere_and_be_decided_anew(local: LocalStack, dying: dict[str, str]) -> None:
    for at in count():
        local.reset()
        local.upload(content=PICTURE)
        if not dying:
            dies_before_the_delete(local, **TOO_LARGE)
            local.pass_time(minutes=5)
        process = Process(at)
        pipeline = local.pipeline(**dying)
        with hooks_installed(), hooked(process), suppress(Crash):
            pipeline.process(names.INCOMING, DESK)
        was_moved = not local.incoming().exists()
        deliver_until_at_rest(local)
        originals = [name for name in local.names(names.QUARANTINE) if not name.endswith(".txt")]
        kept = (len(local.names(names.ARCHIVE)), len(originals), len(local.names(names.INCOMING)))
        assert kept == ((0, 1, 0) if dying and was_moved else (1, 0, 0)), f"died before effect {at}"
        if not process.died:
            assert at >= 6
            return
