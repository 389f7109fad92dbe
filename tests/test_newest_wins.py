"""The newest upload for an item wins, in whatever order uploads are delivered."""

from collections.abc import Callable
from urllib.parse import unquote

import pytest

from shared.pipeline import TakeUp
from shared.report import Outcome
from shared.storage import names
from tests.support.item_pictures import (
    BLUE,
    BY_ID,
    PNG,
    RED,
    colour_in_bc,
    deliver,
    picture_of,
    upload,
    upload_twice_within_a_second,
)
from tests.support.local_stack import DESK, LocalStack

# --- nothing stale -----------------------------------------------------------------------------------------------


def two_uploads(local: LocalStack, older: str, newer: str) -> None:
    local.upload(older, picture_of(BLUE))
    local.pass_time(seconds=5)
    local.upload(newer, picture_of(RED))


@pytest.mark.parametrize(("older", "newer"), [(DESK, PNG), (PNG, DESK), (DESK, BY_ID), (BY_ID, DESK)])
@pytest.mark.parametrize("newest_first", [False, True])
def test_the_newest_upload_wins_in_any_order_of_delivery(
    local: LocalStack, older: str, newer: str, newest_first: bool
) -> None:
    two_uploads(local, older, newer)
    order = (newer, older) if newest_first else (older, newer)
    reports = {path: deliver(local, path) for path in order}
    assert colour_in_bc(local) == RED
    assert reports[newer].outcome is Outcome.UPDATED
    assert reports[older].outcome is (Outcome.SUPERSEDED if newest_first else Outcome.UPDATED)
    assert local.names(names.INCOMING) == []
    archived = {local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)}
    assert archived == {picture_of(BLUE), picture_of(RED)}


def test_the_archive_marks_a_superseded_original(local: LocalStack) -> None:
    two_uploads(local, DESK, PNG)
    deliver(local, PNG)
    report = deliver(local, DESK)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "newer_upload")
    (name,) = [name for name in local.names(names.ARCHIVE) if name.endswith(".jpg")]
    metadata = local.metadata(names.ARCHIVE, name)
    assert (metadata["outcome"], metadata["reason"], metadata["source_name"]) == ("superseded", "newer_upload", DESK)
    assert len(local.requests("PATCH")) == 1


def test_within_a_second_the_later_of_one_name_wins(local: LocalStack) -> None:
    """Last-Modified counts whole seconds: the newer blob is the one in incoming."""
    upload_twice_within_a_second(local)
    assert deliver(local).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == RED


def test_within_a_second_the_greater_name_wins_in_any_order(local: LocalStack) -> None:
    for order in ((DESK, PNG), (PNG, DESK)):
        local.reset()
        while True:
            local.upload(DESK, picture_of(BLUE))
            local.upload(PNG, picture_of(RED))
            times = {local.incoming(path).get_blob_properties().last_modified for path in (DESK, PNG)}
            if len(times) == 1:
                break
        for path in order:
            deliver(local, path)
        assert colour_in_bc(local) == RED, "1896-S.png comes after 1896-S.jpg"


# --- replays -----------------------------------------------------------------------------------------------------


def replay(local: LocalStack, archived: str, path: str) -> None:
    """Copy an original back, with its metadata, as storage tools do."""
    source = local.storage.get_blob_client(names.ARCHIVE, archived)
    metadata = source.get_blob_properties().metadata
    local.incoming(path).upload_blob(source.download_blob().readall(), metadata=metadata, overwrite=True)


def test_a_replayed_original_does_not_replace_a_newer_upload(local: LocalStack) -> None:
    upload(local, BLUE)
    (old,) = local.names(names.ARCHIVE)
    local.pass_time(hours=1)
    upload(local, RED)
    local.pass_time(hours=1)
    replay(local, old, DESK)
    report = deliver(local)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "newer_upload")
    assert colour_in_bc(local) == RED
    assert local.names(names.INCOMING) == []


def test_a_replay_updates_an_item_without_a_newer_upload(local: LocalStack) -> None:
    local.fault(400, method="PATCH", code="Application_DialogException", message="Blocked.")
    local.upload(content=picture_of(BLUE))
    given_up = local.pipeline(ITEM_WAIT="PT0S").process(names.INCOMING, DESK, TakeUp(ends_waiting=True))
    assert given_up.outcome is Outcome.QUARANTINED
    original, _note = local.names(names.QUARANTINE)
    blob = local.storage.get_blob_client(names.QUARANTINE, original)
    metadata = blob.get_blob_properties().metadata
    local.pass_time(hours=1)
    local.incoming().upload_blob(blob.download_blob().readall(), metadata=metadata)
    assert deliver(local).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE
    (archived,) = local.names(names.ARCHIVE)
    assert local.metadata(names.ARCHIVE, archived)["uploaded_at"] == unquote(metadata["uploaded_at"])


def test_an_original_copied_to_another_item_is_a_new_upload(local: LocalStack) -> None:
    upload(local, BLUE, "CRONUS USA, Inc/1900-S.jpg")
    (archived,) = local.names(names.ARCHIVE)
    local.pass_time(hours=1)
    upload(local, RED)
    local.pass_time(hours=1)
    replay(local, archived, DESK)
    assert deliver(local).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE


def test_nobody_can_upload_from_the_future(local: LocalStack) -> None:
    metadata = names.encode_metadata(
        {"source_name": DESK, "uploaded_at": "2099-01-01T00:00:00+00:00", "upload_id": "x"}
    )
    local.incoming().upload_blob(picture_of(BLUE), metadata=metadata)
    deliver(local)
    local.pass_time(seconds=5)
    assert upload(local, RED).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == RED


@pytest.mark.parametrize("spelling", [str.capitalize, str.upper])
def test_a_replay_is_recognised_in_any_case_of_metadata_names(
    local: LocalStack, spelling: Callable[[str], str]
) -> None:
    """Storage ignores their case, and AzCopy capitalises them."""
    upload(local, BLUE)
    (old,) = local.names(names.ARCHIVE)
    local.pass_time(hours=1)
    upload(local, RED)
    source = local.storage.get_blob_client(names.ARCHIVE, old)
    metadata = {spelling(name): value for name, value in source.get_blob_properties().metadata.items()}
    local.incoming().upload_blob(source.download_blob().readall(), metadata=metadata)
    assert deliver(local).reason == "newer_upload"
    assert colour_in_bc(local) == RED


def test_a_replay_waits_as_long_as_any_other_upload(local: LocalStack) -> None:
    """ITEM_WAIT counts from the copy back, not from the upload of the original."""
    metadata = names.encode_metadata(
        {"source_name": DESK, "uploaded_at": "2020-01-01T00:00:00+00:00", "upload_id": "x"}
    )
    local.incoming().upload_blob(picture_of(BLUE), metadata=metadata)
    local.fault(400, method="PATCH", code="Application_DialogException", message="Blocked.")
    waiting = local.pipeline().process(names.INCOMING, DESK, TakeUp(ends_waiting=True))
    assert waiting.outcome is Outcome.WAITING
