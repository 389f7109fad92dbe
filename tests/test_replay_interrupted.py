"""An interrupted replay loses nothing, and its repetition leaves the original in one place."""

from contextlib import suppress

import pytest

from shared.errors import Transient
from shared.replay import ReplayRefused
from shared.report import Outcome
from shared.storage import names
from tests.support.item_pictures import BLUE, RED, colour_in_bc, deliver, picture_of, upload
from tests.support.local_stack import DESK, LocalStack
from tests.support.replays import DiesAt, hooked_replays, rejected, replays
from tests.support.storage_transport import Request, StorageHook, Verdict, refuse_copies

CONTENT = picture_of(BLUE)
EVERYWHERE = (names.INCOMING, names.QUARANTINE, names.ARCHIVE)
DIES = pytest.mark.parametrize("is_done", [False, True], ids=["before a request", "before its answer"])
REPEATED = pytest.mark.parametrize("as_new", [False, True], ids=["replay", "as new"])
STEPS = ["look", "look", "copy", "look", "look", "delete", "delete"]  # the last: the note, then the original


def interrupted(local: LocalStack, name: str, dies: DiesAt, *, as_new: bool = False) -> bool:
    """Replay until the worker dies; returns whether it did."""
    with hooked_replays(local, StorageHook(dies)) as replay:
        try:
            replay.replay(names.QUARANTINE, name, as_new=as_new)
        except Transient:
            return True
    return False


def places(local: LocalStack, *containers: str) -> int:
    """Return how many blobs hold the original."""
    return sum(local.read(c, name) == CONTENT for c in containers for name in local.names(c))


def test_a_replay_takes_as_many_requests_as_are_interrupted(local: LocalStack) -> None:
    hook = StorageHook()
    name = rejected(local, BLUE)
    with hooked_replays(local, hook) as replay:
        replay.replay(names.QUARANTINE, name)
    assert hook.steps() == STEPS


@REPEATED
@DIES
@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_dying_at_any_request_a_repeat_completes(local: LocalStack, number: int, is_done: bool, as_new: bool) -> None:
    name = rejected(local, BLUE)
    assert interrupted(local, name, DiesAt(number, is_done), as_new=as_new)
    assert places(local, names.INCOMING, names.QUARANTINE) >= 1
    assert local.read(names.INCOMING, DESK) in (None, CONTENT)
    with suppress(ReplayRefused):  # the very last request was done
        replays(local).replay(names.QUARANTINE, name, as_new=as_new)
    assert local.names(names.QUARANTINE) == []
    assert local.read(names.INCOMING, DESK) == CONTENT
    assert deliver(local).outcome is Outcome.UPDATED
    assert places(local, *EVERYWHERE) == 1


@DIES
@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_a_copy_taken_up_before_the_repeat_does_no_harm(local: LocalStack, number: int, is_done: bool) -> None:
    """The repeat makes a second copy of the same age, which loses against the first: the archive has it twice."""
    name = rejected(local, BLUE)
    interrupted(local, name, DiesAt(number, is_done))
    deliver(local)
    with suppress(ReplayRefused):
        replays(local).replay(names.QUARANTINE, name)
    assert deliver(local).outcome in (Outcome.UPDATED, Outcome.SUPERSEDED)
    assert colour_in_bc(local) == BLUE
    assert len(local.requests("PATCH")) == 2, "one was rejected, one is on the item"
    assert local.names(names.QUARANTINE) == local.names(names.INCOMING) == []
    assert places(local, names.ARCHIVE) in (1, 2)


def test_a_newer_upload_survives_a_repeat(local: LocalStack) -> None:
    name = rejected(local, BLUE)
    interrupted(local, name, DiesAt(4, is_done=False))
    local.pass_time(hours=1)
    upload(local, RED)  # over our copy, as any uploader may
    replays(local).replay(names.QUARANTINE, name)
    assert deliver(local).reason == "newer_upload"
    assert colour_in_bc(local) == RED
    assert places(local, *EVERYWHERE) == 1


def test_a_file_that_comes_before_the_copy_stays(local: LocalStack) -> None:
    name = rejected(local, BLUE)

    def upload_first(request: Request) -> Verdict:
        if request.step == "copy":
            local.upload(content=b"newer")
        return None

    refused = pytest.raises(ReplayRefused, match="A file of that name")
    with hooked_replays(local, StorageHook(upload_first)) as replay, refused:
        replay.replay(names.QUARANTINE, name)
    assert local.read(names.INCOMING, DESK) == b"newer"
    assert local.names(names.QUARANTINE) == [name, f"{name}.txt"]


def test_a_copy_that_is_gone_at_once_keeps_the_original(local: LocalStack) -> None:
    """Somebody may have removed it; whoever took it up has moved it, and a repeat does no harm."""
    name = rejected(local, BLUE)
    hook = StorageHook()

    def remove_copy(request: Request) -> Verdict:
        if request.step == "look" and "copy" in hook.steps():
            local.incoming().delete_blob()
            hook.decide = lambda _request: None
        return None

    hook.decide = remove_copy
    with hooked_replays(local, hook) as replay, pytest.raises(Transient, match="The original stays where it is"):
        replay.replay(names.QUARANTINE, name)
    assert local.names(names.QUARANTINE) == [name, f"{name}.txt"]


def test_what_the_service_cannot_copy_comes_block_by_block(local: LocalStack) -> None:
    name = rejected(local, BLUE)
    with hooked_replays(local, StorageHook(refuse_copies)) as replay:
        replay.replay(names.QUARANTINE, name)
    assert local.read(names.INCOMING, DESK) == CONTENT
    assert local.names(names.QUARANTINE) == []
    assert deliver(local).outcome is Outcome.UPDATED
