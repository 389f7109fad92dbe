"""What has settled is in the archive alone, even if its path has come to mean another item, or nothing, meanwhile."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest

from shared.errors import Transient
from shared.report import Outcome, Report
from shared.settling import Settling
from shared.storage import names
from tests.support.item_pictures import (
    BLUE,
    PNG,
    RED,
    colour_in_bc,
    deliver,
    picture_of,
    upload,
    upload_with_lost_answer,
)
from tests.support.local_stack import DESK, DESK_ID, LocalStack, Log
from tests.support.outgoing_requests import Crash, Process, hooked, hooks_installed
from tests.test_one_place import (
    AS_GTIN,
    BY_GTIN,
    GTIN,
    PICTURE,
    TOO_LARGE,
    assert_archived_once,
    fails_to_delete,
    name_item,
    places,
)

OTHER_ID = "7a289e48-0fa0-52f8-a4c7-6d69e90e2ab5"


def leave_settling(local: LocalStack, path: str = BY_GTIN, **settings: str) -> None:
    """Leave an upload on its item and settling: copied to the archive, and still in incoming."""
    local.upload(path, PICTURE)
    local.fault(drop=True, method="PATCH", applied=True)
    with pytest.raises(Transient):
        deliver(local, path, **settings)
    assert deliver(local, path, **settings).reason == "settling"


def sweep(local: LocalStack) -> dict[str, int]:
    return local.app(**AS_GTIN).sweep.run().outcomes


def settle(local: LocalStack, **settings: str) -> list[Report]:
    return Settling(local.pipeline(**settings)).settle(lambda: True).reports


def gives_the_gtin_away(local: LocalStack) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", id=DESK_ID, number="OLD", company_id=company)
    local.control("POST", "items", id=OTHER_ID, number="1900-S", gtin=GTIN, company_id=company)


def takes_the_gtin_away(local: LocalStack) -> None:
    local.control("POST", "items", id=DESK_ID, number="NEW", company_id=local.stack.endpoints.company_id)


def renames_the_company(local: LocalStack) -> None:
    local.control("POST", "companies", id=local.stack.endpoints.company_id, name="CRONUS INTERNATIONAL")


MEANS_ELSE = pytest.mark.parametrize("change", [gives_the_gtin_away, takes_the_gtin_away, renames_the_company])


@MEANS_ELSE
def test_what_has_settled_leaves_incoming_whatever_its_path_means(
    local: LocalStack, change: Callable[[LocalStack], None]
) -> None:
    name_item(local, "OLD")
    leave_settling(local, **AS_GTIN)
    change(local)
    local.pass_time(minutes=21)
    assert sweep(local) == {"updated": 1}
    assert sweep(local) == {}
    assert (colour_in_bc(local), local.picture(OTHER_ID)) == (BLUE, None)
    assert_archived_once(local)


def test_an_older_upload_leaves_incoming_with_what_has_settled(local: LocalStack) -> None:
    name_item(local, "OLD")
    older = BY_GTIN.replace(".jpg", ".png")
    local.upload(older, picture_of(RED))
    local.pass_time(seconds=1)
    leave_settling(local, **AS_GTIN)
    assert deliver(local, older, **AS_GTIN).reason == "settling"
    gives_the_gtin_away(local)
    local.pass_time(minutes=21)
    sweep(local)
    sweep(local)
    assert (colour_in_bc(local), local.picture(OTHER_ID)) == (BLUE, None)
    found = places(local)
    archived = [local.metadata(names.ARCHIVE, name) for name in found.pop(names.ARCHIVE)]
    assert {each["source_name"]: each["outcome"] for each in archived} == {BY_GTIN: "updated", older: "superseded"}
    assert found == {names.INCOMING: [], names.QUARANTINE: [], "moves": []}


def test_what_has_settled_is_told_once(local: LocalStack, log: Log) -> None:
    leave_settling(local, DESK)
    local.pass_time(minutes=21)
    before = len(log())
    local.app().sweep.run()
    told = [(line["event"], line["outcome"]) for line in log()[before:] if line.get("blob") == DESK]
    assert told == [("upload_finished", "updated")]


def test_a_source_that_cannot_be_removed_is_tried_again(local: LocalStack) -> None:
    name_item(local, "OLD")
    leave_settling(local, **AS_GTIN)
    takes_the_gtin_away(local)
    lease = local.incoming(BY_GTIN).acquire_lease()
    local.pass_time(minutes=21)
    (failed,) = settle(local, **AS_GTIN)
    assert "LeaseIdMissing" in str(failed.detail)
    assert local.read(names.INCOMING, BY_GTIN) == PICTURE
    lease.break_lease(0)
    assert [report.outcome for report in settle(local, **AS_GTIN)] == [Outcome.UPDATED]
    assert_archived_once(local)


def test_what_replaced_a_settling_upload_stays(local: LocalStack) -> None:
    leave_settling(local, DESK)
    local.upload(content=b"newer")
    local.pass_time(minutes=21)
    assert settle(local) == []
    assert local.read(names.INCOMING, DESK) == b"newer"
    assert len(local.names(names.ARCHIVE)) == 1


def test_the_picture_of_a_removed_item_waits_for_a_new_one(local: LocalStack) -> None:
    name_item(local, "OLD")
    leave_settling(local, **AS_GTIN)
    local.control("DELETE", f"items/{DESK_ID}")
    local.pass_time(minutes=21)
    assert sweep(local) == {}
    assert local.read(names.INCOMING, BY_GTIN) == PICTURE
    local.control("POST", "items", id=OTHER_ID, number="OLD", gtin=GTIN, company_id=local.stack.endpoints.company_id)
    assert sweep(local) == {"updated": 1}
    assert local.picture(OTHER_ID)
    assert_archived_once(local)


def test_an_original_without_its_copy_is_archived_when_it_has_settled(local: LocalStack) -> None:
    """The worker may have died between the mark and the copy, and a newer picture be on the item."""
    leave_settling(local, DESK)
    (copy,) = local.names(names.ARCHIVE)
    local.storage.get_blob_client(names.ARCHIVE, copy).delete_blob()
    local.pass_time(minutes=21)
    upload(local, RED, PNG)
    assert [report.outcome for report in settle(local)] == [Outcome.SUPERSEDED]
    assert sorted(map(str, (local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)))) == sorted(
        map(str, (PICTURE, picture_of(RED)))
    )
    assert local.names(names.INCOMING) == []


@pytest.mark.parametrize("is_overwritten", [False, True], ids=["removed", "overwritten"])
def test_a_copy_in_quarantine_goes_when_a_picture_settles_without_its_source(
    local: LocalStack, is_overwritten: bool
) -> None:
    local.upload(content=PICTURE)
    fails_to_delete(local, **TOO_LARGE)
    upload_with_lost_answer(local, RED, PNG, applied=False)
    local.incoming(PNG).delete_blob()
    local.pass_time(minutes=5)
    assert deliver(local).reason == "settling"
    if is_overwritten:
        local.upload(content=picture_of(RED))
    else:
        local.incoming().delete_blob()
    local.pass_time(minutes=21)
    settle(local)
    found = places(local)
    assert (found[names.QUARANTINE], found["moves"]) == ([], [])
    assert [local.read(names.ARCHIVE, name) for name in found[names.ARCHIVE]] == [PICTURE]
    assert found[names.INCOMING] == ([DESK] if is_overwritten else [])


def test_the_only_copy_stays_in_quarantine(local: LocalStack) -> None:
    local.upload(content=PICTURE)
    fails_to_delete(local, **TOO_LARGE)
    upload_with_lost_answer(local, RED, PNG, applied=False)
    local.incoming(PNG).delete_blob()
    local.pass_time(minutes=5)
    assert deliver(local).reason == "settling"
    (copy,) = local.names(names.ARCHIVE)
    local.storage.get_blob_client(names.ARCHIVE, copy).delete_blob()
    local.incoming().delete_blob()
    local.pass_time(minutes=21)
    settle(local)
    kept, note = local.names(names.QUARANTINE)
    assert (local.read(names.QUARANTINE, kept), note) == (PICTURE, f"{kept}.txt")


@MEANS_ELSE
def test_settling_may_die_anywhere(local: LocalStack, change: Callable[[LocalStack], None]) -> None:
    for at in count():
        local.reset()
        name_item(local, "OLD")
        leave_settling(local, **AS_GTIN)
        change(local)
        local.pass_time(minutes=21)
        process, settling = Process(at), Settling(local.pipeline(**AS_GTIN))
        with hooks_installed(), hooked(process), suppress(Crash):
            settling.settle(lambda: True)
        assert PICTURE in [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)]
        local.pass_time(minutes=21)
        for _ in range(2):
            settle(local, **AS_GTIN)
        assert_archived_once(local)
        assert colour_in_bc(local) == BLUE
        if not process.died:
            assert at >= 12
            return
