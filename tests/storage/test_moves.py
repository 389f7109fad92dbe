"""A move always succeeds in the end, for every kind of blob, and whichever answer of storage is lost."""

import base64
import hashlib

import pytest
from azure.storage.blob import BlobType, ContentSettings

from shared.errors import Transient
from shared.report import Outcome
from shared.storage import names
from tests.support.faulty_storage import Answer
from tests.support.local_stack import DESK, LocalStack, photograph
from tests.support.storage_transport import (
    BAD_PATH,
    HookedStorage,
    Request,
    StorageHook,
    Verdict,
    refuse_copies,
    stored_blob,
)

# --- we archive the bytes that we read ---------------------------------------------------------------------------


def test_the_service_gets_the_hash_of_what_it_must_copy(local: LocalStack) -> None:
    content = local.upload()
    hook = StorageHook()
    with HookedStorage(local, hook) as storage:
        storage.pipeline().process(names.INCOMING, DESK)
    (copy,) = hook.at("copy")
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    assert base64.b64decode(copy.headers["x-ms-source-content-md5"]) == digest
    (archived,) = local.names(names.ARCHIVE)
    assert local.metadata(names.ARCHIVE, archived)["sha256"] == hashlib.sha256(content).hexdigest()


def test_bytes_other_than_those_we_read_are_not_archived(local: LocalStack) -> None:
    """The real service compares the hash; Azurite does not."""
    local.upload()
    hook = StorageHook(lambda request: (400, "Md5Mismatch") if request.step == "copy" else None)
    with HookedStorage(local, hook) as storage, pytest.raises(Transient, match="Md5Mismatch"):
        storage.pipeline().process(names.INCOMING, DESK)
    assert local.incoming().exists()
    assert local.names(names.ARCHIVE) == []


# --- other kinds of blob -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BlobType.APPENDBLOB, BlobType.PAGEBLOB])
@pytest.mark.parametrize("name", [DESK, BAD_PATH], ids=["read", "not read"])
def test_append_and_page_blobs_become_equal_block_blobs(local: LocalStack, kind: BlobType, name: str) -> None:
    content = photograph().ljust(64 * 1024, b"\0")
    settings = ContentSettings(content_type="image/jpeg")
    local.incoming(name).upload_blob(content, blob_type=kind, content_settings=settings)
    with HookedStorage(local, StorageHook(refuse_copies)) as storage:
        storage.pipeline(UNFINISHED_WAIT="PT0S").process(names.INCOMING, name)
    container = names.ARCHIVE if name == DESK else names.QUARANTINE
    copy = stored_blob(local, local.names(container)[0], container)
    properties = copy.get_blob_properties()
    assert properties.blob_type == BlobType.BLOCKBLOB
    assert properties.content_settings.content_type == "image/jpeg"
    assert copy.download_blob().readall() == content
    assert local.names(names.INCOMING) == []


@pytest.mark.parametrize("step", ["copy", "look", "put", "delete"])
def test_a_growing_append_blob_is_never_deleted_half_read(local: LocalStack, step: str) -> None:
    half = photograph()
    local.incoming().upload_blob(half, blob_type=BlobType.APPENDBLOB)
    appended: list[bool] = []

    def append(request: Request) -> Verdict:
        if request.step == step and not appended:
            appended.append(True)
            local.incoming().append_block(b"the other half")
        return refuse_copies(request)

    with HookedStorage(local, StorageHook(append)) as storage:
        storage.pipeline(UNFINISHED_WAIT="PT0S").process(names.INCOMING, DESK)
    assert appended
    assert local.read(names.INCOMING, DESK) == half + b"the other half"
    assert [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)] == [half]
    with HookedStorage(local, StorageHook(refuse_copies)) as storage:
        storage.pipeline(UNFINISHED_WAIT="PT0S").process(names.INCOMING, DESK)
    archived = [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)]
    assert sorted(filter(None, archived), key=len) == [half, half + b"the other half"]
    assert local.names(names.INCOMING) == []


# --- snapshots, leases, policies and tiers -----------------------------------------------------------------------


def test_all_snapshots_are_deleted_with_the_source(local: LocalStack) -> None:
    for content in (b"first", b"second", photograph()):
        local.upload(content=content)
        local.incoming().create_snapshot()
    local.pipeline().process(names.INCOMING, DESK)
    incoming = local.storage.get_container_client(names.INCOMING)
    assert [blob.name for blob in incoming.list_blobs(include=["snapshots"])] == []
    assert len(local.names(names.ARCHIVE)) == 1


@pytest.mark.parametrize("code", [None, "LeaseIdMissing"], ids=["Azurite", "LeaseIdMissing"])
def test_a_lease_on_our_own_copy_delays_nothing(local: LocalStack, code: str | None) -> None:
    """Azure does not document whether it answers that the name is taken or that the blob is leased."""
    local.upload(content=b"not a picture")
    no_delete = StorageHook(lambda request: 403 if request.step == "delete" else None)
    with HookedStorage(local, no_delete) as storage, pytest.raises(Transient):
        storage.pipeline().process(names.INCOMING, DESK)
    original, note = local.names(names.QUARANTINE)
    leases = [stored_blob(local, name).acquire_lease() for name in (original, note)]
    hook = StorageHook(lambda request: (412, code) if code and request.step in ("copy", "note") else None)
    with HookedStorage(local, hook) as storage:
        assert storage.pipeline().process(names.INCOMING, DESK).outcome is Outcome.QUARANTINED
    assert local.names(names.INCOMING) == []
    for lease in leases:
        lease.break_lease(0)


def test_a_source_under_a_policy_stays_and_the_log_says_why(local: LocalStack) -> None:
    """A policy or a legal hold on incoming is a mistake, and only storage knows when it ends."""
    content = local.upload()
    hook = StorageHook(lambda request: (409, "BlobImmutableDueToPolicy") if request.step == "delete" else None)
    for _ in range(2):
        with (
            HookedStorage(local, hook) as storage,
            pytest.raises(Transient, match="immutability policy or a legal hold"),
        ):
            storage.pipeline().process(names.INCOMING, DESK)
    assert local.read(names.INCOMING, DESK) == content
    assert len(local.names(names.ARCHIVE)) == 1
    local.pipeline().process(names.INCOMING, DESK)
    assert local.names(names.INCOMING) == []
    assert [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)] == [content]


@pytest.mark.parametrize("name", [DESK, BAD_PATH], ids=["read", "not read"])
def test_a_source_in_the_archive_tier_waits_until_it_is_online(local: LocalStack, name: str) -> None:
    local.upload(name)
    local.incoming(name).set_standard_blob_tier("Archive")
    with pytest.raises(Transient, match=r"archive access tier.*another tier"):
        local.pipeline().process(names.INCOMING, name)
    assert local.incoming(name).exists()
    local.incoming(name).set_standard_blob_tier("Hot")
    local.pipeline().process(names.INCOMING, name)
    assert local.names(names.INCOMING) == []


# --- lost answers ------------------------------------------------------------------------------------------------

STEPS_OF_A_READ_UPLOAD = ["copy", "put", "note", "delete"]


@pytest.mark.parametrize("step", ["copy", "put", "note", "delete", "block by service", "block", "commit"])
@pytest.mark.parametrize("times", [1, 4], ids=["the SDK asks again", "the host delivers again"])
def test_a_lost_answer_leaves_one_copy_and_no_source(local: LocalStack, step: str, times: int) -> None:
    """The SDK repeats a request three times, so the fourth loss fails the delivery."""
    name = DESK if step in STEPS_OF_A_READ_UPLOAD else BAD_PATH
    content = b"not a picture"
    local.upload(name, content)
    lost: list[str] = []

    def lose(request: Request) -> Verdict:
        if request.step == step and len(lost) < times:
            lost.append(step)
            return Answer.LOST
        return None if step in ("copy", "note", "delete") else refuse_copies(request)

    hook = StorageHook(lose)
    with HookedStorage(local, hook, by_identity=step == "block by service") as storage:
        if times > 1:
            with pytest.raises(Transient):
                storage.pipeline().process(names.INCOMING, name)
        storage.pipeline().process(names.INCOMING, name)
    assert lost == [step] * times
    original, note = local.names(names.QUARANTINE)
    assert note == f"{original}.txt"
    assert local.read(names.QUARANTINE, original) == content
    assert local.metadata(names.QUARANTINE, original)["source_name"] == name
    assert local.names(names.INCOMING) == []
