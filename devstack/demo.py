"""Runs the demo: uploads sample photographs or a folder's, waits, compares and shows the results."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any
from urllib.parse import quote

from azure.storage.blob import ContainerClient
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from devstack import stack
from devstack.drawing.samples import Sample, samples
from devstack.sheets import contact_sheet
from shared.storage import names

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp")
PATIENCE_SECONDS = 120  # between the end of one upload and the next
COMPANY_FOLDER = stack.COMPANY.rstrip(".")  # a path segment cannot end in a dot
_REPORTED_KEYS = (
    *("outcome", "reason", "item_number", "item_id", "width", "height", "content_type"),
    *("bytes_in", "bytes_out", "milliseconds"),
)
_COLOURS = {
    "updated": "green",
    "unchanged": "green",
    "waiting": "yellow",
    "quarantined": "magenta",
    "superseded": "blue",
}


class Ledger:
    """Collects the host's events about each upload and wakes the waiting thread."""

    def __init__(self) -> None:
        self._changed = Condition()
        self.events: list[dict[str, Any]] = []
        self.end_events: dict[str, dict[str, Any]] = {}  # by blob

    def __call__(self, line: str) -> None:
        """Record one line of the host's output."""
        event = json.loads(line)
        with self._changed:
            self.events.append(event)
            if event["event"] == "upload_finished":
                self.end_events[event["blob"]] = event
            elif event["event"] == "poisoned":
                self.end_events[event["blob"]] = {"outcome": "failed", **event}
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
                raise SystemExit(f"These uploads have not ended after {PATIENCE_SECONDS} s: {', '.join(pending)}")
            for blob in done:
                pending.remove(blob)
                deadline = time.monotonic() + PATIENCE_SECONDS
                yield blob


@dataclass
class SampleResult:
    """One sample and the event that ended its upload."""

    sample: Sample
    event: dict[str, Any] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        """Whether outcome and reason are the sample's expected ones."""
        return (self.event.get("outcome"), self.event.get("reason")) == (self.sample.outcome, self.sample.reason)


def run(console: Console, *, photos: Path | None, keyless: bool, report: Path | None, sheet: Path) -> bool:
    """Run the whole demo; return whether every upload ended as expected."""
    ledger = Ledger()
    with (
        console.status("Starting") as status,
        stack.running(ledger, keyless=keyless, say=status.update) as running,
    ):
        status.stop()
        rounds = _photo_rounds(photos, running) if photos else [samples()]
        results = [result for batch in rounds for result in _upload(batch, ledger, running, console)]
        requests = _simulator_log(running)  # before the contact sheet downloads pictures
        if report:
            report.write_text(json.dumps(_report(results, requests, ledger), indent=2), encoding="utf-8")
        title = f"Item Picture Sync: {photos.name if photos else 'sample photographs'}"
        contact_sheet.write(sheet, [_row(result, running) for result in results], title=title)
    _print(console, results, requests, ledger, sheet)
    return all(result.as_expected for result in results)


def _upload(batch: Iterator[Sample], ledger: Ledger, running: stack.Stack, console: Console) -> list[SampleResult]:
    container = running.storage().get_container_client(names.INCOMING)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        uploading = progress.add_task("Uploading photographs", total=None)
        results = [_start_upload(sample, container) for sample in progress.track(batch, task_id=uploading)]
        progress.update(uploading, total=len(results))
        processing = progress.add_task("Processing uploads", total=len(results))
        by_blob = {result.sample.blob: result for result in results}
        for blob in ledger.wait(list(by_blob), running):
            by_blob[blob].event = ledger.end_events.pop(blob)
            progress.advance(processing)
    return results


def _start_upload(sample: Sample, container: ContainerClient) -> SampleResult:
    container.upload_blob(sample.blob, sample.content)
    return SampleResult(sample)


def _photo_rounds(folder: Path, running: stack.Stack) -> Iterator[Iterator[Sample]]:
    """Yield the folder's pictures in rounds; within a round, each picture has its own item.

    Pictures sorted by file name go to the default company's items sorted by number, one each; when the items run out,
    a new round begins with the first item.
    """
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise SystemExit(f"{folder} contains no pictures ({', '.join(PICTURE_SUFFIXES)}).")
    company = running.endpoints.company_id
    items = _bc(running, f"companies({company})/items?$select=number").json()["value"]
    numbers = sorted(item["number"] for item in items)
    for start in range(0, len(pictures), len(numbers)):
        yield (
            Sample(f"{COMPANY_FOLDER}/{number}{path.suffix}", path.read_bytes(), path.name)
            for number, path in zip(numbers, pictures[start:], strict=False)
        )


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


def _print(
    console: Console, results: list[SampleResult], requests: list[dict[str, Any]], ledger: Ledger, sheet: Path
) -> None:
    table = Table("upload", "outcome", "item", "picture", "bytes", "ms")
    for column in table.columns:
        column.overflow = "fold"  # a reason or a path must stay readable at 80 characters
    for result in results:
        table.add_row(*_cells(result))
    console.print(table)
    counts = f"{len(requests)} requests to Business Central, {ledger.storage_requests} to storage"
    console.print(f"{len(results)} uploads, {counts}.")
    console.print(f"Contact sheet, before and after: {sheet.resolve().as_uri()}", soft_wrap=True)
    for result in (result for result in results if not result.as_expected):
        expected = " ".join(part for part in (result.sample.outcome, result.sample.reason) if part)
        event = escape(json.dumps(result.event, ensure_ascii=False))
        console.print(f"[red]Not as expected[/]: {escape(result.sample.blob)} should be {expected}, but: {event}")


def _cells(result: SampleResult) -> tuple[str, ...]:
    event = result.event
    name = f"{escape(result.sample.blob)}\n[dim]{escape(result.sample.story)}[/]"
    colour = _COLOURS.get(str(event.get("outcome")), "red")
    outcome = f"[{colour}]{event.get('outcome')}[/]" + (f"\n{event['reason']}" if event.get("reason") else "")
    mark = "" if result.as_expected else "\n[red]not as expected[/]"
    picture = f"{event['width']} × {event['height']}" if event.get("width") else ""
    sizes = f"{len(result.sample.content):,}\n→ {event['bytes_out']:,}" if event.get("bytes_out") else ""
    milliseconds = f"{event['milliseconds']:.0f}" if event.get("milliseconds") else ""
    return name, outcome + mark, escape(event.get("item_number") or ""), picture, sizes, milliseconds
