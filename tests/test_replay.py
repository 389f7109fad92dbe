"""An original comes back from quarantine or archive, in one place at rest, and never over anything newer."""

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import quote

import pytest
from azure.storage.blob import ContentSettings

from shared.errors import Reason
from shared.replay import ReplayRefused
from shared.report import Outcome
from shared.storage import names
from shared.storage.originals import Original, Originals
from tests.support.item_pictures import (
    BLUE,
    DESK,
    PNG,
    RED,
    colour_in_bc,
    deliver,
    item_in_bc,
    picture_of,
    put_by_hand,
    upload,
    upload_with_lost_answer,
)
from tests.support.local_stack import LocalStack
from tests.support.replays import archived_original, rejected, replays, set_aside, without_its_item
from tests.test_waiting import UNKNOWN_ITEM, create_item

OTHER_COMPANY = "Elsewhere/1896-S.jpg"


def paths(originals: Iterable[Original]) -> list[str]:
    return sorted(original.source_name for original in originals)


# --- the lists ---------------------------------------------------------------------------------------------------


def test_quarantine_is_listed_by_reason(local: LocalStack) -> None:
    without_its_item(local)
    set_aside(local, DESK, b"not a picture" * 100)
    assert paths(replays(local).quarantined()) == [DESK, UNKNOWN_ITEM]
    assert paths(replays(local).quarantined(Reason.ITEM_NOT_FOUND)) == [UNKNOWN_ITEM]
    assert paths(replays(local).quarantined(Reason.TOO_LARGE)) == []


def test_quarantine_is_listed_by_company_as_the_path_has_it(local: LocalStack) -> None:
    """A file that is unreadable never came as far as BC: only its path tells the company."""
    set_aside(local, OTHER_COMPANY, b"not a picture" * 100)
    without_its_item(local)
    assert paths(replays(local).quarantined(company="elsewhere")) == [OTHER_COMPANY]
    assert paths(replays(local).quarantined(company="CRONUS usa, inc.")) == [UNKNOWN_ITEM]


def test_a_path_without_company_counts_as_the_default_one(local: LocalStack) -> None:
    settings = {"BLOB_PATH_TEMPLATE": "{item}.{extension}", "BC_COMPANY": "CRONUS USA, Inc."}
    local.upload("1896-S.jpg", b"not a picture" * 100)
    app = local.app(**settings)
    app.pipeline.process(names.INCOMING, "1896-S.jpg")
    assert paths(app.replay.quarantined(company="CRONUS USA, Inc.")) == ["1896-S.jpg"]
    assert paths(app.replay.quarantined(company="Elsewhere")) == []


def test_quarantine_is_listed_by_the_age_of_the_move(local: LocalStack) -> None:
    without_its_item(local)
    local.pass_time(hours=2)
    set_aside(local, DESK, b"not a picture" * 100)
    hour = timedelta(hours=1)
    assert paths(replays(local).quarantined(older_than=hour)) == [UNKNOWN_ITEM]
    assert paths(replays(local).quarantined(younger_than=hour)) == [DESK]


def test_a_list_of_many_pages_has_every_original_once(local: LocalStack) -> None:
    expected = [f"CRONUS USA, Inc/{number}.jpg" for number in range(5)]
    for path in expected:
        set_aside(local, path, b"not a picture" * 100)
    assert paths(Originals(local.storage, page_size=2).all(names.QUARANTINE)) == expected


def test_the_archive_is_listed_by_item_without_what_bc_had(local: LocalStack) -> None:
    put_by_hand(local, RED)
    upload(local, BLUE)
    upload(local, BLUE, "CRONUS USA, Inc/1900-S.jpg")
    assert len(local.names(names.ARCHIVE)) == 3
    assert paths(replays(local).archived("CRONUS USA, Inc.", "1896-S")) == [DESK]
    assert len(list(replays(local).archived("CRONUS USA, Inc."))) == 2


# --- replays -----------------------------------------------------------------------------------------------------


def test_a_replay_is_updated_once_its_item_exists(local: LocalStack) -> None:
    name = without_its_item(local)
    metadata = local.metadata(names.QUARANTINE, name)
    create_item(local)
    local.pass_time(hours=1)
    assert replays(local).replay(names.QUARANTINE, name) == UNKNOWN_ITEM
    assert local.names(names.QUARANTINE) == [], "neither the original nor its note"
    assert local.read(names.INCOMING, UNKNOWN_ITEM) == picture_of(BLUE)
    assert deliver(local, UNKNOWN_ITEM).outcome is Outcome.UPDATED
    (archived,) = local.names(names.ARCHIVE)
    assert local.metadata(names.ARCHIVE, archived)["uploaded_at"] == metadata["uploaded_at"]


def test_a_replay_never_replaces_a_file_in_product_images(local: LocalStack) -> None:
    name = without_its_item(local)
    local.upload(UNKNOWN_ITEM, b"newer")
    before = local.names(names.QUARANTINE)
    for as_new in (False, True):
        with pytest.raises(ReplayRefused, match="A file of that name is in product-images"):
            replays(local).replay(names.QUARANTINE, name, as_new=as_new)
    assert local.read(names.INCOMING, UNKNOWN_ITEM) == b"newer"
    assert local.names(names.QUARANTINE) == before


def test_a_replay_of_an_older_upload_does_not_beat_a_newer(local: LocalStack) -> None:
    name = rejected(local, BLUE)
    local.pass_time(hours=1)
    upload(local, RED)
    replays(local).replay(names.QUARANTINE, name)
    report = deliver(local)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "newer_upload")
    assert colour_in_bc(local) == RED
    assert len(local.names(names.ARCHIVE)) == 2
    assert local.names(names.QUARANTINE) == local.names(names.INCOMING) == []


def test_as_new_rolls_an_item_back(local: LocalStack) -> None:
    upload(local, BLUE)
    local.pass_time(hours=1)
    upload(local, RED)
    local.pass_time(hours=1)
    replays(local).replay(names.ARCHIVE, archived_original(local, BLUE), as_new=True)
    assert deliver(local).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE
    contents = [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)]
    assert sorted(map(str, contents)) == sorted(map(str, [picture_of(BLUE), picture_of(RED)]))


def test_a_replay_keeps_bytes_and_content_type(local: LocalStack) -> None:
    name = without_its_item(local)
    odd = ContentSettings(content_type="image/odd")
    local.storage.get_blob_client(names.QUARANTINE, name).set_http_headers(odd)
    replays(local).replay(names.QUARANTINE, name)
    assert local.incoming(UNKNOWN_ITEM).get_blob_properties().content_settings.content_type == "image/odd"
    assert local.read(names.INCOMING, UNKNOWN_ITEM) == picture_of(BLUE)


def test_a_note_that_belongs_to_another_upload_stays(local: LocalStack) -> None:
    name = without_its_item(local)
    note = local.storage.get_blob_client(names.QUARANTINE, f"{name}.txt")
    note.upload_blob(b"Call me before you touch it.", overwrite=True)
    replays(local).replay(names.QUARANTINE, name)
    assert local.names(names.QUARANTINE) == [f"{name}.txt"]


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_replayed_before", [False, True], ids=["uploaded", "replayed"])
def test_what_is_on_its_item_is_refused_and_can_be_rendered_again(local: LocalStack, is_replayed_before: bool) -> None:
    if is_replayed_before:
        replays(local).replay(names.QUARANTINE, rejected(local, BLUE))
        deliver(local)
    else:
        upload(local, BLUE)
    local.pass_time(hours=1)
    original = archived_original(local, BLUE)
    for refused in (replays(local).replay, replays(local).rehearse):
        with pytest.raises(ReplayRefused, match=r"is the picture on its item.*--as-new"):
            refused(names.ARCHIVE, original)
    assert local.names(names.INCOMING) == []
    assert [found.name for found in replays(local).newest("CRONUS USA, Inc.")] == [original]


def test_what_is_on_its_item_counts_as_new_if_that_is_asked(local: LocalStack) -> None:
    upload(local, BLUE)
    local.pass_time(hours=1)
    replays(local).replay(names.ARCHIVE, archived_original(local, BLUE), as_new=True)
    assert deliver(local).outcome is Outcome.UNCHANGED
    assert [found.name for found in replays(local).newest("CRONUS USA, Inc.")] == [archived_original(local, BLUE)]


def test_the_original_of_an_item_that_was_created_anew_is_not_refused(local: LocalStack) -> None:
    upload(local, BLUE)
    local.pass_time(hours=1)
    local.control("DELETE", f"items/{item_in_bc(local)['id']}")
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number="1896-S")
    assert replays(local).replay(names.ARCHIVE, archived_original(local, BLUE)) == DESK
    assert deliver(local).outcome is Outcome.UPDATED


def test_the_original_of_a_company_that_bc_has_no_more_is_not_refused(local: LocalStack) -> None:
    upload(local, BLUE)
    local.control("POST", "companies", id=local.stack.endpoints.company_id, name="CRONUS INTERNATIONAL")
    assert replays(local).replay(names.ARCHIVE, archived_original(local, BLUE)) == DESK
    assert local.read(names.INCOMING, DESK) == picture_of(BLUE)


def test_a_name_too_long_for_metadata_is_refused(local: LocalStack) -> None:
    path = f"CRONUS USA, Inc/{'ü' * 400}/a.jpg"
    assert len(quote(path)) > names.METADATA_VALUE_MAX
    name = set_aside(local, path, b"not a picture" * 100)
    before = local.names(names.QUARANTINE)
    with pytest.raises(ReplayRefused, match="cannot be replayed under its own name"):
        replays(local).replay(names.QUARANTINE, name)
    assert local.names(names.QUARANTINE) == before
    assert local.names(names.INCOMING) == []


def test_what_settles_is_refused_and_stays_on_its_item(local: LocalStack) -> None:
    upload_with_lost_answer(local, RED, PNG)
    local.pass_time(seconds=1)
    assert upload(local, BLUE).reason == "settling"
    local.incoming().delete_blob()
    (copy,) = local.names(names.ARCHIVE)
    with pytest.raises(ReplayRefused, match="settles"):
        replays(local).replay(names.ARCHIVE, copy)
    local.control("POST", "late")
    assert colour_in_bc(local) == RED
    local.pass_time(minutes=21)
    local.app().sweep.run()
    assert colour_in_bc(local) == BLUE


def test_what_bc_had_before_is_refused_and_the_way_is_told(local: LocalStack) -> None:
    put_by_hand(local, RED)
    upload(local, BLUE)
    (before,) = (name for name in local.names(names.ARCHIVE) if ".before." in name)
    with pytest.raises(ReplayRefused, match="Download it, and upload it under a path of the item"):
        replays(local).replay(names.ARCHIVE, before)
    assert local.names(names.INCOMING) == []


def test_a_foreign_blob_a_note_and_nothing_are_refused(local: LocalStack) -> None:
    name = without_its_item(local)
    local.storage.get_blob_client(names.QUARANTINE, "mine.jpg").upload_blob(picture_of(RED))
    for other in ("mine.jpg", f"{name}.txt", "nothing.jpg"):
        with pytest.raises(ReplayRefused):
            replays(local).replay(names.QUARANTINE, other)
    assert local.names(names.QUARANTINE) == [name, f"{name}.txt", "mine.jpg"]
    assert local.names(names.INCOMING) == []
