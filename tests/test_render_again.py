"""After a change of settings, the newest original of each item is rendered again; nothing newer is replaced."""

import pytest

from shared.errors import Transient, Waiting
from shared.replay import ReplayRefused
from shared.report import Outcome
from shared.storage import names
from tests.support.item_pictures import BLUE, BY_ID, GREEN, PNG, RED, colour_in_bc, deliver, picture_of, upload
from tests.support.local_stack import DESK, LocalStack, photograph
from tests.support.replays import DiesAt, archived_original, hooked_replays, replays
from tests.support.storage_transport import StorageHook

COMPANY = "CRONUS USA, Inc"
OTHER = "CRONUS USA, Inc/1900-S.jpg"
SMALL = {"PICTURE_MAX_SIDE": "64"}


def render_again(local: LocalStack) -> list[str]:
    """Put back the newest original of each item, and return their names."""
    return [replays(local).render_again(original.name) for original in replays(local).newest(COMPANY)]


def longer_side(local: LocalStack) -> int:
    picture = local.picture()
    assert picture is not None
    return max(picture.size)


def test_new_settings_take_effect_on_every_item(local: LocalStack) -> None:
    for colour in (RED, BLUE):
        for path in (DESK, OTHER):
            upload(local, colour, path)
        local.pass_time(hours=1)
    assert longer_side(local) == 90
    assert sorted(render_again(local)) == [DESK, OTHER]
    assert deliver(local, **SMALL).outcome is Outcome.UPDATED
    assert deliver(local, OTHER, **SMALL).outcome is Outcome.UPDATED
    assert (longer_side(local), colour_in_bc(local)) == (64, BLUE)
    assert local.names(names.INCOMING) == []
    assert len(local.names(names.ARCHIVE)) == 4, "each original once"


def test_it_can_be_repeated_after_each_change(local: LocalStack) -> None:
    upload(local, BLUE)
    local.pass_time(hours=1)
    for side in (80, 64, 72):
        render_again(local)
        assert deliver(local, PICTURE_MAX_SIDE=str(side)).outcome is Outcome.UPDATED
        assert longer_side(local) == side


def test_without_a_change_nothing_is_written(local: LocalStack) -> None:
    upload(local, BLUE)
    local.pass_time(hours=1)
    render_again(local)
    assert deliver(local).outcome is Outcome.UNCHANGED
    assert len(local.requests("PATCH")) == 1


def test_a_later_upload_wins_over_a_picture_rendered_again(local: LocalStack) -> None:
    """Also if it waits in product-images when the original is put back, and is delivered first or last."""
    for order in (1, -1):
        local.reset()
        upload(local, BLUE)
        local.pass_time(seconds=2)
        local.upload(PNG, picture_of(RED))
        local.pass_time(hours=1)
        assert render_again(local) == [DESK]
        for delivered in (DESK, PNG)[::order]:
            deliver(local, delivered, **SMALL)
        assert colour_in_bc(local) == RED
        assert local.names(names.INCOMING) == []


def test_a_file_of_that_name_in_product_images_is_left(local: LocalStack) -> None:
    upload(local, BLUE)
    local.pass_time(hours=1)
    local.upload(content=picture_of(RED))
    with pytest.raises(ReplayRefused, match="A file of that name"):
        render_again(local)
    assert local.read(names.INCOMING, DESK) == picture_of(RED)
    assert archived_original(local, BLUE)


def test_an_original_that_is_not_on_its_item_is_refused(local: LocalStack) -> None:
    upload(local, BLUE)
    local.pass_time(hours=1)
    upload(local, RED)
    with pytest.raises(ReplayRefused, match="a newer upload is"):
        replays(local).render_again(archived_original(local, BLUE))
    assert local.names(names.INCOMING) == []


def test_after_a_rollback_the_picture_on_the_item_is_meant(local: LocalStack) -> None:
    for colour in (BLUE, RED):
        upload(local, colour)
        local.pass_time(hours=1)
    replays(local).replay(names.ARCHIVE, archived_original(local, BLUE), as_new=True)
    deliver(local)
    local.pass_time(hours=1)
    assert render_again(local) == [DESK]
    deliver(local, **SMALL)
    assert (longer_side(local), colour_in_bc(local)) == (64, BLUE)


def test_a_superseded_original_is_not_rendered_again(local: LocalStack) -> None:
    local.upload(content=picture_of(GREEN))
    local.pass_time(hours=1)
    upload(local, RED, PNG)
    assert deliver(local).outcome is Outcome.SUPERSEDED
    assert render_again(local) == [PNG]


@pytest.mark.parametrize("number", range(1, 7))
def test_interrupted_rendering_is_completed_by_a_repeat(local: LocalStack, number: int) -> None:
    """Wherever it ends, and if the copy is taken up before or after the repeat."""
    for is_taken_up in (False, True):
        local.reset()
        upload(local, BLUE)
        local.pass_time(hours=1)
        with hooked_replays(local, StorageHook(DiesAt(number, is_done=False))) as replay, pytest.raises(Transient):
            replay.render_again(archived_original(local, BLUE))
        if is_taken_up:
            deliver(local, **SMALL)
        render_again(local)
        deliver(local, **SMALL)
        assert (longer_side(local), colour_in_bc(local)) == (64, BLUE)
        assert local.names(names.INCOMING) == []
        assert {local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)} == {picture_of(BLUE)}
        assert len(local.names(names.ARCHIVE)) <= 1 + is_taken_up


def test_an_item_that_took_over_a_number_is_rendered_too(local: LocalStack) -> None:
    upload(local, BLUE, BY_ID)
    (first,) = local.names(names.ARCHIVE)
    upload(local, RED, OTHER)
    (second,) = (name for name in local.names(names.ARCHIVE) if name != first)
    same_folder = f"{first.rpartition('/')[0]}/{second.rpartition('/')[2]}"
    blob = local.storage.get_blob_client(names.ARCHIVE, second)
    content, metadata = blob.download_blob().readall(), blob.get_blob_properties().metadata
    local.storage.get_blob_client(names.ARCHIVE, same_folder).upload_blob(content, metadata=metadata)
    blob.delete_blob()
    assert sorted(render_again(local)) == sorted([BY_ID, OTHER])


def test_an_unknown_company_is_told(local: LocalStack) -> None:
    local.upload(content=photograph())
    with pytest.raises(Waiting):
        list(replays(local).newest("Nowhere"))
