"""Measures how many pictures per second the whole app does on the local stack, beside what BC and its slots allow."""

from __future__ import annotations

import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from threading import Condition
from typing import TYPE_CHECKING, Any

import psutil
from PIL import Image
from rich.table import Table

from devstack import stack
from devstack.benchmarks.fleet import RUNNING, Result, Rules, Work, bound
from devstack.functions_host.host_json import HostSettings
from devstack.machine.setup import ROOT
from shared import config
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import USUAL_LIMITS, USUAL_RENDITION
from shared.rendering import Renderer
from shared.storage import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

LATENCY = 0.3  # seconds that BC works on one request
SLOTS = 8  # at least, with several hosts
_ITEMS = 500  # more uploads go to the same items, round by round, each with another picture
_WARM_UP = 6  # pictures, one after the other
_PATIENCE = 60.0  # seconds without any upload that ends
_NEVER = "0 0 0 29 2 *"
_FOLDERS = {"BLOB_PATH_TEMPLATE": "{company}/{name}/{item}.{extension}"}


@dataclass
class Run:
    """One measurement: so many uploads at once, so many hosts."""

    hosts: int
    uploads: int
    slots: int
    unloaded: float = 0.0  # seconds for a picture without others
    render: float = 0.0  # seconds of a processor for a picture
    requests: float = 0.0  # to BC for a picture
    processor: float = 0.0  # seconds of all programs of the stack for a picture
    loaded: float = 0.0  # seconds for a picture among others
    outcomes: dict[str, int] = field(default_factory=dict)
    done_at: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Pictures per second between the 10th and the 90th percentile of completions."""
        return Result(self.uploads, self.done_at).rate()

    @property
    def bounds(self) -> dict[str, float]:
        """The most pictures per second that each part allows."""
        work = Work(self.render, self.unloaded - self.render - self.requests * LATENCY, max(round(self.requests), 1), 0)
        allowed = bound(Rules(self.hosts, self.slots, sweep_slots=0), work, LATENCY)
        processors = os.cpu_count() or 1
        allowed["rendering"] = min(self.hosts, processors) / self.render
        allowed["this machine"] = processors / self.processor  # which also plays BC, storage and the hosts
        return allowed

    @property
    def busy(self) -> float:
        """How many slots the host kept busy at once."""
        return self.rate * self.loaded

    @property
    def share(self) -> float:
        """How much of the least bound was reached."""
        return self.rate / min(self.bounds.values())


class _Ends:
    """Collects the uploads that ended, with the time."""

    def __init__(self) -> None:
        self._changed = Condition()
        self.events: list[tuple[float, dict[str, Any]]] = []

    def __call__(self, line: str) -> None:
        event = json.loads(line)
        if event["event"] in ("upload_finished", "upload_failed", "poisoned"):
            with self._changed:
                self.events.append((time.monotonic(), event))
                self._changed.notify_all()

    def wait_for(self, number: int, running: stack.Stack) -> None:
        """Wait until so many uploads have finished, well or not."""
        seen, deadline = 0, time.monotonic() + _PATIENCE
        while seen < number:
            with self._changed:
                self._changed.wait(0.5)
                now = sum(event["event"] != "upload_failed" for _, event in self.events)
            running.fail_if_ended()
            if now > seen:
                seen, deadline = now, time.monotonic() + _PATIENCE
            elif time.monotonic() > deadline:
                raise SystemExit(f"{number - seen} of {number} uploads have not ended.")


def measure(uploads: int, hosts: int) -> Run:
    """Drop ``uploads`` pictures at once onto a new stack."""
    run = Run(hosts, uploads, _slots(), render=_render_seconds())
    ends = _Ends()
    with stack.running(ends, hosts=hosts, sweep_schedule=_NEVER, app_settings=_FOLDERS) as running:
        _prepare(running)
        container = running.storage().get_container_client(names.INCOMING)
        for number in range(_WARM_UP):
            container.upload_blob(f"{stack.COMPANY.rstrip('.')}/warm/B{number}.jpg", _picture(0))
            ends.wait_for(number + 1, running)
        run.unloaded = statistics.median(event["milliseconds"] for _, event in ends.events[1:]) / 1000
        requests, processor, ends.events = _requests(running), _processor_seconds(), []
        with ThreadPoolExecutor(8) as threads:
            for _ in threads.map(lambda upload: container.upload_blob(*upload), _drop(uploads)):
                pass
        ends.wait_for(uploads, running)
        run.processor = (_processor_seconds() - processor) / uploads
        run.requests = (_requests(running) - requests) / uploads
    run.loaded = statistics.fmean(event.get("milliseconds", 0) for _, event in ends.events) / 1000
    for at, event in ends.events:
        outcome = event.get("outcome") or event["event"]
        run.outcomes[outcome] = run.outcomes.get(outcome, 0) + 1
        if event["event"] == "upload_finished":
            run.done_at.append(at)
    return run


def hosts_for(slots: int = SLOTS) -> int:
    """Return how many hosts give at least so many slots."""
    return -(-slots // _slots())


def print_runs(console: Console, runs: Sequence[Run]) -> None:
    """Print a line for each run."""
    table = Table(
        "uploads",
        "hosts",
        "slots",
        "pictures/s",
        "bound",
        "of it",
        "limited by",
        "alone",
        "in the drop",
        "busy slots",
        "outcomes",
    )
    for run in runs:
        bounds = run.bounds
        least = min(bounds, key=lambda part: bounds[part])
        table.add_row(
            f"{run.uploads:,}",
            str(run.hosts),
            str(run.hosts * run.slots),
            f"{run.rate:.2f}",
            f"{bounds[least]:.2f}",
            f"{run.share:.0%}",
            least,
            f"{run.unloaded:.2f} s",
            f"{run.loaded:.2f} s",
            f"{run.busy:.1f}",
            ", ".join(f"{number:,} {outcome}" for outcome, number in run.outcomes.items()),
        )
    console.print(table)
    console.print(
        f"BC works {LATENCY:g} s on each request, {RUNNING} at a time; {runs[0].requests:.2f} requests and "
        f"{runs[0].render * 1000:.0f} ms of rendering for a picture; all programs together used "
        f"{runs[0].processor * 1000:.0f} ms of a processor for one."
    )


def _slots() -> int:
    blobs = HostSettings.read(ROOT / "host.json").blobs
    return blobs.size + blobs.threshold


def _render_seconds() -> float:
    renderer = Renderer(USUAL_RENDITION, USUAL_LIMITS, MemoryBudget(config.RENDER_MEMORY))
    content, spent = _picture(0), []
    for _ in range(9):
        started = time.process_time()
        renderer(content)
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def _prepare(running: stack.Stack) -> None:
    """Give BC its latency and as many items as we need."""
    session, control = stack.loopback_session(), running.endpoints.simulator_control_url
    for number in range(_ITEMS):
        item = {"company_id": running.endpoints.company_id, "number": f"B{number}"}
        session.post(f"{control}/items", json=item, timeout=10).raise_for_status()
    session.post(f"{control}/latency", json={"seconds": LATENCY}, timeout=10).raise_for_status()


def _requests(running: stack.Stack) -> int:
    """Return how many requests BC has had; its log keeps only the last ones."""
    url = f"{running.endpoints.simulator_control_url}/requests"
    number: int = stack.loopback_session().get(url, timeout=60).json()["requests"][-1]["number"]
    return number


def _processor_seconds() -> float:
    """Return what all programs of the stack have used so far."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return float(sum(used.user + used.system for used in times))


def _drop(uploads: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents; no item gets the same picture twice, and of one second's uploads the later is newer."""
    for start in range(0, uploads, _ITEMS):
        content = _picture(1 + start // _ITEMS)
        for number in range(min(_ITEMS, uploads - start)):
            yield f"{stack.COMPANY.rstrip('.')}/{start:06}/B{number}.jpg", content


def _picture(number: int) -> bytes:
    """Draw a small picture, so that thousands of them fit into Azurite's memory; each number has colours of its own."""
    gradient = Image.linear_gradient("L").resize((1200, 900))
    tint = Image.new("L", gradient.size, number * 11 % 256)
    target = BytesIO()
    Image.merge("RGB", (gradient, tint, gradient.rotate(180))).save(target, "JPEG")
    return target.getvalue()
