"""The app itself in the local host: uploads meet the same conditions as in Azure, and the sweep does the rest."""

from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError

from devstack import stack
from devstack.demo import Ledger
from devstack.functions_host.host_json import HostSettings
from devstack.machine.setup import ROOT
from shared.storage import names
from tests.devstack.dev_commands import until
from tests.support.local_stack import DESK, LocalStack, photograph

UNKNOWN = "CRONUS USA, Inc/9999-X.jpg"


class Hosted(LocalStack):
    """A stack with the app's host and the host's events."""

    def __init__(self, running: stack.Stack, ledger: Ledger) -> None:
        super().__init__(running)
        self.ledger = ledger

    def reset(self) -> None:
        """Reset the stack, although a sweep may be active in the same moment."""
        until(self._could_reset, 20)

    def _could_reset(self) -> bool:
        try:
            super().reset()
        except HttpResponseError:  # it has moved, or a sweep has a lease on its state
            return False
        return True

    def end_event(self, name: str) -> dict[str, object]:
        """Wait for the upload's end and return its event."""
        for blob in self.ledger.wait([name], self.stack):
            return self.ledger.end_events.pop(blob)
        raise AssertionError("the wait ended without the upload")


@pytest.fixture(scope="module")
def module_hosted() -> Iterator[Hosted]:
    ledger = Ledger()
    with stack.running(ledger, hosts=2, sweep_schedule="*/2 * * * * *", unfinished_wait="PT2S") as running:
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
    until(lambda: len(hosted.names(names.ARCHIVE)) == 2, 30)  # trigger and sweep may both report the first one
    shown = hosted.picture()
    assert shown is not None
    assert shown.resize((1, 1)).getpixel((0, 0))[0] > 150, "the item shows the first picture, which is blue"


def test_sweep_takes_up_what_waits_for_its_item(hosted: Hosted) -> None:
    hosted.upload(UNKNOWN)
    assert hosted.end_event(UNKNOWN)["outcome"] == "waiting"
    company = hosted.stack.endpoints.company_id
    hosted.control("POST", "items", company_id=company, number="9999-X", displayName="Here at last")
    while (outcome := hosted.end_event(UNKNOWN)["outcome"]) == "waiting":
        pass
    assert outcome == "updated"


def test_sweep_judges_half_a_file(hosted: Hosted) -> None:
    hosted.upload(content=photograph()[:5000])
    assert hosted.end_event(DESK)["reason"] == "not_an_image"
    assert any(event.get("reason") == "unfinished" for event in hosted.ledger.events)


def test_sweep_finishes_what_used_up_its_deliveries(hosted: Hosted) -> None:
    deliveries = HostSettings.read(ROOT / "host.json").blobs.deliveries
    hosted.fault(403, method="PATCH", count=deliveries)
    hosted.upload()
    while (event := hosted.end_event(DESK))["outcome"] == "failed":
        pass
    assert event["outcome"] == "updated"
    failures = [event["attempt"] for event in hosted.ledger.events if event["event"] == "delivery_failed"]
    assert failures == list(range(1, len(failures) + 1))
    assert len(failures) <= deliveries


def test_host_json_limits_concurrent_uploads(hosted: Hosted) -> None:
    hosted.control("POST", "latency", seconds=0.3, method="PATCH")
    uploads = [f"CRONUS USA, Inc/{number}.jpg" for number in ("1896-S", "1900-S", "1906-S", "1908-S", "1920-S")]
    for name in uploads:
        hosted.upload(name)
    assert sorted(hosted.ledger.wait(uploads, hosted.stack)) == sorted(uploads)
    blobs = HostSettings.read(ROOT / "host.json").blobs
    peak = hosted.control("GET", "requests")["peak_concurrency"]
    assert 1 < peak <= 2 * (blobs.size + blobs.threshold)
