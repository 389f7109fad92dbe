"""Shrinks the app's waits by one factor, in the soak's own processes: a minute of Azure's lasts a second here.

The app has no setting for this. Its numbers are replaced before the modules that use them are imported, and what
``wiring`` builds with times gets shorter ones.
"""

import importlib
import json
import shutil
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from devstack.machine.setup import ROOT

FACTOR = 60
# In an order in which no module has been imported by another one before its numbers are replaced.
NUMBERS = (
    ("shared.item_record", "CLAIM_LIFE"),
    ("shared.item_record", "BEGIN_WITHIN"),
    ("shared.item_record", "DOUBT_LASTS"),
    ("shared.business_central.retries", "WAIT_TOTAL"),
    ("shared.business_central.retries", "_BACKOFF"),
    ("shared.business_central.retries", "TURN_WITHIN"),
    ("shared.business_central.retries", "_PAUSE_MIN"),
    ("shared.business_central.retries", "_PAUSE_MAX"),
    ("shared.business_central.retries", "_PACE_DOUBLES_IN"),
    ("shared.business_central.companies", "LOOK_UP_INTERVAL"),
    ("shared.business_central.companies", "NAMES_LAST"),
    ("shared.sweep_plan", "ALWAYS_DUE"),
    ("shared.sweep_plan", "ANSWERS_NEEDED"),
    ("shared.sweep_plan", "GAP_MAX"),
    ("shared.placement", "_WAIT_MAX"),
    ("shared.placement", "_STEP_MIN"),
    ("shared.placement", "_STEP_MAX"),
    ("shared.placement", "_LOOK_LASTS"),
    ("shared.sweep", "_LIST_WITHIN"),
    ("shared.sweep", "_SETTLE_WITHIN"),
)
RATES = (
    ("shared.business_central.retries", "PACE_MAX"),
    ("shared.business_central.retries", "PACE_MIN"),
)
SHRUNK_LESS = (
    # Storage has no shorter lease, so a run that dies holds up the next ones for longer than it would in Azure.
    ("shared.storage.sweep_states", "_LEASE_SECONDS", 15),
    # To list the uploads and to start the processes that render takes a sweep as long as ever: of four seconds, nothing
    # would be left on a busy machine.
    ("shared.sweep_budget", "BEGIN_WITHIN", 12.0),
)
# Business Central's own, for the simulator; the number of requests stays, so their rate grows.
BUSINESS_CENTRAL_LIMITS = {"window": 300, "queue_seconds": 480, "operation_seconds": 480, "gateway_seconds": 600}
SETTINGS = {"UNFINISHED_WAIT": "PT10S", "SWEEP_MIN_AGE": "PT2S"}  # PT10M, PT2M
SWEEP_SCHEDULE = "*/5 * * * * *"  # every five minutes
VISIBILITY = 10.0  # seconds; a killed host's messages come back after ten minutes


def shrink_the_app() -> None:
    """Divide every time that the app waits for, or lets pass, by ``FACTOR``; call it before ``shared`` is imported.

    What happens so many times a second happens that much more often.
    """
    for module, name in RATES:
        loaded = importlib.import_module(module)
        setattr(loaded, name, getattr(loaded, name) * FACTOR)
    for module, name in NUMBERS:
        loaded = importlib.import_module(module)
        setattr(loaded, name, _shrunk(getattr(loaded, name)))
    for module, name, seconds in SHRUNK_LESS:
        setattr(importlib.import_module(module), name, seconds)
    wiring: Any = importlib.import_module("shared.wiring")
    usual = wiring.Timeouts()
    shrunk = {field.name: getattr(usual, field.name) / FACTOR for field in fields(usual)}
    wiring.Timeouts = partial(wiring.Timeouts, **shrunk)

    class QuickRetry(wiring.ExponentialRetry):  # type: ignore[misc] # a class at run time
        def get_backoff_time(self, settings: dict[str, Any]) -> float:
            seconds: float = super().get_backoff_time(settings)
            return seconds / FACTOR

    wiring.ExponentialRetry = QuickRetry


def _shrunk(time: Any) -> Any:  # noqa: ANN401 - seconds, a timedelta, or a tuple of them
    return tuple(map(_shrunk, time)) if isinstance(time, tuple) else time / FACTOR


def app_folder(folder: Path) -> Path:
    """Fill ``folder`` with the soak's app: its entry module, and the app's own host.json with its time-out shrunk."""
    shutil.copy(Path(__file__).parent / "app" / "function_app.py", folder)
    host_json = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    hours, minutes, seconds = (int(part) for part in host_json["functionTimeout"].split(":"))
    host_json["functionTimeout"] = f"00:00:{(hours * 3600 + minutes * 60 + seconds) // FACTOR:02d}"
    (folder / "host.json").write_text(json.dumps(host_json), encoding="utf-8")
    return folder


def business_central_limits() -> dict[str, Any]:
    """Return Business Central's limits, with its times shrunk, for the simulator."""
    times = {name: seconds / FACTOR for name, seconds in BUSINESS_CENTRAL_LIMITS.items()}
    return {**times, "retry_after": {"503": "1"}}
