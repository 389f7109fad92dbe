"""The app in the local host, as a separate process: uploads meet the same conditions as in Azure."""

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
    """A stack with the app's host and the host's events."""

    def __init__(self, running: stack.Stack, ledger: Ledger) -> None:
        super().__init__(running)
        self.ledger = ledger

    def end_event(self, name: str) -> dict[str, object]:
        """Wait for the upload's end and return its event."""
        for blob in self.ledger.wait([name], self.stack):
            return self.ledger.end_events.pop(blob)
        raise AssertionError("the wait ended without the upload")


@pytest.fixture(scope="module")
def module_hosted() -> Iterator[Hosted]:
    ledger = Ledger()
    with stack.running(ledger, sweep_interval=0.5) as running:
        yield Hosted(running, ledger)


@pytest.fixture
def hosted(module_hosted: Hosted) -> Hosted:
    module_hosted.reset()
    module_hosted.ledger.end_events.clear()
    module_hosted.ledger.events.clear()
    return module_hosted


def test_upload_reaches_its_item(hosted: Hosted) -> None:
    hosted.upload()
    assert hosted.end_event(DESK)["outcome"] == "updated"
    assert hosted.picture() is not None


def test_overwrite_is_a_new_upload(hosted: Hosted) -> None:
    hosted.upload()
    hosted.end_event(DESK)
    hosted.upload(content=photograph("#aa2200"))
    assert hosted.end_event(DESK)["outcome"] == "updated"
    assert len(hosted.names(names.ARCHIVE)) == 2


def test_waiting_upload_is_retried_after_the_sweep_interval(hosted: Hosted) -> None:
    hosted.upload(UNKNOWN)
    assert hosted.end_event(UNKNOWN)["outcome"] == "waiting"
    company = hosted.stack.endpoints.company_id
    hosted.control("POST", "items", company_id=company, number="9999-X", displayName="Here at last")
    outcomes = [hosted.end_event(UNKNOWN)["outcome"]]
    while outcomes[-1] == "waiting":  # one more delivery may have started before the item existed
        outcomes.append(hosted.end_event(UNKNOWN)["outcome"])
    assert outcomes[-1] == "updated"
    assert len(outcomes) <= 2


def test_an_unfinished_upload_is_looked_at_again_within_seconds() -> None:
    ledger = Ledger()
    with stack.running(ledger, unfinished_wait="PT2S") as running:  # the sweep interval is minutes
        hosted = Hosted(running, ledger)
        hosted.upload(content=photograph()[:5000])
        hosted.upload(UNKNOWN)
        assert hosted.end_event(DESK)["reason"] == "not_an_image"
        assert hosted.end_event(UNKNOWN)["reason"] == "item_not_found"
        unfinished = [event for event in ledger.events if event.get("reason") == "unfinished"]
        assert unfinished
        assert {event["blob"] for event in unfinished} == {DESK}
        assert len([event for event in ledger.events if event.get("blob") == UNKNOWN]) == 1


def test_five_failures_lead_to_the_hosts_poison_message(
    hosted: Hosted,
) -> None:
    hosted.fault(403, method="PATCH", count=5)
    etag = hosted.incoming().upload_blob(photograph())["etag"]
    assert hosted.end_event(DESK)["outcome"] == "failed"
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
    assert hosted.end_event(DESK)["outcome"] == "updated"  # after the sweep interval, the fault is over


def test_host_json_limits_concurrent_uploads(hosted: Hosted) -> None:
    hosted.control("POST", "latency", seconds=0.3, method="PATCH")
    names = [f"CRONUS USA, Inc/{number}.jpg" for number in ("1896-S", "1900-S", "1906-S", "1908-S", "1920-S")]
    for name in names:
        hosted.upload(name)
    assert sorted(hosted.ledger.wait(names, hosted.stack)) == sorted(names)
    allowed = HostSettings.read(ROOT / "host.json").concurrency
    assert hosted.control("GET", "requests")["peak_concurrency"] == allowed == 2
