"""Archive and quarantine accept every upload, whatever its name and metadata, and touch no foreign blob."""

import pytest

from shared.errors import Reason, Transient
from shared.report import Outcome
from shared.storage import names
from tests.support.local_stack import DESK, LocalStack
from tests.support.storage_transport import (
    HookedStorage,
    StorageHook,
    stored_blob,
    unread_source,
)

# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "a" * 1024,
        "é" * 1024,
        "名" * 1020 + ".jpg",
        "😀" * 512,
        "%" * 1024,
        "%2F%5C%252e/%00.jpg",
        'a/b/it\'s "quoted" <&>;=+,$@!.jpg',
        "a/b/x?y#z&.jpg",
        "dots...",
        "a/b/slash/",
        "a/" * 512,
        "back\\slash\\x.jpg",
        " a / b/ c .jpg ",
        "a/b/\u0308\u200f\u202e\U000e0001.jpg",
        "a/b/\x7f.jpg",
    ],
    ids=lambda name: ascii(name[:12]),
)
def test_a_file_is_moved_whatever_its_name(local: LocalStack, name: str) -> None:
    local.upload(name, b"not a picture")
    hook = StorageHook()
    with HookedStorage(local, hook) as storage:
        report = storage.pipeline().process(names.INCOMING, name)
    assert report.outcome is Outcome.QUARANTINED
    original, note = local.names(names.QUARANTINE)
    assert report.moved_to == f"{names.QUARANTINE}/{original}"
    assert note == f"{original}.txt"
    assert len(note.encode("utf-16-le")) / 2 <= 900
    assert local.read(names.QUARANTINE, original) == b"not a picture"
    assert name.startswith(local.metadata(names.QUARANTINE, original)["source_name"])
    assert local.names(names.INCOMING) == []
    sources = [request.headers["x-ms-copy-source"] for request in hook.at("copy")]
    assert all(len(source) <= 2048 for source in sources), "the service accepts no longer address"


def test_a_picture_deep_in_folders_is_archived_under_its_item(local: LocalStack) -> None:
    name = f"{'é' * 500}/{'%' * 510}/1896-S.jpg"
    content = local.upload(name)
    template = {"BLOB_PATH_TEMPLATE": "{name}/{item}.{extension}"}
    assert local.pipeline(**template).process(names.INCOMING, name).outcome is Outcome.UPDATED
    (archived,) = local.names(names.ARCHIVE)
    assert archived.startswith("CRONUS USA, Inc/1896-S/")
    assert local.read(names.ARCHIVE, archived) == content
    assert local.names(names.INCOMING) == []


# --- metadata ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x", "😀", "line\r\n", "\0", "é%"])
def test_metadata_fits_however_long_the_values(local: LocalStack, text: str) -> None:
    """Azure accepts 8 KiB in all; up to 8 KiB of the uploader's own metadata must not use up that room."""
    name = f"{'名' * 400}.jpg"
    uploaders_own = {f"pim_{number}": "v" * 1000 for number in range(8)}
    local.incoming(name).upload_blob(b"film", metadata=uploaders_own)
    metadata = {
        **dict.fromkeys(("outcome", "reason", "uploaded_at", "item_id", "upload_id"), "0" * 40),
        "sha256": "0" * 64,
        "detail": text * 10_000,
        "company": text * 250,
        "item_number": text * 20,
    }
    hook = StorageHook()
    with HookedStorage(local, hook) as storage:
        source = unread_source(storage.service, name)
        assert source.metadata == uploaders_own
        assert storage.mover().move(source, (names.QUARANTINE, "film"), metadata)
    writes = [request for request in hook.requests if any("x-ms-meta-" in key.lower() for key in request.headers)]
    assert writes
    for request in writes:
        headers = {key[10:]: value for key, value in request.headers.items() if key.lower().startswith("x-ms-meta-")}
        assert all(len(value) <= 1024 for value in headers.values())
        assert sum(len(key) + len(value) for key, value in headers.items()) <= 8 * 1024
    stored = local.metadata(names.QUARANTINE, "film")
    assert metadata["detail"].startswith(stored["detail"])
    assert len(stored["detail"]) >= 80
    assert not set(uploaders_own) & set(stored)


# --- foreign blobs, and quarantines cut short --------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", ".txt"], ids=["original", "note"])
def test_a_foreign_blob_in_quarantine_is_named_and_untouched(local: LocalStack, ending: str) -> None:
    local.upload(content=b"not a picture")
    source = local.pipeline().storage.read(DESK, 10**9)
    name = names.quarantine_name(Reason.NOT_AN_IMAGE, DESK, source.etag) + ending
    stored_blob(local, name).upload_blob(b"somebody else's")
    with pytest.raises(Transient) as failure:
        local.pipeline().process(names.INCOMING, DESK)
    assert f"quarantine/{name} belongs to another upload" in failure.value.detail
    assert "Rename or remove that blob" in failure.value.detail
    assert local.read(names.QUARANTINE, name) == b"somebody else's"
    assert local.read(names.INCOMING, DESK) == b"not a picture"
    stored_blob(local, name).delete_blob()
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.QUARANTINED
    assert len(local.names(names.QUARANTINE)) == 2
    assert local.names(names.INCOMING) == []


@pytest.mark.parametrize("step", ["note", "delete"])
def test_a_half_finished_quarantine_is_completed(local: LocalStack, step: str) -> None:
    local.upload(content=b"not a picture")
    stop = StorageHook(lambda request: 403 if request.step == step else None)
    with HookedStorage(local, stop) as storage, pytest.raises(Transient):
        storage.pipeline().process(names.INCOMING, DESK)
    assert local.incoming().exists()
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.QUARANTINED
    original, note = local.names(names.QUARANTINE)
    assert local.read(names.QUARANTINE, original) == b"not a picture"
    assert DESK in str(local.read(names.QUARANTINE, note), "utf-8")
    assert local.names(names.INCOMING) == []
