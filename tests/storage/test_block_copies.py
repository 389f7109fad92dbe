"""A large file is copied block by block, by the service or through the app; interrupted copies resume."""

import hashlib
import random
from collections.abc import Iterator

import pytest
from azure.storage.blob import BlobClient, ContentSettings

from shared.errors import Reason, Transient
from shared.storage import names
from shared.storage.block_copies import BLOCK_BYTES, plan
from tests.support.local_stack import LocalStack
from tests.support.storage_transport import (
    BAD_PATH,
    HookedStorage,
    Request,
    StorageHook,
    Verdict,
    refuse_copies,
    stored_blob,
    unread_source,
)

MIB = 1024 * 1024
BEYOND_ONE_COPY = 300_000_000
THREE_BLOCKS = 2 * BLOCK_BYTES + 12_345


class SteppingClock:
    """A clock that moves ``step`` seconds ahead each time somebody reads it."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 0.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def noise(size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes, no two parts alike."""
    generator = random.Random(size)
    for offset in range(0, size, 4 * MIB):
        yield generator.randbytes(min(4 * MIB, size - offset))


def sha256(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def upload_film(local: LocalStack, size: int) -> str:
    """Upload a file that the app moves unread, and return its hash."""
    settings = ContentSettings(content_type="image/x-film", content_md5=bytearray(range(16)))
    local.incoming(BAD_PATH).upload_blob(noise(size), length=size, content_settings=settings, overwrite=True)
    return sha256(noise(size))


def hash_of(blob: BlobClient) -> str:
    return sha256(blob.download_blob().chunks())


def move_film(storage: HookedStorage, name: str = "film") -> bool:
    return storage.mover().move(unread_source(storage.service), (names.QUARANTINE, name), {}) is not None


def test_the_service_copies_a_large_file_in_blocks(local: LocalStack) -> None:
    digest = upload_film(local, BEYOND_ONE_COPY)
    hook = StorageHook()
    with HookedStorage(local, hook, by_identity=True) as storage:
        source = unread_source(storage.service)
        assert storage.mover().move(source, (names.QUARANTINE, "film"), {"outcome": "quarantined"})
    assert hash_of(stored_blob(local, "film")) == digest
    assert local.names(names.INCOMING) == []
    assert local.metadata(names.QUARANTINE, "film")["outcome"] == "quarantined"
    assert local.metadata(names.QUARANTINE, "film")["source_name"] == BAD_PATH
    settings = stored_blob(local, "film").get_blob_properties().content_settings
    assert (settings.content_type, settings.content_md5) == ("image/x-film", bytearray(range(16)))
    assert hook.steps("read", "block", "put") == [], "no byte passes through the app"
    blocks = hook.at("block by service")
    assert len(blocks) == 9
    assert {request.headers["x-ms-source-if-match"] for request in blocks} == {source.etag}
    assert all(request.headers["x-ms-copy-source-authorization"].startswith("Bearer eyJ") for request in blocks)
    (commit,) = hook.at("commit")
    assert commit.headers["If-None-Match"] == "*"


def test_a_large_file_arrives_if_the_service_cannot_read_it(local: LocalStack) -> None:
    """Azurite behaves so if opened by key: it refuses once, and then every block passes through the app."""
    digest = upload_film(local, BEYOND_ONE_COPY)
    hook = StorageHook()
    with HookedStorage(local, hook) as storage:
        assert move_film(storage)
    assert hash_of(stored_blob(local, "film")) == digest
    assert local.names(names.INCOMING) == []
    assert hook.steps("block by service", "block", "read") == ["block by service", *["read", "block"] * 9]
    assert all(request.headers["Content-MD5"] for request in hook.at("block"))


@pytest.mark.parametrize(
    "refusal", [(501, "NotImplemented"), (400, "InvalidHeaderValue"), (401, "CannotVerifyCopySource")]
)
def test_blocks_refused_by_the_service_pass_through_the_app(local: LocalStack, refusal: tuple[int, str]) -> None:
    digest = upload_film(local, THREE_BLOCKS)

    def refuse(request: Request) -> Verdict:
        return refusal if request.step == "block by service" else refuse_copies(request)

    hook = StorageHook(refuse)
    with HookedStorage(local, hook, by_identity=True) as storage:
        assert move_film(storage)
    assert hash_of(stored_blob(local, "film")) == digest
    assert hook.steps("block by service", "block") == ["block by service", *["block"] * 3]


@pytest.mark.parametrize(("first_by_identity", "then_by_identity"), [(True, True), (False, False), (True, False)])
def test_an_interrupted_copy_resumes(local: LocalStack, first_by_identity: bool, then_by_identity: bool) -> None:
    """By the service, through the app, and when the app takes over from the service."""
    digest = upload_film(local, THREE_BLOCKS)
    with HookedStorage(local, StorageHook(refuse_copies), by_identity=first_by_identity) as storage:
        mover = storage.mover(clock=SteppingClock(120))
        with pytest.raises(Transient, match="2 of 3 blocks") as failure:
            mover.move(unread_source(storage.service), (names.QUARANTINE, "film"), {})
    assert failure.value.reason is Reason.STORAGE
    assert local.incoming(BAD_PATH).exists()
    assert local.names(names.QUARANTINE) == []
    hook = StorageHook(refuse_copies)
    with HookedStorage(local, hook, by_identity=then_by_identity) as storage:
        assert move_film(storage)
    step = "block by service" if then_by_identity else "block"
    assert hook.steps("block by service", "block")[-1:] == [step]
    assert len(hook.at(step)) == 1
    assert hash_of(stored_blob(local, "film")) == digest
    assert local.names(names.INCOMING) == []


def test_an_incomplete_block_is_sent_again(local: LocalStack) -> None:
    digest = upload_film(local, THREE_BLOCKS)
    hook = StorageHook(refuse_copies)
    with HookedStorage(local, hook, by_identity=True) as storage:
        source = unread_source(storage.service)
        blocks = plan(source.name, source.etag, source.size)
        stored_blob(local, "film").stage_block(blocks[1].id, b"half")
        assert storage.mover().move(source, (names.QUARANTINE, "film"), {})
    assert hook.steps("block by service") == ["block by service"] * 3
    assert hash_of(stored_blob(local, "film")) == digest


@pytest.mark.parametrize("by_identity", [True, False], ids=["by service", "through the app"])
@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "removed"])
def test_a_source_changed_between_blocks_is_not_copied(local: LocalStack, by_identity: bool, replaced: bool) -> None:
    upload_film(local, THREE_BLOCKS)
    newer = bytes(THREE_BLOCKS)  # of the same size: only the ETag differs
    staged: list[str] = []

    def change(request: Request) -> Verdict:
        if request.step in ("block by service", "block"):
            staged.append(request.step)
            if len(staged) == 2:
                local.upload(BAD_PATH, newer) if replaced else local.incoming(BAD_PATH).delete_blob()
        return refuse_copies(request)

    with HookedStorage(local, StorageHook(change), by_identity=by_identity) as storage:
        assert not move_film(storage, "half a film")  # Azurite keeps its blocks, which count as a taken name
    assert local.names(names.QUARANTINE) == []
    assert local.read(names.INCOMING, BAD_PATH) == (newer if replaced else None)


def test_a_taken_name_is_noticed_before_the_first_block(local: LocalStack) -> None:
    upload_film(local, THREE_BLOCKS)
    stored_blob(local, "film").upload_blob(b"somebody else's")
    hook = StorageHook(refuse_copies)
    with (
        HookedStorage(local, hook) as storage,
        pytest.raises(Transient, match=r"quarantine/film belongs to another upload.* Rename or remove"),
    ):
        move_film(storage)
    assert hook.steps("block by service", "block") == []
    assert local.read(names.QUARANTINE, "film") == b"somebody else's"
    assert local.incoming(BAD_PATH).exists()


def test_a_finished_copy_is_not_repeated(local: LocalStack) -> None:
    """An earlier delivery died between the copy and the delete."""
    digest = upload_film(local, THREE_BLOCKS)
    no_delete = StorageHook(lambda request: 403 if request.step == "delete" else refuse_copies(request))
    with HookedStorage(local, no_delete) as storage, pytest.raises(Transient):
        move_film(storage)
    hook = StorageHook(refuse_copies)
    with HookedStorage(local, hook) as storage:
        assert move_film(storage)
    assert hook.steps("block by service", "block") == []
    assert hash_of(stored_blob(local, "film")) == digest
    assert local.names(names.INCOMING) == []


def test_simultaneous_deliveries_make_one_copy(local: LocalStack) -> None:
    """The other delivery finishes just before this one commits."""
    digest = upload_film(local, THREE_BLOCKS)
    results: list[bool] = []

    def overtake(request: Request) -> Verdict:
        if request.step == "commit" and not results:
            with HookedStorage(local, StorageHook(refuse_copies)) as storage_of_other:
                results.append(move_film(storage_of_other))
        return refuse_copies(request)

    with HookedStorage(local, StorageHook(overtake)) as storage:
        assert move_film(storage)
    assert results == [True]
    assert local.names(names.QUARANTINE) == ["film"]
    assert hash_of(stored_blob(local, "film")) == digest
    assert local.names(names.INCOMING) == []


def test_a_copy_resumes_though_its_blocks_count_as_a_taken_name(local: LocalStack) -> None:
    """Azurite refuses a copy in one step over staged blocks; Azure does not document its answer."""
    content = local.upload(BAD_PATH)
    with HookedStorage(local, StorageHook(), by_identity=True) as storage:
        source = unread_source(storage.service)
        (block,) = plan(source.name, source.etag, source.size)
        stored_blob(local, "begun film").stage_block(block.id, content)
        assert storage.mover().move(source, (names.QUARANTINE, "begun film"), {})
    assert local.read(names.QUARANTINE, "begun film") == content
    assert local.names(names.INCOMING) == []
