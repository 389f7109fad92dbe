"""The soak's proxy fails requests as the seed says, and passes all others on unchanged."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobServiceClient, ContainerClient, LinearRetry

from devstack.benchmarks.soak.storage_faults import Proxies, StorageFaults
from devstack.benchmarks.soak.storage_proxy import Chance
from tests.support.local_stack import LocalStack

ONCE = LinearRetry(retry_total=0)


@pytest.fixture
def proxies(local: LocalStack) -> Iterator[tuple[StorageFaults, ContainerClient]]:
    with ExitStack() as ending:
        proxies = Proxies(ending, 1)
        through = proxies.start(local.stack.app_settings["PICTURE_STORAGE"])
        service = BlobServiceClient.from_connection_string(through, retry_policy=ONCE)
        yield proxies.started(), service.get_container_client("archive")


def test_without_faults_everything_passes(proxies: tuple[StorageFaults, ContainerClient]) -> None:
    _, archive = proxies
    content = bytes(range(256)) * 4000
    blob = archive.upload_blob("Ä/ß 50%.bin", content, metadata={"one": "1"})
    archive.get_blob_client("copy").start_copy_from_url(blob.url, requires_sync=True)
    listed = [(each.name, each.size) for each in archive.list_blobs()]
    assert listed == [("copy", len(content)), ("Ä/ß 50%.bin", len(content))]
    assert archive.download_blob("copy").readall() == content
    archive.delete_blob("copy")
    assert [blob.exists(), archive.get_blob_client("copy").exists()] == [True, False]


@pytest.mark.parametrize(("fault", "arrives"), [("busy", False), ("failed", False), ("refused", False), ("lost", True)])
def test_a_fault_keeps_the_request_or_its_answer(
    local: LocalStack, proxies: tuple[StorageFaults, ContainerClient], fault: str, arrives: bool
) -> None:
    faults, archive = proxies
    faults.set({fault: 100})
    with pytest.raises(AzureError) as failed:
        archive.upload_blob("a", b"a")
    faults.set({})
    assert local.names("archive") == ["a"] * arrives
    if isinstance(failed.value, HttpResponseError) and failed.value.status_code:
        assert failed.value.status_code in (500, 503)
    (met,) = faults.met()
    assert (met["fault"], met["method"], met["path"]) == (fault, "PUT", "/pictures/archive/a")


def test_chance_goes_by_seed_and_request() -> None:
    def faults(seed: int) -> list[str | None]:
        chance = Chance(seed, {"lost": 30.0, "failed": 20.0})
        return [chance.fault("GET", f"/pictures/{number % 40}") for number in range(400)]

    assert faults(1) == faults(1) != faults(2)
    assert 80 < faults(1).count("lost") < 160
    assert 50 < faults(1).count("failed") < 110


def test_a_busy_blob_stays_busy_for_a_moment() -> None:
    chance = Chance(1, {"busy": 100.0})
    assert chance.fault("PUT", "/pictures/archive/a") == "busy"
    chance.percent = {}
    assert chance.fault("GET", "/pictures/archive/a?comp=metadata") == "busy"
    assert chance.fault("GET", "/pictures/archive/b") is None
