"""Moves always succeed in the end: whatever the size, the kind, the name, whatever is lost on the way."""

import base64
import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.client import HTTPMessage
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobClient, BlobServiceClient, BlobType, ContentSettings, ExponentialRetry
from hypothesis import given
from hypothesis import strategies as st

from shared import config, naming, storage
from shared.block_copies import BLOCK_BYTES, Block, plan
from shared.errors import Reason, Transient
from shared.moves import Mover
from shared.pipeline import Pipeline
from shared.storage import PictureStorage, Source
from shared.telemetry import Outcome
from tests.faulty_storage import Answer, in_front_of
from tests.local import DESK, Local, photograph

MIB = 1024 * 1024
BEYOND_ONE_COPY = 300_000_000
THREE_BLOCKS = 2 * BLOCK_BYTES + 12_345
BAD = "CRONUS USA, Inc/2026/03/film.jpg"  # matches no template: moved without being read
AT_ONCE = ExponentialRetry(initial_backoff=0, increment_base=0, random_jitter_range=0, retry_total=3)
Verdict = int | tuple[int, str] | Answer | None


@dataclass
class Request:
    """A request to storage, by what it asks for."""

    method: str
    path: str
    headers: HTTPMessage

    @property
    def step(self) -> str:
        asks = parse_qs(urlsplit(self.path).query).get("comp", [""])[0]
        source = "x-ms-copy-source" in self.headers
        if self.method == "PUT" and asks == "block":
            return "block by service" if source else "block"
        if self.method == "PUT" and asks == "blocklist":
            return "commit"
        if self.method == "PUT" and not asks:
            note = urlsplit(self.path).path.endswith(".txt")
            return "copy" if source else "note" if note else "put"
        if self.method == "GET" and not asks:
            return "read"
        return {"HEAD": "look", "DELETE": "delete", "GET": "list"}[self.method]


@dataclass
class Storage:
    """A way to storage that counts what is asked, and does what it is told at a step."""

    do: Callable[[Request], Verdict] = lambda _request: None
    seen: list[Request] = field(default_factory=list)

    def __call__(self, method: str, path: str, headers: HTTPMessage) -> Verdict:
        request = Request(method, path, headers)
        self.seen.append(request)
        return self.do(request)

    def steps(self, *among: str) -> list[str]:
        return [request.step for request in self.seen if request.step in among or not among]


class Clock:
    """A clock on which each look at it takes ``step`` seconds."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 0.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


class Way:
    """The app's own storage client, by way of ``hook``."""

    def __init__(self, local: Local, hook: Storage, *, by_identity: bool = False) -> None:
        self._local, self._hook, self._by_identity = local, hook, by_identity
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        proxy = in_front_of(
            self._local.stack.app_settings["PICTURE_STORAGE"], self._hook, sources_by_token=self._by_identity
        )
        connection = self._ending.enter_context(proxy)
        settings = config.read({**self._local.stack.app_settings, "PICTURE_STORAGE": connection})
        self.service = storage.connect(settings.storage, None, AT_ONCE)
        self.credential = ManagedIdentityCredential() if self._by_identity else None
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def mover(self, **options: Any) -> Mover:
        return Mover(self.service, self.credential, **options)

    def pipeline(self) -> Pipeline:
        return replace(self._local.pipeline(), storage=PictureStorage(self.service), mover=self.mover())


def unread(service: BlobServiceClient, name: str = BAD) -> Source:
    return PictureStorage(service).look_at(name)


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


def put_film(local: Local, size: int) -> str:
    """Upload a file that is not read before it is moved, and return its hash."""
    kind = ContentSettings(content_type="image/x-film", content_md5=bytearray(range(16)))
    local.incoming(BAD).upload_blob(noise(size), length=size, content_settings=kind, overwrite=True)
    return sha256(noise(size))


def there(local: Local, name: str, container: str = naming.QUARANTINE) -> BlobClient:
    return local.storage.get_blob_client(container, name)


def hash_of(blob: BlobClient) -> str:
    return sha256(blob.download_blob().chunks())


def refused_copies(request: Request) -> Verdict:
    """Answer as the real service does where the source is no block blob; Azurite copies it as what it is."""
    return (409, "InvalidBlobType") if request.step == "copy" else None


# --- beyond one copy ---------------------------------------------------------------------------------------------


def test_a_file_beyond_one_copy_is_copied_by_the_service_in_blocks(local: Local) -> None:
    sent = put_film(local, BEYOND_ONE_COPY)
    hook = Storage()
    with Way(local, hook, by_identity=True) as way:
        source = unread(way.service)
        assert way.mover().move(source, naming.QUARANTINE, "film", {"outcome": "quarantined"})
    assert hash_of(there(local, "film")) == sent
    assert local.names(naming.INCOMING) == []
    assert local.story(naming.QUARANTINE, "film")["outcome"] == "quarantined"
    assert local.story(naming.QUARANTINE, "film")["source_name"] == BAD
    settings = there(local, "film").get_blob_properties().content_settings
    assert (settings.content_type, settings.content_md5) == ("image/x-film", bytearray(range(16)))
    assert hook.steps("read", "block", "put") == [], "no byte passes through the app"
    blocks = [request for request in hook.seen if request.step == "block by service"]
    assert len(blocks) == 9
    assert {request.headers["x-ms-source-if-match"] for request in blocks} == {source.etag}
    assert all(
        request.headers["x-ms-copy-source-authorization"].startswith("Bearer eyJ") for request in blocks
    )
    (commit,) = [request for request in hook.seen if request.step == "commit"]
    assert commit.headers["If-None-Match"] == "*"


def test_a_file_beyond_one_copy_arrives_where_the_service_reads_no_source(local: Local) -> None:
    """So it is with Azurite by key: it is refused once, and then everything passes through the app."""
    sent = put_film(local, BEYOND_ONE_COPY)
    hook = Storage()
    with Way(local, hook) as way:
        assert way.mover().move(unread(way.service), naming.QUARANTINE, "film", {})
    assert hash_of(there(local, "film")) == sent
    assert local.names(naming.INCOMING) == []
    assert hook.steps("block by service", "block", "read") == ["block by service", *["read", "block"] * 9]
    assert all(request.headers["Content-MD5"] for request in hook.seen if request.step == "block")


@pytest.mark.parametrize(
    "refusal", [(501, "NotImplemented"), (400, "InvalidHeaderValue"), (401, "CannotVerifyCopySource")]
)
def test_blocks_that_the_service_refuses_pass_through_the_app(local: Local, refusal: tuple[int, str]) -> None:
    sent = put_film(local, THREE_BLOCKS)

    def refuse(request: Request) -> Verdict:
        return refusal if request.step == "block by service" else refused_copies(request)

    hook = Storage(refuse)
    with Way(local, hook, by_identity=True) as way:
        assert way.mover().move(unread(way.service), naming.QUARANTINE, "film", {})
    assert hash_of(there(local, "film")) == sent
    assert hook.steps("block by service", "block") == ["block by service", *["block"] * 3]


@pytest.mark.parametrize(("first", "then"), [(True, True), (False, False), (True, False)])
def test_what_takes_longer_than_one_delivery_is_gone_on_with(local: Local, first: bool, then: bool) -> None:
    """By the service and through the app, and also where the one takes over from the other."""
    sent = put_film(local, THREE_BLOCKS)
    with Way(local, Storage(refused_copies), by_identity=first) as way:
        mover = way.mover(clock=Clock(120))
        with pytest.raises(Transient, match="2 of 3 blocks") as failure:
            mover.move(unread(way.service), naming.QUARANTINE, "film", {})
    assert failure.value.reason is Reason.STORAGE
    assert local.incoming(BAD).exists()
    assert local.names(naming.QUARANTINE) == []
    hook = Storage(refused_copies)
    with Way(local, hook, by_identity=then) as way:
        assert way.mover().move(unread(way.service), naming.QUARANTINE, "film", {})
    assert hook.steps("block by service", "block")[-1:] == ["block by service" if then else "block"]
    assert len(hook.steps("block by service" if then else "block")) == 1
    assert hash_of(there(local, "film")) == sent
    assert local.names(naming.INCOMING) == []


def test_a_block_that_is_not_whole_is_sent_again(local: Local) -> None:
    sent = put_film(local, THREE_BLOCKS)
    hook = Storage(refused_copies)
    with Way(local, hook, by_identity=True) as way:
        source = unread(way.service)
        blocks = plan(source.name, source.etag, source.size)
        there(local, "film").stage_block(blocks[1].id, b"half")
        assert way.mover().move(source, naming.QUARANTINE, "film", {})
    assert hook.steps("block by service") == ["block by service"] * 3
    assert hash_of(there(local, "film")) == sent


@pytest.mark.parametrize("by_identity", [True, False], ids=["by service", "through the app"])
@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "removed"])
def test_a_source_that_changes_between_two_blocks_makes_no_copy(
    local: Local, by_identity: bool, replaced: bool
) -> None:
    put_film(local, THREE_BLOCKS)
    done: list[str] = []

    def change(request: Request) -> Verdict:
        if request.step in ("block by service", "block"):
            done.append(request.step)
            if len(done) == 2:
                local.upload(BAD, b"newer") if replaced else local.incoming(BAD).delete_blob()
        return refused_copies(request)

    with Way(local, Storage(change), by_identity=by_identity) as way:
        assert not way.mover().move(unread(way.service), naming.QUARANTINE, "half a film", {})
    assert local.names(naming.QUARANTINE) == []
    assert local.read(naming.INCOMING, BAD) == (b"newer" if replaced else None)


def test_a_name_that_is_taken_is_found_out_before_the_first_block(local: Local) -> None:
    put_film(local, THREE_BLOCKS)
    there(local, "film").upload_blob(b"somebody else's")
    hook = Storage(refused_copies)
    with (
        Way(local, hook) as way,
        pytest.raises(Transient, match=r"quarantine/film is taken .* Rename or remove"),
    ):
        way.mover().move(unread(way.service), naming.QUARANTINE, "film", {})
    assert hook.steps("block by service", "block") == []
    assert local.read(naming.QUARANTINE, "film") == b"somebody else's"
    assert local.incoming(BAD).exists()


def test_a_copy_in_blocks_that_is_there_already_is_not_made_again(local: Local) -> None:
    """An earlier delivery died between the copy and the delete."""
    sent = put_film(local, THREE_BLOCKS)
    no_delete = Storage(lambda request: 403 if request.step == "delete" else refused_copies(request))
    with Way(local, no_delete) as way, pytest.raises(Transient):
        way.mover().move(unread(way.service), naming.QUARANTINE, "film", {})
    hook = Storage(refused_copies)
    with Way(local, hook) as way:
        assert way.mover().move(unread(way.service), naming.QUARANTINE, "film", {})
    assert hook.steps("block by service", "block") == []
    assert hash_of(there(local, "film")) == sent
    assert local.names(naming.INCOMING) == []


def test_blocks_of_an_earlier_delivery_are_gone_on_with_where_they_count_as_a_taken_name(
    local: Local,
) -> None:
    """Azurite refuses the copy that the service would make otherwise; what Azure does is not documented."""
    content = local.upload(BAD)
    with Way(local, Storage(), by_identity=True) as way:
        source = unread(way.service)
        (block,) = plan(source.name, source.etag, source.size)
        there(local, "begun").stage_block(block.id, content)
        assert way.mover().move(source, naming.QUARANTINE, "begun", {})
    assert local.read(naming.QUARANTINE, "begun") == content
    assert local.names(naming.INCOMING) == []


LARGEST = 50_000 * 4000 * MIB  # what a block blob may have, in as many blocks as it may have


@given(st.one_of(st.integers(0, LARGEST), st.integers(0, 5).map(lambda n: n * BLOCK_BYTES)))
def test_blocks_cover_the_file_within_the_services_limits(size: int) -> None:
    blocks = plan("a.jpg", '"0x8D"', size)
    assert len(blocks) <= 50_000
    ends = [0, *(block.offset + block.length for block in blocks)]
    assert [block.offset for block in blocks] == ends[:-1]
    assert ends[-1] == size
    assert all(0 < block.length <= 4000 * MIB for block in blocks)
    assert len({block.id for block in blocks}) == len(blocks)
    assert len({len(block.id) for block in blocks}) <= 1, "storage wants them all of one length"
    assert all(len(block.id) <= 64 for block in blocks)


def test_blocks_of_different_uploads_are_never_taken_for_each_other() -> None:
    def ids(blocks: list[Block]) -> set[str]:
        return {block.id for block in blocks}

    one = ids(plan("a.jpg", '"0x8D"', THREE_BLOCKS))
    assert one == ids(plan("a.jpg", "0x8D", THREE_BLOCKS))
    assert one.isdisjoint(ids(plan("a.jpg", '"0x8E"', THREE_BLOCKS)))
    assert one.isdisjoint(ids(plan("b.jpg", '"0x8D"', THREE_BLOCKS)))


# --- what was read is what is copied -----------------------------------------------------------------------------


def test_the_service_is_told_by_hash_what_it_has_to_copy(local: Local) -> None:
    sent = local.upload()
    hook = Storage()
    with Way(local, hook) as way:
        way.pipeline().process(naming.INCOMING, DESK)
    (copy,) = [request for request in hook.seen if request.step == "copy"]
    digest = hashlib.md5(sent, usedforsecurity=False).digest()
    assert base64.b64decode(copy.headers["x-ms-source-content-md5"]) == digest
    (archived,) = local.names(naming.ARCHIVE)
    assert local.story(naming.ARCHIVE, archived)["sha256"] == hashlib.sha256(sent).hexdigest()


def test_bytes_that_are_not_those_that_were_read_are_not_archived(local: Local) -> None:
    """The real service compares the hash; Azurite does not."""
    local.upload()
    hook = Storage(lambda request: (400, "Md5Mismatch") if request.step == "copy" else None)
    with Way(local, hook) as way, pytest.raises(Transient, match="Md5Mismatch"):
        way.pipeline().process(naming.INCOMING, DESK)
    assert local.incoming().exists()
    assert local.names(naming.ARCHIVE) == []


# --- other kinds of blob -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BlobType.APPENDBLOB, BlobType.PAGEBLOB])
@pytest.mark.parametrize("name", [DESK, BAD], ids=["read", "not read"])
def test_append_and_page_blobs_end_as_block_blobs_with_the_same_bytes(
    local: Local, kind: BlobType, name: str
) -> None:
    content = photograph().ljust(64 * 1024, b"\0")
    kept = ContentSettings(content_type="image/jpeg")
    local.incoming(name).upload_blob(content, blob_type=kind, content_settings=kept)
    with Way(local, Storage(refused_copies)) as way:
        way.pipeline().process(naming.INCOMING, name)
    container = naming.ARCHIVE if name == DESK else naming.QUARANTINE
    found = there(local, local.names(container)[0], container)
    properties = found.get_blob_properties()
    assert properties.blob_type == BlobType.BLOCKBLOB
    assert properties.content_settings.content_type == "image/jpeg"
    assert found.download_blob().readall() == content
    assert local.names(naming.INCOMING) == []


@pytest.mark.parametrize("step", ["copy", "look", "put", "delete"])
def test_an_append_blob_that_is_still_written_to_is_never_deleted_half_read(local: Local, step: str) -> None:
    half = photograph()
    local.incoming().upload_blob(half, blob_type=BlobType.APPENDBLOB)
    appended: list[bool] = []

    def append(request: Request) -> Verdict:
        if request.step == step and not appended:
            appended.append(True)
            local.incoming().append_block(b"the other half")
        return refused_copies(request)

    with Way(local, Storage(append)) as way:
        way.pipeline().process(naming.INCOMING, DESK)
    assert appended
    assert local.read(naming.INCOMING, DESK) == half + b"the other half"
    assert [local.read(naming.ARCHIVE, name) for name in local.names(naming.ARCHIVE)] == [half]
    with Way(local, Storage(refused_copies)) as way:
        way.pipeline().process(naming.INCOMING, DESK)
    archived = [local.read(naming.ARCHIVE, name) for name in local.names(naming.ARCHIVE)]
    assert sorted(filter(None, archived), key=len) == [half, half + b"the other half"]
    assert local.names(naming.INCOMING) == []


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
def test_whatever_a_file_is_called_it_is_moved(local: Local, name: str) -> None:
    local.upload(name, b"not a picture")
    hook = Storage()
    with Way(local, hook) as way:
        report = way.pipeline().process(naming.INCOMING, name)
    assert report.outcome is Outcome.QUARANTINED
    original, note = local.names(naming.QUARANTINE)
    assert report.moved_to == f"{naming.QUARANTINE}/{original}"
    assert note == f"{original}.txt"
    assert len(note.encode("utf-16-le")) / 2 <= 900
    assert local.read(naming.QUARANTINE, original) == b"not a picture"
    assert name.startswith(local.story(naming.QUARANTINE, original)["source_name"])
    assert local.names(naming.INCOMING) == []
    sources = [request.headers["x-ms-copy-source"] for request in hook.seen if request.step == "copy"]
    assert all(len(source) <= 2048 for source in sources), "the service takes no longer ones"


def test_a_picture_deep_in_folders_is_archived_under_its_item(local: Local) -> None:
    name = f"{'é' * 500}/{'%' * 510}/1896-S.jpg"
    sent = local.upload(name)
    template = {"BLOB_PATH_TEMPLATE": "{name}/{item}.{extension}"}
    assert local.pipeline(**template).process(naming.INCOMING, name).outcome is Outcome.UPDATED
    (archived,) = local.names(naming.ARCHIVE)
    assert archived.startswith("CRONUS USA, Inc/1896-S/")
    assert local.read(naming.ARCHIVE, archived) == sent
    assert local.names(naming.INCOMING) == []


# --- metadata ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x", "😀", "line\r\n", "\0", "é%"])
def test_the_story_fits_into_metadata_however_much_there_is_to_tell(local: Local, text: str) -> None:
    """Azure takes 8 KiB in all; and the 8 KiB that the uploader may have put on the source are not in the way."""
    name = f"{'名' * 400}.jpg"
    theirs = {f"pim_{number}": "v" * 1000 for number in range(8)}
    local.incoming(name).upload_blob(b"film", metadata=theirs)
    story = {
        **dict.fromkeys(("outcome", "reason", "uploaded_at", "item_id", "upload_id"), "0" * 40),
        "sha256": "0" * 64,
        "detail": text * 10_000,
        "company": text * 250,
        "item_number": text * 20,
    }
    hook = Storage()
    with Way(local, hook) as way:
        source = unread(way.service, name)
        assert source.metadata == theirs
        assert way.mover().move(source, naming.QUARANTINE, "film", story)
    written = [
        request for request in hook.seen if any("x-ms-meta-" in key.lower() for key in request.headers)
    ]
    assert written
    for request in written:
        told = {
            key[10:]: value for key, value in request.headers.items() if key.lower().startswith("x-ms-meta-")
        }
        assert all(len(value) <= 1024 for value in told.values())
        assert sum(len(key) + len(value) for key, value in told.items()) <= 8 * 1024
    found = local.story(naming.QUARANTINE, "film")
    assert story["detail"].startswith(found["detail"])
    assert len(found["detail"]) >= 80
    assert not set(theirs) & set(found)


# --- what else may be on a blob ----------------------------------------------------------------------------------


def test_all_snapshots_of_the_source_go_with_it(local: Local) -> None:
    for content in (b"first", b"second", photograph()):
        local.upload(content=content)
        local.incoming().create_snapshot()
    local.pipeline().process(naming.INCOMING, DESK)
    incoming = local.storage.get_container_client(naming.INCOMING)
    assert [blob.name for blob in incoming.list_blobs(include=["snapshots"])] == []
    assert len(local.names(naming.ARCHIVE)) == 1


@pytest.mark.parametrize("told", [True, False], ids=["Azurite", "by code"])
def test_a_lease_on_a_copy_that_is_ours_keeps_nothing_up(local: Local, told: bool) -> None:
    """Which of the two is answered, taken or leased, is not documented."""
    local.upload(content=b"not a picture")
    no_delete = Storage(lambda request: 403 if request.step == "delete" else None)
    with Way(local, no_delete) as way, pytest.raises(Transient):
        way.pipeline().process(naming.INCOMING, DESK)
    original, note = local.names(naming.QUARANTINE)
    leases = [there(local, name).acquire_lease() for name in (original, note)]
    hook = Storage(
        lambda request: (412, "LeaseIdMissing") if not told and request.step in ("copy", "note") else None
    )
    with Way(local, hook) as way:
        assert way.pipeline().process(naming.INCOMING, DESK).outcome is Outcome.QUARANTINED
    assert local.names(naming.INCOMING) == []
    for lease in leases:
        lease.break_lease(0)


def test_a_source_under_a_policy_stays_and_the_operator_is_told_why(local: Local) -> None:
    """An immutability policy or a legal hold on incoming: a mistake, and only storage knows when it ends."""
    sent = local.upload()
    hook = Storage(lambda request: (409, "BlobImmutableDueToPolicy") if request.step == "delete" else None)
    for _ in range(2):
        with Way(local, hook) as way, pytest.raises(Transient, match="immutability policy or a legal hold"):
            way.pipeline().process(naming.INCOMING, DESK)
    assert local.read(naming.INCOMING, DESK) == sent
    assert len(local.names(naming.ARCHIVE)) == 1
    local.pipeline().process(naming.INCOMING, DESK)
    assert local.names(naming.INCOMING) == []
    assert [local.read(naming.ARCHIVE, name) for name in local.names(naming.ARCHIVE)] == [sent]


@pytest.mark.parametrize("name", [DESK, BAD], ids=["read", "not read"])
def test_a_source_in_the_archive_tier_waits_until_it_can_be_read(local: Local, name: str) -> None:
    local.upload(name)
    local.incoming(name).set_standard_blob_tier("Archive")
    with pytest.raises(Transient, match=r"archive access tier.*another tier"):
        local.pipeline().process(naming.INCOMING, name)
    assert local.incoming(name).exists()
    local.incoming(name).set_standard_blob_tier("Hot")
    local.pipeline().process(naming.INCOMING, name)
    assert local.names(naming.INCOMING) == []


# --- names that are taken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", ".txt"], ids=["original", "note"])
def test_a_foreign_blob_in_quarantine_is_left_alone_and_named(local: Local, ending: str) -> None:
    local.upload(content=b"not a picture")
    source = local.pipeline().storage.read(DESK, 10**9)
    name = naming.quarantine_name(Reason.NOT_AN_IMAGE, DESK, source.etag) + ending
    there(local, name).upload_blob(b"somebody else's")
    with pytest.raises(Transient) as failure:
        local.pipeline().process(naming.INCOMING, DESK)
    assert f"quarantine/{name} is taken by another blob" in failure.value.detail
    assert "Rename or remove that blob" in failure.value.detail
    assert local.read(naming.QUARANTINE, name) == b"somebody else's"
    assert local.read(naming.INCOMING, DESK) == b"not a picture"
    there(local, name).delete_blob()
    assert local.pipeline().process(naming.INCOMING, DESK).outcome is Outcome.QUARANTINED
    assert len(local.names(naming.QUARANTINE)) == 2
    assert local.names(naming.INCOMING) == []


@pytest.mark.parametrize("step", ["note", "delete"])
def test_a_quarantine_that_was_begun_is_completed(local: Local, step: str) -> None:
    local.upload(content=b"not a picture")
    stop = Storage(lambda request: 403 if request.step == step else None)
    with Way(local, stop) as way, pytest.raises(Transient):
        way.pipeline().process(naming.INCOMING, DESK)
    assert local.incoming().exists()
    assert local.pipeline().process(naming.INCOMING, DESK).outcome is Outcome.QUARANTINED
    original, note = local.names(naming.QUARANTINE)
    assert local.read(naming.QUARANTINE, original) == b"not a picture"
    assert DESK in str(local.read(naming.QUARANTINE, note), "utf-8")
    assert local.names(naming.INCOMING) == []


# --- lost answers ------------------------------------------------------------------------------------------------

STEPS = ["copy", "put", "note", "delete"]


@pytest.mark.parametrize("step", ["copy", "put", "note", "delete", "block by service", "block", "commit"])
@pytest.mark.parametrize("times", [1, 4], ids=["the SDK asks again", "the host delivers again"])
def test_a_lost_answer_leaves_one_copy_and_no_source(local: Local, step: str, times: int) -> None:
    """Four times is once more than the SDK asks again."""
    name = DESK if step in STEPS else BAD
    content = b"not a picture"
    local.upload(name, content)
    lost: list[str] = []

    def lose(request: Request) -> Verdict:
        if request.step == step and len(lost) < times:
            lost.append(step)
            return Answer.LOST
        return None if step in ("copy", "note", "delete") else refused_copies(request)

    hook = Storage(lose)
    with Way(local, hook, by_identity=step == "block by service") as way:
        if times > 1:
            with pytest.raises(Transient):
                way.pipeline().process(naming.INCOMING, name)
        way.pipeline().process(naming.INCOMING, name)
    assert lost == [step] * times
    original, note = local.names(naming.QUARANTINE)
    assert note == f"{original}.txt"
    assert local.read(naming.QUARANTINE, original) == content
    assert unquote(local.story(naming.QUARANTINE, original)["source_name"]) == name
    assert local.names(naming.INCOMING) == []
