"""The app in its local host, as its own process: what uploads meet there that they would meet in Azure."""

import base64
import json
from collections.abc import Iterator

import pytest
from azure.storage.queue import QueueClient

from devstack import stack
from devstack.demo import Ledger
from devstack.host import POISON_QUEUE, HostSettings
from devstack.machine.setup import ROOT
from shared.storage import names
from tests.support.local_stack import DESK, LocalStack, photograph

UNKNOWN = "CRONUS USA, Inc/9999-X.jpg"


class Hosted(LocalStack):
    """A stack with the app's host, and what the host tells."""

    def __init__(self, running: stack.Stack, ledger: Ledger) -> None:
        super().__init__(running)
        self.ledger = ledger

    def ended(self, name: str) -> dict[str, object]:
        """Wait for the upload's end and return what was told of it."""
        for blob in self.ledger.wait([name], self.stack):
            return self.ledger.ended.pop(blob)
        raise AssertionError("the wait ended without the upload")


@pytest.fixture(scope="module")
def module_hosted() -> Iterator[Hosted]:
    ledger = Ledger()
    with stack.running(ledger, sweep_interval=0.5) as running:
        yield Hosted(running, ledger)


@pytest.fixture
def hosted(module_hosted: Hosted) -> Hosted:
    module_hosted.reset()
    module_hosted.ledger.ended.clear()
    module_hosted.ledger.events.clear()
    return module_hosted


def test_an_upload_reaches_its_item(hosted: Hosted) -> None:
    hosted.upload()
    assert hosted.ended(DESK)["outcome"] == "updated"
    assert hosted.picture() is not None


def test_an_overwrite_is_a_new_upload(hosted: Hosted) -> None:
    hosted.upload()
    hosted.ended(DESK)
    hosted.upload(content=photograph("#aa2200"))
    assert hosted.ended(DESK)["outcome"] == "updated"
    assert len(hosted.names(names.ARCHIVE)) == 2


def test_a_waiting_upload_is_taken_up_again_after_the_sweep_interval(hosted: Hosted) -> None:
    hosted.upload(UNKNOWN)
    assert hosted.ended(UNKNOWN)["outcome"] == "waiting"
    company = hosted.stack.endpoints.company_id
    hosted.control("POST", "items", company_id=company, number="9999-X", displayName="Here at last")
    outcomes = [hosted.ended(UNKNOWN)["outcome"]]
    while outcomes[-1] == "waiting":  # one more may have been under way before the item came
        outcomes.append(hosted.ended(UNKNOWN)["outcome"])
    assert outcomes[-1] == "updated"
    assert len(outcomes) <= 2


def test_a_failing_upload_is_delivered_five_times_and_then_poisoned_in_the_hosts_format(
    hosted: Hosted,
) -> None:
    hosted.fault(403, method="PATCH", count=5)
    etag = hosted.incoming().upload_blob(photograph())["etag"]
    assert hosted.ended(DESK)["outcome"] == "failed"
    failures = [event for event in hosted.ledger.events if event["event"] == "delivery_failed"]
    assert [event["attempt"] for event in failures] == [1, 2, 3, 4, 5]
    queue = QueueClient.from_connection_string(hosted.stack.app_settings["PICTURE_STORAGE"], POISON_QUEUE)
    (message,) = queue.receive_messages()
    assert json.loads(base64.b64decode(message.content)) == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.item_picture_uploaded",
        "BlobType": "BlockBlob",
        "ContainerName": "product-images",
        "BlobName": DESK,
        "ETag": etag,
    }
    assert hosted.ended(DESK)["outcome"] == "updated"  # the sweep interval is over, and so is the fault


def test_as_many_uploads_run_at_once_as_host_json_says(hosted: Hosted) -> None:
    hosted.control("POST", "latency", seconds=0.3, method="PATCH")
    names = [f"CRONUS USA, Inc/{number}.jpg" for number in ("1896-S", "1900-S", "1906-S", "1908-S", "1920-S")]
    for name in names:
        hosted.upload(name)
    assert sorted(hosted.ledger.wait(names, hosted.stack)) == sorted(names)
    allowed = HostSettings.read(ROOT / "host.json").concurrency
    assert hosted.control("GET", "requests")["peak_concurrency"] == allowed == 2
