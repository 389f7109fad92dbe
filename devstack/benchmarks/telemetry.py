"""Measures what telemetry costs a picture: two workers, one with and one without, take turns on the same stack."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image
from rich.table import Table

from devstack import stack
from devstack.benchmarks.telemetry_worker import PACE
from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT
from shared.storage.names import INCOMING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

PICTURES = 5 * PACE  # in a round
OWN_MAX, ALL_MAX = 3.0, 8.0  # milliseconds that telemetry may add to a picture: in its own thread, and in all
WITHOUT, WITH = "without telemetry", "with telemetry"


@dataclass(frozen=True)
class Cost:
    """Processor time in milliseconds for one picture, by worker: medians of the rounds."""

    own: dict[str, float]
    all: dict[str, float]
    added_own: float
    added_all: float
    rows: float
    kilobytes: float


def measure(rounds: int, pictures: int = PICTURES) -> Cost:
    """Let both workers handle the same pictures in turn, so that they meet the same noise."""
    with stack.running(telemetry=True) as running, ExitStack() as ending:
        assert running.ingestion  # noqa: S101 - for the type checker
        telemetry = running.ingestion.settings()
        trusted = {"REQUESTS_CA_BUNDLE": str(running.accounts.certificate.public)}
        off = {name: value for name, value in running.app_settings.items() if name not in telemetry}
        workers = {WITHOUT: off, WITH: {**running.app_settings, **trusted}}
        started = {name: ending.enter_context(_worker(settings)) for name, settings in workers.items()}
        numbers = [f"T{number:03}" for number in range(pictures)]
        for number in numbers:
            item = {"company_id": running.endpoints.company_id, "number": number, "displayName": "Lamp"}
            _control(running, "items", item)
        results: dict[str, list[dict[str, Any]]] = {name: [] for name in started}
        for turn in range(rounds + 1):
            for worker, process in started.items():
                _upload(running, numbers, turn)
                answer = _ask(process, [_name(number) for number in numbers])
                if turn:  # the first round opens connections and fills caches
                    results[worker].append(answer)
        rows, bodies = running.ingestion.rows(), running.ingestion.bodies()
    handled = pictures * (rounds + 1)
    own = {name: [statistics.median(each["own"]) for each in answers] for name, answers in results.items()}
    total = {name: [each["all"] for each in answers] for name, answers in results.items()}
    return Cost(
        own={name: statistics.median(values) for name, values in own.items()},
        all={name: statistics.median(values) for name, values in total.items()},
        added_own=_added(own),
        added_all=_added(total),
        rows=len(rows) / handled,
        kilobytes=sum(map(len, bodies)) / 1000 / handled,
    )


def print_cost(console: Console, cost: Cost) -> None:
    """Print a table and the sums."""
    table = Table("processor time for one picture, ms", *cost.own, "added", "at most")
    for label, values, added, most in (
        ("its own thread", cost.own, cost.added_own, OWN_MAX),
        ("the whole process", cost.all, cost.added_all, ALL_MAX),
    ):
        table.add_row(label, *(f"{value:.1f}" for value in values.values()), f"{added:.1f}", f"{most:.0f}")
    console.print(table)
    console.print(f"{cost.rows:.1f} rows and {cost.kilobytes:.1f} kB for one picture, without the host's rows.")


def _added(values: dict[str, list[float]]) -> float:
    pairs = zip(values[WITHOUT], values[WITH], strict=True)
    return statistics.median(with_it - without for without, with_it in pairs)


def _name(number: str) -> str:
    return f"CRONUS USA, Inc/{number}.jpg"


def _upload(running: stack.Stack, numbers: list[str], turn: int) -> None:
    container = running.storage().get_container_client(INCOMING)
    for place, number in enumerate(numbers):
        target = BytesIO()
        Image.new("RGB", (320, 240), (place, 50 * turn % 256, 99)).save(target, "PNG")
        container.upload_blob(_name(number), target.getvalue(), overwrite=True)


def _control(running: stack.Stack, path: str, body: dict[str, str]) -> None:
    url = f"{running.endpoints.simulator_control_url}/{path}"
    stack.loopback_session().post(url, json=body, timeout=10).raise_for_status()


@contextmanager
def _worker(settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "devstack.benchmarks.telemetry_worker"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment(settings), text=True, **pipes) as process:  # type: ignore[call-overload]
        _answer(process)
        yield process
        process.stdin.close()


def _ask(process: subprocess.Popen[str], names: list[str]) -> dict[str, Any]:
    assert process.stdin  # noqa: S101 - for the type checker
    process.stdin.write(f"{json.dumps(names)}\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout  # noqa: S101 - for the type checker
    line = process.stdout.readline()
    if not line:
        raise SystemExit("The worker of the benchmark has ended.")
    answer: dict[str, Any] = json.loads(line)
    return answer
