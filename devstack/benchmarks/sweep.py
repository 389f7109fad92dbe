"""Measures sweeps over many waiting uploads: memory, requests, and how soon each upload has had its turn."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from azure.storage.blob import BlobServiceClient
from rich.console import Console
from rich.table import Table

from devstack import stack
from devstack.azurite import StorageClock
from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT
from shared.storage import names

_MINUTES = 5  # between two sweeps
_RUNS_MAX = 12  # an hour
_AT_ONCE = 8


@dataclass(frozen=True)
class Run:
    """What one sweep, in a process of its own, reported: its log line, its peak of memory, its requests."""

    minute: int
    line: dict[str, Any]
    peak_mib: float
    storage_requests: int
    bc_requests: int


def measure(console: Console, uploads: int) -> list[Run]:
    """Sweep ``uploads`` waiting uploads every five minutes of a simulated hour, until each had its turn."""
    with stack.running(movable_clock=True) as running:
        with console.status(f"Uploading {uploads:,} files"):
            _upload(running.storage(), uploads)
        clock = running.storage_clock
        runs = list(_sweeps(running, clock, uploads)) if clock else []
    _print(console, runs, uploads)
    return runs


def _upload(service: BlobServiceClient, uploads: int) -> None:
    container = service.get_container_client(names.INCOMING)

    def put(number: int) -> None:
        container.upload_blob(f"{stack.COMPANY.rstrip('.')}/WAITS-{number:06}.jpg", b"x")

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(put, range(uploads)):
            pass


def _sweeps(running: stack.Stack, clock: StorageClock, uploads: int) -> Iterator[Run]:
    session, seen = stack.loopback_session(), 0
    for number in range(1, _RUNS_MAX + 1):
        clock.set(60 * _MINUTES * number)
        session.delete(f"{running.endpoints.simulator_control_url}/requests", timeout=10).raise_for_status()
        ended = subprocess.run(
            [sys.executable, "-m", "devstack.benchmarks.one_sweep"],
            cwd=ROOT,
            env=clean_environment(running.app_settings),
            capture_output=True,
            text=True,
            check=True,
        )
        log = session.get(f"{running.endpoints.simulator_control_url}/requests", timeout=10).json()["requests"]
        facts = json.loads(ended.stdout)
        yield Run(_MINUTES * number, facts["line"], facts["peak_mib"], facts["storage_requests"], len(log))
        seen += facts["line"]["looked_at"]
        if seen >= uploads:
            return


def _print(console: Console, runs: list[Run], uploads: int) -> None:
    table = Table("minute", "listed", "looked at", "waiting", "seconds", "peak MiB", "storage requests", "BC requests")
    for run in runs:
        line = run.line
        counts = (line["incoming"], line["looked_at"], sum(line["waiting"].values()))
        seconds = f"{line['milliseconds'] / 1000:.1f}"
        table.add_row(
            str(run.minute),
            *(f"{count:,}" for count in counts),
            seconds,
            f"{run.peak_mib:.0f}",
            str(run.storage_requests),
            str(run.bc_requests),
        )
    console.print(table)
    seen = sum(run.line["looked_at"] for run in runs)
    console.print(f"{seen:,} of {uploads:,} uploads had their turn within {runs[-1].minute} minutes.")
