"""The main job on sample photographs or on a folder's: upload, wait, compare, show."""

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

from devstack import contact_sheet, stack
from devstack.samples import Sample, samples
from shared.storage import names

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp")
PATIENCE_SECONDS = 120  # without any upload coming to its end
COMPANY_FOLDER = stack.COMPANY.rstrip(".")  # a path segment cannot end in a dot


class Ledger:
    """Keeps what the host tells about each upload, and wakes who waits for it."""

    def __init__(self) -> None:
        self._changed = Condition()
        self.events: list[dict[str, Any]] = []
        self.ended: dict[str, dict[str, Any]] = {}

    def __call__(self, line: str) -> None:
        """Take one line of the host's output."""
        event = json.loads(line)
        with self._changed:
            self.events.append(event)
            if event["event"] == "upload_finished":
                self.ended[event["blob"]] = event
            elif event["event"] == "poisoned":
                self.ended[event["blob"]] = {"outcome": "failed", **event}
            self._changed.notify_all()

    @property
    def storage_requests(self) -> int:
        """How many requests to storage the app's own clients have made."""
        return sum(event["event"] == "storage_request" for event in self.events)

    def wait(self, blobs: Sequence[str], running: stack.Stack) -> Iterator[str]:
        """Yield each of ``blobs`` as it comes to its end."""
        left = list(blobs)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left:
            with self._changed:
                self._changed.wait(timeout=0.5)
                done = [blob for blob in left if blob in self.ended]
            running.fail_if_ended()
            if time.monotonic() > deadline:
                raise SystemExit(f"After {PATIENCE_SECONDS} s these uploads had not ended: {', '.join(left)}")
            for blob in done:
                left.remove(blob)
                deadline = time.monotonic() + PATIENCE_SECONDS
                yield blob


@dataclass
class Upload:
    """One upload of the demo: what was sent, and what came of it."""

    sample: Sample
    ended: dict[str, Any] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        """Whether outcome and reason are those that the sample must have."""
        found = (self.ended.get("outcome"), self.ended.get("reason"))
        return found == (self.sample.outcome, self.sample.reason)


def run(console: Console, *, photos: Path | None, keyless: bool, report: Path | None, sheet: Path) -> bool:
    """Run the whole demo; the answer is whether every upload came out as expected."""
    ledger = Ledger()
    with (
        console.status("Starting") as status,
        stack.running(ledger, keyless=keyless, say=status.update) as running,
    ):
        status.stop()
        rounds = _photo_rounds(photos, running) if photos else [samples()]
        uploads = [upload for batch in rounds for upload in _send(batch, ledger, running, console)]
        requests = _simulator_log(running)  # before the contact sheet asks for pictures
        if report:
            report.write_text(json.dumps(_report(uploads, requests, ledger), indent=2), encoding="utf-8")
        title = f"Item Picture Sync: {photos.name if photos else 'sample photographs'}"
        contact_sheet.write(sheet, [_row(upload, running) for upload in uploads], title=title)
    _print(console, uploads, requests, ledger, sheet)
    return all(upload.as_expected for upload in uploads)


def _send(batch: Iterator[Sample], ledger: Ledger, running: stack.Stack, console: Console) -> list[Upload]:
    container = running.storage().get_container_client(names.INCOMING)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        sending = progress.add_task("Uploading photographs", total=None)
        uploads = [Upload(_sent(sample, container)) for sample in progress.track(batch, task_id=sending)]
        progress.update(sending, total=len(uploads))
        waiting = progress.add_task("On their way to the items", total=len(uploads))
        by_blob = {upload.sample.blob: upload for upload in uploads}
        for blob in ledger.wait(list(by_blob), running):
            by_blob[blob].ended = ledger.ended.pop(blob)
            progress.advance(waiting)
    return uploads


def _sent(sample: Sample, container: ContainerClient) -> Sample:
    container.upload_blob(sample.blob, sample.content)
    return sample


def _photo_rounds(folder: Path, running: stack.Stack) -> Iterator[Iterator[Sample]]:
    """Yield the folder's pictures in rounds, each upload of a round for an item of its own.

    The rule: pictures sorted by file name go to the default company's items sorted by number, one each; when the
    items run out, a new round begins with the first.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise SystemExit(f"{folder} holds no pictures ({', '.join(PICTURE_SUFFIXES)}).")
    company = running.endpoints.company_id
    items = _bc(running, f"companies({company})/items?$select=number").json()["value"]
    numbers = sorted(item["number"] for item in items)
    for start in range(0, len(found), len(numbers)):
        yield (
            Sample(f"{COMPANY_FOLDER}/{number}{path.suffix}", path.read_bytes(), path.name)
            for number, path in zip(numbers, found[start:], strict=False)
        )


def _bc(running: stack.Stack, path: str) -> Any:  # noqa: ANN401 - a response
    headers = {"Authorization": f"Bearer {running.endpoints.business_central_token}"}
    url = f"{running.endpoints.business_central_url}/{path}"
    return stack.loopback_session().get(url, headers=headers, timeout=30)


def _simulator_log(running: stack.Stack) -> list[dict[str, Any]]:
    url = f"{running.endpoints.simulator_control_url}/requests"
    log: list[dict[str, Any]] = stack.loopback_session().get(url, timeout=30).json()["requests"]
    return [request for request in log if str(request["user_agent"]).startswith("item-picture-sync/")]


def _report(uploads: list[Upload], requests: list[dict[str, Any]], ledger: Ledger) -> dict[str, Any]:
    keys = (
        "outcome",
        "reason",
        "item_number",
        "item_id",
        "width",
        "height",
        "content_type",
        "bytes_in",
        "bytes_out",
    )
    rows = [
        {"blob": upload.sample.blob} | {key: upload.ended.get(key) for key in (*keys, "milliseconds")}
        for upload in uploads
    ]
    methods = [request["method"] for request in requests]
    by_method = {method: methods.count(method) for method in ("GET", "PATCH")}
    return {
        "uploads": rows,
        "business_central": {"requests": len(requests), "by_method": by_method},
        "storage": {"requests": ledger.storage_requests},
    }


def _row(upload: Upload, running: stack.Stack) -> contact_sheet.Row:
    ended, item_id = upload.ended, upload.ended.get("item_id")
    updated = ended.get("outcome") in ("updated", "unchanged")
    company = next((c["id"] for c in _companies(running) if c["name"] == ended.get("company")), None)
    item = f"companies({company})/items({quote(str(item_id))})"
    return contact_sheet.Row(
        blob=upload.sample.blob,
        story=upload.sample.story,
        outcome=str(ended.get("outcome")),
        reason=ended.get("reason"),
        expected=upload.as_expected,
        item_number=ended.get("item_number"),
        item_name=_bc(running, item).json()["displayName"] if updated else None,
        before=upload.sample.content,
        after=_bc(running, f"{item}/picture/pictureContent").content if updated else None,
        detail=ended.get("detail"),
        milliseconds=ended.get("milliseconds"),
    )


def _companies(running: stack.Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _bc(running, "companies").json()["value"]
    return found


def _print(
    console: Console, uploads: list[Upload], requests: list[dict[str, Any]], ledger: Ledger, sheet: Path
) -> None:
    table = Table("upload", "outcome", "item", "picture", "bytes", "ms")
    for upload in uploads:
        table.add_row(*_cells(upload))
    console.print(table)
    counts = f"{len(requests)} requests to Business Central, {ledger.storage_requests} to storage"
    console.print(f"{len(uploads)} uploads, {counts}.")
    console.print(f"Before and after, side by side: {sheet.resolve().as_uri()}", soft_wrap=True)
    for upload in (upload for upload in uploads if not upload.as_expected):
        expected = " ".join(part for part in (upload.sample.outcome, upload.sample.reason) if part)
        found = escape(json.dumps(upload.ended, ensure_ascii=False))
        console.print(f"[red]Not as expected[/]: {escape(upload.sample.blob)} should have been {expected}: {found}")


def _cells(upload: Upload) -> tuple[str, ...]:
    ended = upload.ended
    name = f"{escape(upload.sample.blob)}\n[dim]{escape(upload.sample.story)}[/]"
    colour = _COLOURS.get(str(ended.get("outcome")), "red")
    outcome = f"[{colour}]{ended.get('outcome')}[/]" + (f"\n{ended['reason']}" if ended.get("reason") else "")
    mark = "" if upload.as_expected else "\n[red]not as expected[/]"
    picture = f"{ended['width']} × {ended['height']}" if ended.get("width") else ""
    sizes = f"{len(upload.sample.content):,}\n→ {ended['bytes_out']:,}" if ended.get("bytes_out") else ""
    milliseconds = f"{ended['milliseconds']:.0f}" if ended.get("milliseconds") else ""
    return name, outcome + mark, escape(ended.get("item_number") or ""), picture, sizes, milliseconds


_COLOURS = {
    "updated": "green",
    "unchanged": "green",
    "waiting": "yellow",
    "quarantined": "magenta",
    "superseded": "blue",
}
