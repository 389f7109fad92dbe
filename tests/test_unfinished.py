"""An upload that may still be being written waits, and is judged only once nobody has written to it for a while."""

import gzip

import pytest
from azure.storage.blob import BlobType

from shared.errors import Transient
from shared.report import Outcome
from shared.storage import names
from tests.support.local_stack import DESK, LocalStack, photograph
from tests.support.storage_transport import HookedStorage, Request, StorageHook

WHOLE = photograph()
TEMPORARY = "CRONUS USA, Inc/1896-S.jpg.filepart"


def upload(local: LocalStack, kind: str) -> str:
    """Upload something that looks unfinished, and return its name."""
    name = TEMPORARY if kind == "temporary name" else DESK
    if kind == "append blob":
        local.incoming(name).upload_blob(WHOLE, blob_type=BlobType.APPENDBLOB)
        return name
    content = {
        "empty": b"",
        "half a JPEG": WHOLE[: len(WHOLE) // 2],
        "half a PNG": photograph(picture_format="PNG")[:2000],
        "half a TIFF": photograph(picture_format="TIFF")[:2000],
        "half a gzip": gzip.compress(WHOLE)[:-20],
        "temporary name": WHOLE,
        "only zeros": bytes(8192),
    }
    local.incoming(name).upload_blob(content[kind])
    return name


KINDS = [
    "empty",
    "half a JPEG",
    "half a PNG",
    "half a TIFF",
    "half a gzip",
    "only zeros",
    "temporary name",
    "append blob",
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unfinished_upload_waits_where_it_is(local: LocalStack, kind: str) -> None:
    name = upload(local, kind)
    report = local.pipeline().process(names.INCOMING, name)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "unfinished")
    assert local.names(names.INCOMING) == [name]
    assert local.names(names.QUARANTINE) == []
    assert local.requests() == [], "BC is not asked about what may change"


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_that_stays_unfinished_is_judged(local: LocalStack, kind: str) -> None:
    name = upload(local, kind)
    local.pass_time(minutes=9, seconds=50)
    assert local.pipeline().process(names.INCOMING, name).outcome is Outcome.WAITING
    local.pass_time(seconds=11)
    report = local.pipeline().process(names.INCOMING, name)
    expected = {"append blob": (Outcome.UPDATED, None), "temporary name": (Outcome.QUARANTINED, "bad_path")}
    assert (report.outcome, report.reason) == expected.get(kind, (Outcome.QUARANTINED, "not_an_image"))
    assert local.names(names.INCOMING) == []


@pytest.mark.parametrize("kind", ["empty", "half a JPEG"])
def test_an_upload_completed_a_moment_later_shows_on_the_item(local: LocalStack, kind: str) -> None:
    name = upload(local, kind)
    local.pipeline().process(names.INCOMING, name)
    local.upload(name, WHOLE)
    assert local.pipeline().process(names.INCOMING, name).outcome is Outcome.UPDATED
    assert local.names(names.QUARANTINE) == []


def test_each_appended_block_starts_the_wait_anew(local: LocalStack) -> None:
    half = len(WHOLE) // 2
    local.incoming().upload_blob(WHOLE[:half], blob_type=BlobType.APPENDBLOB)
    local.pass_time(minutes=9)
    local.incoming().append_block(WHOLE[half:])
    local.pass_time(minutes=9)
    assert local.pipeline().process(names.INCOMING, DESK).reason == "unfinished"
    local.pass_time(minutes=2)
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED


def test_the_wait_is_a_setting(local: LocalStack) -> None:
    name = upload(local, "empty")
    local.pass_time(minutes=11)
    assert local.pipeline(UNFINISHED_WAIT="PT1H").process(names.INCOMING, name).outcome is Outcome.WAITING
    assert local.pipeline(UNFINISHED_WAIT="PT5S").process(names.INCOMING, name).outcome is Outcome.QUARANTINED


def test_a_damaged_picture_that_is_complete_does_not_wait(local: LocalStack) -> None:
    local.upload(content=b"These are not the bytes of a picture.")
    assert local.pipeline().process(names.INCOMING, DESK).reason == "not_an_image"


def test_a_page_blob_may_still_be_written(local: LocalStack) -> None:
    local.incoming().upload_blob(bytes(4096), blob_type=BlobType.PAGEBLOB)
    assert local.pipeline().process(names.INCOMING, DESK).reason == "unfinished"


def test_a_sealed_append_blob_is_finished(local: LocalStack) -> None:
    local.incoming().upload_blob(WHOLE, blob_type=BlobType.APPENDBLOB)
    local.incoming().seal_append_blob()
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED


def test_a_blob_that_grows_while_set_aside_is_delivered_again(local: LocalStack) -> None:
    """Appending raises no event, so nothing else would bring the rest of the file."""
    local.incoming().upload_blob(WHOLE[:3000], blob_type=BlobType.APPENDBLOB)

    def append(request: Request) -> None:
        if request.step == "delete" and f"/{names.INCOMING}/" in request.path:
            local.incoming().append_block(WHOLE[3000:])

    with HookedStorage(local, StorageHook(append)) as storage, pytest.raises(Transient, match="still grows"):
        storage.pipeline(UNFINISHED_WAIT="PT0S").process(names.INCOMING, DESK)
    assert local.read(names.INCOMING, DESK) == WHOLE
    assert local.pipeline(UNFINISHED_WAIT="PT0S").process(names.INCOMING, DESK).outcome is Outcome.UPDATED
