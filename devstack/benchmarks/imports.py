"""Measures what a cold start pays for importing the app, against its packages alone, and for telemetry."""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from devstack.ingestion.client import Ingestion
from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT

_ROUNDS = 9
_PACKAGES = "azure.functions, azure.identity, azure.storage.blob, requests, PIL.Image"
_PROGRAMS = {
    "an empty program": "pass",
    "the five packages alone": f"import {_PACKAGES}",
    "function_app": "import function_app",
    "function_app, with telemetry set up": (
        "from devstack.functions_host import worker_telemetry; worker_telemetry.set_up(); import function_app"
    ),
}
_WITH_TELEMETRY = list(_PROGRAMS)[-1]
_SETTINGS = {
    "PICTURE_STORAGE__blobServiceUri": "https://127.0.0.1",
    "PICTURE_STORAGE__queueServiceUri": "https://127.0.0.1",
    "BC_TENANT_ID": "tenant",
    "BC_ENVIRONMENT": "environment",
}
_NOWHERE = "https://127.0.0.1:9"


def measure(console: Console) -> None:
    """Print the import times of ``function_app`` with and without telemetry, its packages and an empty program."""
    times: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    with TemporaryDirectory() as unsent:
        telemetry = Ingestion(_NOWHERE, _NOWHERE, Path(unsent)).settings()
        del telemetry["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]  # there is no identity to ask
        for _ in range(_ROUNDS):  # alternating, so that all meet the same noise
            for name, program in _PROGRAMS.items():
                times[name].append(_milliseconds(program, telemetry if name == _WITH_TELEMETRY else {}))
    empty, packages = (min(times[name]) for name in list(_PROGRAMS)[:2])
    table = Table("import of", "least ms", "median ms", "more than an empty program", "ratio to the packages")
    for name, values in times.items():
        extra = min(values) - empty
        ratio = f"{extra / (packages - empty):.2f}" if extra else ""
        table.add_row(name, f"{min(values):.0f}", f"{statistics.median(values):.0f}", f"{extra:.0f}", ratio)
    console.print(table)


def _milliseconds(program: str, telemetry: dict[str, str]) -> float:
    env = clean_environment({**_SETTINGS, **telemetry})
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True)
    return (time.perf_counter() - started) * 1000
