"""A file beyond one copy arrives block by block: by the service or through the app, over several deliveries if need be."""

import hashlib
import random
from collections.abc import Iterator

import pytest
from azure.storage.blob import BlobClient, ContentSettings
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Reason, Transient
from shared.storage import names
from shared.storage.block_copies import BLOCK_BYTES, Block, plan
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
    """A clock on which each look at it takes ``step`` seconds."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 0.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def noise(size: int) -> Iterator[bytes]:
    """Yield ``size`` bytes of which no part is like another."""
    generator = random.Random(size)
    for offset in range(0, size, 4 * MIB):
        yield generator.randbytes(min(4 * MIB, size - offset))


def sha256(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def put_film(local: LocalStack, size: int) -> str:
    """Upload a file that is not read before it is moved, and return its hash."""
    kind = ContentSettings(content_type="image/x-film", content_md5=bytearray(range(16)))
    local.incoming(BAD_PATH).upload_blob(noise(size), length=size, content_settings=kind, overwrite=True)
    return sha256(noise(size))


def hash_of(blob: BlobClient) -> str:
    return sha256(blob.download_blob().chunks())


def test_the_service_copies_a_large_file_in_blocks(local: LocalStack) -> None:
    sent = put_film(local, BEYOND_ONE_COPY)
    hook = StorageHook()
    with HookedStorage(local, hook, by_identity=True) as storage:
        source = unread_source(storage.service)
        assert storage.mover().move(source, names.QUARANTINE, "film", {"outcome": "quarantined"})
    assert hash_of(stored_blob(local, "film")) == sent
    assert local.names(names.INCOMING) == []
    assert local.metadata(names.QUARANTINE, "film")["outcome"] == "quarantined"
    assert local.metadata(names.QUARANTINE, "film")["source_name"] == BAD_PATH
    settings = stored_blob(local, "film").get_blob_properties().content_settings
    assert (settings.content_type, settings.content_md5) == ("image/x-film", bytearray(range(16)))
    assert hook.steps("read", "block", "put") == [], "no byte passes through the app"
    blocks = [request for request in hook.requests if request.step == "block by service"]
    assert len(blocks) == 9
    assert {request.headers["x-ms-source-if-match"] for request in blocks} == {source.etag}
    assert all(request.headers["x-ms-copy-source-authorization"].startswith("Bearer eyJ") for request in blocks)
    (commit,) = [request for request in hook.requests if request.step == "commit"]
    assert commit.headers["If-None-Match"] == "*"


def test_a_large_file_arrives_if_the_service_cannot_read_it(local: LocalStack) -> None:
    """So it is with Azurite by key: it is refused once, and then everything passes through the app."""
    sent = put_film(local, BEYOND_ONE_COPY)
    hook = StorageHook()
    with HookedStorage(local, hook) as storage:
        assert storage.mover().move(unread_source(storage.service), names.QUARANTINE, "film", {})
    assert hash_of(stored_blob(local, "film")) == sent
    assert local.names(names.INCOMING) == []
    assert hook.steps("block by service", "block", "read") == ["block by service", *["read", "block"] * 9]
    assert all(request.headers["Content-MD5"] for request in hook.requests if request.step == "block")


@pytest.mark.parametrize(
    "refusal", [(501, "NotImplemented"), (400, "InvalidHeaderValue"), (401, "CannotVerifyCopySource")]
)
def test_blocks_refused_by_the_service_pass_through_the_app(local: LocalStack, refusal: tuple[int, str]) -> None:
    sent = put_film(local, THREE_BLOCKS)

    def refuse(request: Request) -> Verdict:
        return refusal if request.step == "block by service" else refuse_copies(request)

    hook = StorageHook(refuse)
    with HookedStorage(local, hook, by_identity=True) as storage:
        assert storage.mover().move(unread_source(storage.service), names.QUARANTINE, "film", {})
    assert hash_of(stored_blob(local, "film")) == sent
    assert hook.steps("block by service", "block") == ["block by service", *["block"] * 3]


@pytest.mark.parametrize(("first", "then"), [(True, True), (False, False), (True, False)])
def test_an_interrupted_copy_resumes(local: LocalStack, first: bool, then: bool) -> None:
    """By the service and through the app, and also where the one takes over from the other."""
    sent = put_film(local, THREE_BLOCKS)
    with HookedStorage(local, StorageHook(refuse_copies), by_identity=first) as storage:
        mover = storage.mover(clock=SteppingClock(120))
        with pytest.raises(Transient, match="2 of 3 blocks") as failure:
            mover.move(unread_source(storage.service), names.QUARANTINE, "film", {})
    assert failure.value.reason is Reason.STORAGE
    assert local.incoming(BAD_PATH).exists()
    assert local.names(names.QUARANTINE) == []
    hook = StorageHook(refuse_copies)
    with HookedStorage(local, hook, by_identity=then) as storage:
        assert storage.mover().move(unread_source(storage.service), names.QUARANTINE, "film", {})
    assert hook.steps("block by service", "block")[-1:] == ["block by service" if then else "block"]
    assert len(hook.steps("block by service" if then else "block")) == 1
    assert hash_of(stored_blob(local, "film")) == sent
    assert local.names(names.INCOMING) == []


def test_an_incomplete_block_is_sent_again(local: LocalStack) -> None:
    sent = put_film(local, THREE_BLOCKS)
    hook = StorageHook(refuse_copies)
    with HookedStorage(local, hook, by_identity=True) as storage:
        source = unread_source(storage.service)
        blocks = plan(source.name, source.etag, source.size)
        stored_blob(local, "film").stage_block(blocks[1].id, b"half")
        assert storage.mover().move(source, names.QUARANTINE, "film", {})
    assert hook.steps("block by service") == ["block by service"] * 3
    assert hash_of(stored_blob(local, "film")) == sent


@pytest.mark.parametrize("by_identity", [True, False], ids=["by service", "through the app"])
@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "removed"])
def test_a_source_changed_between_blocks_is_not_copied(local: LocalStack, by_identity: bool, replaced: bool) -> None:
    put_film(local, THREE_BLOCKS)
    newer = bytes(THREE_BLOCKS)  # as large, so that only its ETag tells it from the other
    done: list[str] = []

    def change(request: Request) -> Verdict:
        if request.step in ("block by service", "block"):
            done.append(request.step)
            if len(done) == 2:
                local.upload(BAD_PATH, newer) if replaced else local.incoming(BAD_PATH).delete_blob()
        return refuse_copies(request)

    with HookedStorage(local, StorageHook(change), by_identity=by_identity) as storage:
        assert not storage.mover().move(unread_source(storage.service), names.QUARANTINE, "half a film", {})
    assert local.names(names.QUARANTINE) == []
    assert local.read(names.INCOMING, BAD_PATH) == (newer if replaced else None)


def test_a_taken_name_is_noticed_before_the_first_block(local: LocalStack) -> None:
    put_film(local, THREE_BLOCKS)
    stored_blob(local, "film").upload_blob(b"somebody else's")
    hook = StorageHook(refuse_copies)
    with (
        HookedStorage(local, hook) as storage,
        pytest.raises(Transient, match=r"quarantine/film is taken .* Rename or remove"),
    ):
        storage.mover().move(unread_source(storage.service), names.QUARANTINE, "film", {})
    assert hook.steps("block by service", "block") == []
    assert local.read(names.QUARANTINE, "film") == b"somebody else's"
    assert local.incoming(BAD_PATH).exists()


def test_a_finished_copy_is_not_repeated(local: LocalStack) -> None:
    """An earlier delivery died between the copy and the delete."""
    sent = put_film(local, THREE_BLOCKS)
    no_delete = StorageHook(lambda request: 403 if request.step == "delete" else refuse_copies(request))
    with HookedStorage(local, no_delete) as storage, pytest.raises(Transient):
        storage.mover().move(unread_source(storage.service), names.QUARANTINE, "film", {})
    hook = StorageHook(refuse_copies)
    with HookedStorage(local, hook) as storage:
        assert storage.mover().move(unread_source(storage.service), names.QUARANTINE, "film", {})
    assert hook.steps("block by service", "block") == []
    assert hash_of(stored_blob(local, "film")) == sent
    assert local.names(names.INCOMING) == []


def test_simultaneous_deliveries_make_one_copy(local: LocalStack) -> None:
    """The other one is done with everything in the moment before this one's commit."""
    sent = put_film(local, THREE_BLOCKS)
    others: list[bool] = []

    def overtake(request: Request) -> Verdict:
        if request.step == "commit" and not others:
            with HookedStorage(local, StorageHook(refuse_copies)) as other:
                others.append(other.mover().move(unread_source(other.service), names.QUARANTINE, "one", {}))
        return refuse_copies(request)

    with HookedStorage(local, StorageHook(overtake)) as storage:
        assert storage.mover().move(unread_source(storage.service), names.QUARANTINE, "one", {})
    assert others == [True]
    assert local.names(names.QUARANTINE) == ["one"]
    assert hash_of(stored_blob(local, "one")) == sent
    assert local.names(names.INCOMING) == []


def test_a_copy_resumes_though_its_blocks_count_as_a_taken_name(
    local: LocalStack,
) -> None:
    """Azurite refuses the copy that the service would make otherwise; what Azure does is not documented."""
    content = local.upload(BAD_PATH)
    with HookedStorage(local, StorageHook(), by_identity=True) as storage:
        source = unread_source(storage.service)
        (block,) = plan(source.name, source.etag, source.size)
        stored_blob(local, "begun").stage_block(block.id, content)
        assert storage.mover().move(source, names.QUARANTINE, "begun", {})
    assert local.read(names.QUARANTINE, "begun") == content
    assert local.names(names.INCOMING) == []


LARGEST = 50_000 * 4000 * MIB  # what a block blob may have, in as many blocks as it may have


@given(st.one_of(st.integers(0, LARGEST), st.integers(0, 5).map(lambda n: n * BLOCK_BYTES)))
def test_blocks_cover_the_file_within_azures_limits(size: int) -> None:
    blocks = plan("a.jpg", '"0x8D"', size)
    assert len(blocks) <= 50_000
    ends = [0, *(block.offset + block.length for block in blocks)]
    assert [block.offset for block in blocks] == ends[:-1]
    assert ends[-1] == size
    assert all(0 < block.length <= 4000 * MIB for block in blocks)
    assert len({block.id for block in blocks}) == len(blocks)
    assert len({len(block.id) for block in blocks}) <= 1, "storage wants them all of one length"
    assert all(len(block.id) <= 64 for block in blocks)


def test_different_uploads_never_share_a_block() -> None:
    def ids(blocks: list[Block]) -> set[str]:
        return {block.id for block in blocks}

    one = ids(plan("a.jpg", '"0x8D"', THREE_BLOCKS))
    assert one == ids(plan("a.jpg", "0x8D", THREE_BLOCKS))
    assert one.isdisjoint(ids(plan("a.jpg", '"0x8E"', THREE_BLOCKS)))
    assert one.isdisjoint(ids(plan("b.jpg", '"0x8D"', THREE_BLOCKS)))
