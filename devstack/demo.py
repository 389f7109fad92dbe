"""Runs the demo: uploads sample photographs or a folder's, waits, compares and shows the results."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Condition
from typing import Any
from urllib.parse import quote

from azure.storage.blob import ContainerClient
from rich.console import Console

from devstack import demo_table, stack, terminal
from devstack.demo_table import SampleResult
from devstack.drawing.samples import Sample, samples
from devstack.photo_folder import PhotoFolder, file_name
from operate.sheets import contact_sheet
from shared.errors import Reason
from shared.storage import names

PATIENCE_SECONDS = 120  # between the end of one upload and the next
SWEEP_SCHEDULE = "*/2 * * * * *"
UNFINISHED_WAIT = "PT2S"  # an empty file or half a file is judged when it is that old
_REPORTED_KEYS = (
    *("outcome", "reason", "item_number", "item_id", "width", "height", "content_type"),
    *("bytes_in", "bytes_out", "milliseconds"),
)


_NO_END = (Reason.UNFINISHED, Reason.SOURCE_CHANGED, Reason.SOURCE_GONE)


class Ledger:
    """Collects the host's events about each upload and wakes the waiting thread.

    Unfinished uploads have not ended. Trigger and sweep may take up one upload at once: then the slower one finds its
    source changed or gone, and the other one's event is its end.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self.events: list[dict[str, Any]] = []
        self.end_events: dict[str, dict[str, Any]] = {}  # by blob
        self._failures: dict[str, dict[str, Any]] = {}  # by blob, the last one

    def __call__(self, line: str) -> None:
        """Record one line of the host's output."""
        event = json.loads(line)
        with self._changed:
            self.events.append(event)
            if event["event"] == "upload_finished" and event["reason"] not in _NO_END:
                self.end_events[event["blob"]] = event
            elif event["event"] == "upload_failed":
                self._failures[event["blob"]] = event
            elif event["event"] == "poisoned":
                self.end_events[event["blob"]] = {**self._failures.get(event["blob"], {}), **event, "outcome": "failed"}
            self._changed.notify_all()

    @property
    def storage_requests(self) -> int:
        """The number of requests that the app's own clients have sent to storage."""
        return sum(event["event"] == "storage_request" for event in self.events)

    def wait(self, blobs: Sequence[str], running: stack.Stack) -> Iterator[str]:
        """Yield each of ``blobs`` when its upload ends."""
        pending = list(blobs)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while pending:
            with self._changed:
                self._changed.wait(timeout=0.5)
                done = [blob for blob in pending if blob in self.end_events]
            running.fail_if_ended()
            if time.monotonic() > deadline:
                names_in_error = ", ".join(terminal.visible(blob) for blob in pending)
                raise SystemExit(f"These uploads have not ended after {PATIENCE_SECONDS} s: {names_in_error}")
            for blob in done:
                pending.remove(blob)
                deadline = time.monotonic() + PATIENCE_SECONDS
                yield blob


def run(
    console: Console,
    *,
    photos: Path | None,
    keyless: bool,
    report: Path | None,
    sheet: Path,
    afterwards: Callable[[stack.Stack], None] | None = None,
) -> bool:
    """Run the whole demo; return whether every upload ended as expected.

    ``afterwards`` is called at the end, while the stack still runs.
    """
    ledger, folder = Ledger(), PhotoFolder(photos) if photos else None
    with _running(ledger, console, keyless=keyless) as running:
        for line in running.endpoints.pages():
            console.print(line, soft_wrap=True, markup=False)
        rounds = folder.rounds(_item_numbers(running)) if folder else [samples()]
        results = [result for batch in rounds for result in _upload(batch, ledger, running, console)]
        requests = _simulator_log(running)  # before the contact sheet downloads pictures
        if report:
            report.write_text(json.dumps(_report(results, requests, ledger), indent=2), encoding="utf-8")
        title = f"Item Picture Sync: {file_name(photos) if photos else 'sample photographs'}"
        contact_sheet.write(sheet, [_row(result, running) for result in results], title=title)
        demo_table.show(console, results)
        counts = f"{len(requests)} requests to Business Central, {ledger.storage_requests} to storage"
        console.print(f"{len(results)} uploads, {counts}.")
        console.print(f"Contact sheet, before and after: {sheet.resolve().as_uri()}", soft_wrap=True, markup=False)
        as_expected = demo_table.conclude(console, results, folder.left_out if folder else {})
        if afterwards:
            afterwards(running)
    return as_expected


@contextmanager
def _running(ledger: Ledger, console: Console, *, keyless: bool) -> Iterator[stack.Stack]:
    with ExitStack() as ending:
        with terminal.steps(console) as say:
            local_stack = stack.running(
                ledger,
                sweep_schedule=SWEEP_SCHEDULE,
                unfinished_wait=UNFINISHED_WAIT,
                keyless=keyless,
                telemetry=True,
                say=say,
            )
            running = ending.enter_context(local_stack)
        yield running


def _upload(batch: Iterator[Sample], ledger: Ledger, running: stack.Stack, console: Console) -> list[SampleResult]:
    container = running.storage().get_container_client(names.INCOMING)
    uploading = terminal.counted(console, "Uploading photographs", batch)
    results = {sample.blob: _start_upload(sample, container) for sample in uploading}
    for blob in terminal.counted(console, "Processing uploads", ledger.wait(list(results), running), len(results)):
        results[blob].event = ledger.end_events.pop(blob)
    return list(results.values())


def _start_upload(sample: Sample, container: ContainerClient) -> SampleResult:
    container.upload_blob(sample.blob, sample.content)
    return SampleResult(sample)


def _item_numbers(running: stack.Stack) -> list[str]:
    company = running.endpoints.company_id
    items = _bc(running, f"companies({company})/items?$select=number").json()["value"]
    return [item["number"] for item in items]


def _bc(running: stack.Stack, path: str) -> Any:  # noqa: ANN401 - a response
    headers = {"Authorization": f"Bearer {running.endpoints.business_central_token}"}
    url = f"{running.endpoints.business_central_url}/{path}"
    return stack.loopback_session().get(url, headers=headers, timeout=30)


def _simulator_log(running: stack.Stack) -> list[dict[str, Any]]:
    url = f"{running.endpoints.simulator_control_url}/requests"
    log: list[dict[str, Any]] = stack.loopback_session().get(url, timeout=30).json()["requests"]
    return [request for request in log if str(request["user_agent"]).startswith("item-picture-sync/")]


def _report(results: list[SampleResult], requests: list[dict[str, Any]], ledger: Ledger) -> dict[str, Any]:
    rows = [{"blob": result.sample.blob} | {key: result.event.get(key) for key in _REPORTED_KEYS} for result in results]
    methods = [request["method"] for request in requests]
    by_method = {method: methods.count(method) for method in ("GET", "PATCH")}
    return {
        "uploads": rows,
        "business_central": {"requests": len(requests), "by_method": by_method},
        "storage": {"requests": ledger.storage_requests},
    }


def _row(result: SampleResult, running: stack.Stack) -> contact_sheet.Row:
    event, item_id = result.event, result.event.get("item_id")
    updated = event.get("outcome") in ("updated", "unchanged")
    companies = _bc(running, "companies").json()["value"]
    company = next((c["id"] for c in companies if c["name"] == event.get("company")), None)
    item = f"companies({company})/items({quote(str(item_id))})"
    return contact_sheet.Row(
        blob=result.sample.blob,
        story=result.sample.story,
        outcome=str(event.get("outcome")),
        reason=event.get("reason"),
        expected=result.as_expected,
        item_number=event.get("item_number"),
        item_name=_bc(running, item).json()["displayName"] if updated else None,
        before=result.sample.content,
        after=_bc(running, f"{item}/picture/pictureContent").content if updated else None,
        detail=event.get("detail"),
        milliseconds=event.get("milliseconds"),
    )
