"""Measures the operator's backfill on the whole stack: killed at random points, resumed, and then audited."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psutil
from rich.console import Console

from devstack import stack
from devstack.azurite import PICTURES
from devstack.benchmarks.kill_moments import Moment
from devstack.benchmarks.numbered_photographs import number_shown, photographs
from devstack.machine.setup import ROOT
from shared.storage import names

COMPANY = "BACKFILL"
_POLL = 0.05  # seconds
_LOG_SECONDS = 30  # until Azurite's log has what was asked before
_MIB = 1024 * 1024


@dataclass
class Audit:
    """What a backfill of ``files`` did: by item, what BC and storage have in the end.

    ``kills`` counts how often the command was ended by force, by what it was doing. ``wrong`` counts items that show
    another item's photograph, ``uploads_twice`` originals beyond each item's first. ``peak_mib`` is the command's
    memory, ``rate`` is files per second of all runs together.
    """

    files: int
    kills: Counter[str] = field(default_factory=Counter)
    dry_run_writes: int = 0
    lost: int = 0
    wrong: int = 0
    written_twice: int = 0
    uploads_twice: int = 0
    left_in_incoming: int = 0
    seconds: float = 0
    peak_mib: dict[str, float] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Files per second, from the first start to the last outcome."""
        return self.files / self.seconds


class StorageLog:
    """Collects the writes to the pictures account that Azurite logs; its lines come in another thread, and late."""

    def __init__(self) -> None:
        self._marker = ""
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        """Take a line of the log; outside of ``writes_of`` it is not kept."""
        if self._marker:
            self._lines.append(line)

    def writes_of(self, action: Callable[[], None], running: stack.Stack) -> list[str]:
        """Return what is written while ``action`` lasts, but by the sweep, which always keeps its state.

        Raises:
            SystemExit: the log does not come, so it says nothing.
        """
        self._lines, self._marker = [], uuid4().hex
        action()
        running.storage().get_blob_client(names.INCOMING, self._marker).exists()
        deadline = time.monotonic() + _LOG_SECONDS
        while not any(self._marker in line for line in self._lines):
            if time.monotonic() > deadline:
                raise SystemExit("Azurite's log does not show a request that was made.")
            time.sleep(_POLL)
        self._marker = ""
        sweep = f"/{names.RECORDS}/{names.sweep_state_name(stack.ENVIRONMENT)}"
        return [line for line in self._lines if _WRITE.search(line) and sweep not in line]


_WRITE = re.compile(rf'"(?:PUT|POST|PATCH|DELETE) /{PICTURES}[/?]')


def measure(
    files: int, kills: int, seed: int, hosts: int = 1, say: Callable[[str], None] = lambda _text: None
) -> Audit:
    """Put ``files`` photographs on as many items, ending the command by force ``kills`` times on the way."""
    audit, log = Audit(files), StorageLog()
    with (
        stack.running(lambda _line: None, hosts=hosts, on_storage=log.add) as running,
        TemporaryDirectory() as name,
    ):
        folder, listed = Path(name), Path(name, "list.csv")
        say("Creating items and photographs")
        _create_items(running, files)
        _create_photographs(folder / "photos", files)
        running.endpoints.write(folder / "endpoints.json")
        command = [sys.executable, "-m", "operate.cli", "--config", "endpoints.json", "--json", "backfill", "photos"]
        new = [*command, "--company", COMPANY]
        say("Dry run")

        def dry_run() -> None:
            with _started([*new, "--dry-run"], folder) as run:
                audit.peak_mib["dry run"] = _watch(run, lambda: False)

        requests_before = len(_writes(running))
        audit.dry_run_writes = len(log.writes_of(dry_run, running)) + len(_writes(running)) - requests_before
        chance, start = random.Random(seed), time.monotonic()  # noqa: S311 - the same places each time
        for number in range(kills + 1):
            say(f"Run {number + 1} of {kills + 1}")
            # Each file gets three further rows: begun, uploaded, updated. So every run has some left.
            rows = files + 1 + chance.uniform(0, 3 * files / (kills + 1))
            moment = Moment(running, listed, number, inf if number == kills else rows)
            rest = [*command, "--resume", str(listed)] if listed.exists() else [*new, "--manifest", str(listed)]
            with moment.coming(), _started([*rest, "--wait"], folder) as run:
                peak = _watch(run, moment.has_come, moment.poll)
                if run.returncode < 0:
                    audit.kills[moment.found()] += 1
            audit.peak_mib["runs"] = max(peak, audit.peak_mib.get("runs", 0))
        audit.seconds = time.monotonic() - start
        audit.states = _totals(folder)
        _audit(audit, running)
    return audit


def print_audit(console: Console, audit: Audit) -> None:
    """Print what was measured."""
    peaks = ", ".join(f"{name} {peak:.0f} MiB" for name, peak in audit.peak_mib.items())
    kills = "".join(f", {count} while {doing}" for doing, count in sorted(audit.kills.items()))
    console.print(
        f"{audit.files:,} files, killed {audit.kills.total()} times{kills}: {audit.lost} lost, {audit.wrong} wrong, "
        f"{audit.written_twice} written twice, {audit.uploads_twice} uploaded twice, {audit.left_in_incoming} left in "
        f"{names.INCOMING}; {audit.dry_run_writes} writes by the dry run. {audit.seconds:.0f} s, {audit.rate:.1f} "
        f"files/s; {peaks}. {audit.states}",
        soft_wrap=True,
    )


def _totals(folder: Path) -> dict[str, int]:
    """Return how the last run ended."""
    try:
        totals: dict[str, int] = json.loads((folder / "out.json").read_text(encoding="utf-8"))["totals"]
    except ValueError:
        raise SystemExit(f"The last run failed: {(folder / 'err.txt').read_text(encoding='utf-8')}") from None
    return totals


def number_of(index: int) -> str:
    """Return the item's number; every seventh has a slash, so its picture goes under its id."""
    return f"B/{index:05}" if index % 7 == 0 else f"B-{index:05}"


def _create_items(running: stack.Stack, count: int) -> None:
    control, session = running.endpoints.simulator_control_url, stack.loopback_session()
    company = session.post(f"{control}/companies", json={"name": COMPANY}, timeout=10).json()["id"]
    for index in range(count):
        item = {"company_id": company, "number": number_of(index), "displayName": f"Item {index}"}
        session.post(f"{control}/items", json=item, timeout=10).raise_for_status()


def _create_photographs(folder: Path, count: int) -> None:
    """Write one picture for each item, each another one."""
    folder.mkdir()
    for index, content in enumerate(photographs(count)):
        name = number_of(index).replace("/", "_")
        (folder / f"{name}.jpg").write_bytes(content)


@contextmanager
def _started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*", "no_proxy": "*"}
    with (
        (folder / "out.json").open("wb") as out,
        (folder / "err.txt").open("wb") as err,
        subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=err) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _watch(process: subprocess.Popen[bytes], is_time: Callable[[], bool], poll: float = _POLL) -> float:
    """Wait for the end of ``process``, or end it by force when it is time; return its peak of memory in MiB."""
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        if is_time():
            process.kill()
        time.sleep(poll)
    process.wait()
    return peak / _MIB


def _audit(audit: Audit, running: stack.Stack) -> None:
    control, session = running.endpoints.simulator_control_url, stack.loopback_session()
    url = running.endpoints.catalogue_url
    catalogue = session.get(f"{url}catalogue/state", timeout=60).json()
    items = next(company["items"] for company in catalogue["companies"] if company["name"] == COMPANY)
    for item in items:
        writes = session.get(f"{control}/items/{item['id']}/writes", timeout=10).json()["writes"]
        audit.written_twice += max(len(writes) - 1, 0)
        if not item["picture"]:
            audit.lost += 1
            continue
        shown = session.get(f"{url}catalogue/pictures/{item['id']}", timeout=10).content
        audit.wrong += number_of(number_shown(shown)) != item["number"]
    originals = Counter(name.rpartition("/")[0] for name in _listed(running, names.ARCHIVE))
    audit.uploads_twice = sum(originals.values()) - len(originals)
    audit.left_in_incoming = len(_listed(running, names.INCOMING))


def _writes(running: stack.Stack) -> list[Any]:
    url = f"{running.endpoints.simulator_control_url}/requests"
    log = stack.loopback_session().get(url, timeout=60).json()["requests"]
    return [request["method"] for request in log if request["method"] != "GET"]


def _listed(running: stack.Stack, container: str) -> list[str]:
    return list(running.storage().get_container_client(container).list_blob_names())
