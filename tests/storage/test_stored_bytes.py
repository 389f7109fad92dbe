"""An upload is judged, hashed and moved as storage holds it, whatever its headers claim."""

import gzip
import hashlib
import tracemalloc
import zlib

import pytest
from azure.storage.blob import ContentSettings

from shared.report import Outcome, Report
from shared.storage import names
from tests.support.faulty_storage import storage_proxy
from tests.support.local_stack import DESK, LocalStack, photograph
from tests.support.storage_transport import BAD_PATH

MIB = 1024 * 1024
PICTURE = photograph()


def deliver(local: LocalStack, content: bytes, encoding: str | None, name: str = DESK, **settings: str) -> Report:
    """Upload with this ``Content-Encoding`` and deliver, with a storage that compares hashes."""
    local.incoming(name).upload_blob(content, content_settings=ContentSettings(content_encoding=encoding))
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"]) as connection:
        return local.pipeline(PICTURE_STORAGE=connection, **settings).process(names.INCOMING, name)


def stored(local: LocalStack, container: str) -> bytes:
    """Return the one original in ``container``, as storage holds it."""
    (name,) = [name for name in local.names(container) if not name.endswith(".txt")]
    return local.storage.get_blob_client(container, name).download_blob(decompress=False).readall()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, deflate", "identity", "nonsense"])
def test_a_picture_with_a_wrong_mark_shows_on_the_item(local: LocalStack, encoding: str) -> None:
    assert deliver(local, PICTURE, encoding).outcome is Outcome.UPDATED
    assert stored(local, names.ARCHIVE) == PICTURE


@pytest.mark.parametrize("encoding", ["gzip", None])
def test_a_picture_in_a_gzip_shows_on_the_item(local: LocalStack, encoding: str | None) -> None:
    packed = gzip.compress(PICTURE)
    report = deliver(local, packed, encoding)
    assert report.outcome is Outcome.UPDATED
    assert report.bytes_in == len(packed)
    assert stored(local, names.ARCHIVE) == packed
    metadata = local.metadata(names.ARCHIVE, local.names(names.ARCHIVE)[0])
    assert metadata["sha256"] == hashlib.sha256(packed).hexdigest()


def test_an_archived_original_keeps_its_mark(local: LocalStack) -> None:
    deliver(local, gzip.compress(PICTURE), "gzip")
    archived = local.storage.get_blob_client(names.ARCHIVE, local.names(names.ARCHIVE)[0])
    assert archived.get_blob_properties().content_settings.content_encoding == "gzip"
    assert archived.download_blob().readall() == PICTURE


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_bomb_costs_no_more_than_its_limits(local: LocalStack, layers: int) -> None:
    """One layer: 65 KiB that hold 64 MiB and a byte. More: a few hundred bytes that hold the same, packed again."""
    content = bytes(64 * MIB + 1)
    for _ in range(layers):
        content = gzip.compress(content)
    tracemalloc.start()
    try:
        report = deliver(local, content, ", ".join(["gzip"] * layers))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "too_large" if layers == 1 else "not_an_image")
    assert peak < 160 * MIB
    assert stored(local, names.QUARANTINE) == content


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (gzip.compress(gzip.compress(PICTURE)), "more than once"),
        (gzip.compress(b"no picture at all, but text"), "first bytes"),
        (gzip.compress(PICTURE)[:40] + b"\xff" * 40 + gzip.compress(PICTURE)[80:], "damaged gzip"),
        (zlib.compress(PICTURE), "Content-Encoding 'deflate'"),
    ],
    ids=["twice", "no picture", "damaged", "deflate"],
)
def test_a_packed_upload_we_cannot_take_says_why(local: LocalStack, content: bytes, advice: str) -> None:
    report = deliver(local, content, "deflate" if advice.startswith("Content") else "gzip")
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "not_an_image")
    note = next(name for name in local.names(names.QUARANTINE) if name.endswith(".txt"))
    assert advice in (local.read(names.QUARANTINE, note) or b"").decode()


@pytest.mark.parametrize("count", [2, 71])
def test_a_gzip_of_several_members_is_one_picture(local: LocalStack, count: int) -> None:
    step = -(-len(PICTURE) // count)
    members = b"".join(gzip.compress(PICTURE[at : at + step]) for at in range(0, len(PICTURE), step))
    assert deliver(local, members, "gzip").outcome is Outcome.UPDATED


def test_a_gzip_of_too_many_members_is_named(local: LocalStack) -> None:
    report = deliver(local, gzip.compress(b"x") * 5000, "gzip")
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "not_an_image")
    assert "4,096 parts" in str(report.detail)


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_an_upload_moved_unread_keeps_its_bytes(local: LocalStack, encoding: str) -> None:
    packed = gzip.compress(PICTURE)
    assert deliver(local, packed, encoding, BAD_PATH).reason == "bad_path"
    assert stored(local, names.QUARANTINE) == packed
