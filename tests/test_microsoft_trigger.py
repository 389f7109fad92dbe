"""Under Microsoft's own scanning trigger, which loses uploads and soon gives up, the sweep brings the rest."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import stack
from shared.business_central.retries import Throttle
from shared.report import Outcome
from shared.storage import names
from tests.support import microsoft_trigger
from tests.support.local_stack import LocalStack, photograph

pytestmark = pytest.mark.skipif(
    not microsoft_trigger.found_program(), reason="Microsoft's trigger does not lie beside the project"
)
UPLOADS, TWICE, EVERY = 500, 20, 0.15
DOWN_FROM, DOWN_FOR = 5.0, 60.0  # seconds
SWEEP_EVERY, MIN_AGE = 15.0, 5.0
SIZES = {"first": (64, 48), "second": (48, 64)}


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    """Run a stack of its own: the trigger leaves containers, queues and receipts behind."""
    with stack.running() as own:
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            monkeypatch.setenv(name, own.app_settings[name])
        local = LocalStack(own)
        for number in range(UPLOADS):
            local.control("POST", "items", company_id=own.endpoints.company_id, number=_number(number))
        yield local


def test_every_upload_arrives_within_two_sweeps(
    running: LocalStack, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The uploads take 75 s, so this is the longest test; BC is down for 60 s of them."""
    caplog.set_level("INFO", logger="item_picture_sync")
    app = running.app(throttle=Throttle(), SWEEP_MIN_AGE=f"PT{MIN_AGE:.0f}S")
    connection_string = running.stack.endpoints.storage_connection_string
    with microsoft_trigger.trigger_before(app, connection_string, tmp_path):
        with microsoft_trigger.repeated(app.sweep.run, SWEEP_EVERY):
            _upload_everything(running)
        time.sleep(MIN_AGE)  # storage's clock cannot be moved under a program that runs by the machine's
        left = len(running.names(names.INCOMING))
        for _ in range(2):
            app.sweep.run()
    assert running.names(names.INCOMING) == running.names(names.QUARANTINE) == []
    shown = _shown(running)
    assert shown == {_number(number): _last_size(number) for number in range(UPLOADS)}
    with capsys.disabled():
        print(f"\n{_figures(caplog)}; {left} were left when the uploads ended")


def _upload_everything(local: LocalStack) -> None:
    contents = {which: photograph(size=size) for which, size in SIZES.items()}
    started = time.monotonic()
    is_down, was_down = False, False
    for number in range(UPLOADS):
        name = f"CRONUS USA, Inc/{_number(number)}.jpg"
        local.upload(name, contents["first"])
        if number % (UPLOADS // TWICE) == 0:
            local.upload(name, contents["second"])
        seconds = time.monotonic() - started
        if not was_down and seconds >= DOWN_FROM:
            local.fault(503, count=None)
            is_down = was_down = True
        elif is_down and seconds >= DOWN_FROM + DOWN_FOR:
            local.control("DELETE", "faults")
            is_down = False
        time.sleep(max(0.0, started + (number + 1) * EVERY - time.monotonic()))
    assert was_down
    assert not is_down


def _number(number: int) -> str:
    return f"MS-{number:03}"


def _last_size(number: int) -> tuple[int, int]:
    return SIZES["first" if number % (UPLOADS // TWICE) else "second"]


def _shown(local: LocalStack) -> dict[str, tuple[int, int] | None]:
    endpoints = local.stack.endpoints
    url = f"{endpoints.business_central_url}/companies({endpoints.company_id})/items"
    headers = {"Authorization": f"Bearer {endpoints.business_central_token}"}
    items = (
        stack.loopback_session().get(url, params={"$expand": "picture"}, headers=headers, timeout=60).json()["value"]
    )
    pictures = {item["number"]: (item["picture"]["width"], item["picture"]["height"]) for item in items}
    return {number: size for number, size in pictures.items() if number.startswith("MS-")}


def _figures(caplog: pytest.LogCaptureFixture) -> str:
    """Return who brought the uploads to an end: the sweep works in threads of its own."""
    ends: Counter[str] = Counter()
    failed, exhausted = 0, 0
    for record in caplog.records:
        line = json.loads(record.getMessage()) if record.name == "item_picture_sync" else {"event": None}
        failed += line["event"] == "upload_failed"
        exhausted += line["event"] == "delivery_exhausted"
        if line["event"] == "upload_finished" and line["outcome"] != Outcome.WAITING:
            who = "sweep" if str(record.threadName).startswith("sweep") else "trigger"
            ends[f"{who}: {line['outcome']}"] += 1
    counted = ", ".join(f"{what} {number}" for what, number in sorted(ends.items()))
    return f"{UPLOADS + TWICE} uploads: {counted}; {failed} deliveries failed, {exhausted} uploads were given up"
