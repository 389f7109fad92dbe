"""Waits until a stack is at rest: nothing to do in incoming, no doubt, nothing under way in Business Central."""

import json
import sys
import time
from collections.abc import Callable

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from devstack.benchmarks.soak.audit_places import may_wait
from devstack.benchmarks.soak.ledger import Ledger
from devstack.benchmarks.soak.simulator import Simulator

_LOOKS = 3  # in a row
_LOOK_EVERY = 1.0  # seconds
_WATCHES = 0.1  # of the time, at most: to list thousands of uploads keeps storage from everything else


def wait(
    service: BlobServiceClient, ledger: Ledger, simulator: Simulator, patience: float, say: Callable[[str], None]
) -> float | None:
    """Wait as long as less and less is left; returns how long it took, None after ``patience`` seconds without that.

    A limit in all would measure the machine: a sweep of seconds takes up a few uploads only, where rendering starts
    slowly.
    """
    started = moved = time.monotonic()
    least, quiet = (sys.maxsize, 0), 0
    while True:
        now = time.monotonic()
        running = simulator.keep_log()
        left = _left(service, ledger)
        open_records = 0 if left else _open_records(service)  # to read them all takes storage some seconds
        is_quiet = not (left or open_records or running or simulator.late_writes())
        quiet = quiet + 1 if is_quiet else 0
        if quiet == _LOOKS:
            return now - started
        if is_quiet or (left, open_records) < least:  # thousands of records take so long that three looks take minutes
            least, moved = (left, open_records), now
        elif now - moved >= patience:
            return None
        say(f"Waiting until all is at rest: {f'{open_records} doubts' if not left else f'{left} uploads'} left")
        time.sleep(max(_LOOK_EVERY, (time.monotonic() - now) / _WATCHES))


def _left(service: BlobServiceClient, ledger: Ledger) -> int:
    """Return how many uploads in incoming have something to wait for."""
    waiting = {sent.upload.name for sent in ledger.sent if may_wait(sent)}
    listed = service.get_container_client("product-images").list_blob_names()
    return sum(name not in waiting for name in listed)


def _open_records(service: BlobServiceClient) -> int:
    """Return how many items have a claim, a doubt, or a mark of an upload that settles."""
    container, count = service.get_container_client("records"), 0
    for name in container.list_blob_names():
        if name.startswith("moves/"):  # where an upload goes, no item's record
            continue
        try:
            record = json.loads(container.get_blob_client(name).download_blob().readall())
        except ResourceNotFoundError:
            continue
        count += bool(record.get("claim") or record.get("doubt") or "/settling/" in name)
    return count
