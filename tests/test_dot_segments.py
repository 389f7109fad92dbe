"""A blob whose name clients take for another address is refused without a request under that name."""

import pytest

from shared.report import Outcome
from shared.storage import names
from tests.support.local_stack import LocalStack, photograph
from tests.support.storage_transport import HookedStorage, StorageHook

NAMES = ["../archive/x.jpg", "CRONUS USA, Inc/../1896-S.jpg", "./1896-S.jpg", "..", "a/./b/1896-S.jpg"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_or_moved_under_such_a_name(local: LocalStack, name: str) -> None:
    bystander = photograph("#aa2200")
    local.storage.get_blob_client(names.ARCHIVE, "x.jpg").upload_blob(bystander)
    local.upload("1896-S.jpg", bystander)
    hook = StorageHook()
    with HookedStorage(local, hook) as storage:
        report = storage.pipeline().process(names.INCOMING, name)
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "bad_path")
    assert "'.' or '..'" in str(report.detail)
    assert report.moved_to is None
    assert hook.steps() == ["note"]
    assert local.read(names.ARCHIVE, "x.jpg") == bystander
    assert local.read(names.INCOMING, "1896-S.jpg") == bystander


def test_one_note_says_so_however_often_it_is_delivered(local: LocalStack) -> None:
    for _ in range(3):
        local.pipeline().process(names.INCOMING, NAMES[0])
    (note,) = local.names(names.QUARANTINE)
    text = (local.read(names.QUARANTINE, note) or b"").decode()
    assert note.startswith("bad_path/")
    assert NAMES[0] in text
    assert "still where you uploaded it" in text
