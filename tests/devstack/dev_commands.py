"""Runs the commands of ``dev.py`` as developers do: each as its own process, in a copy of the project."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


def command(project: Path, *arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    """Return the arguments that start a command of ``dev.py`` in these tests' environment."""
    env = {**os.environ, "PYTHONPATH": str(project), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
    args = [sys.executable, "-m", "devstack.commands", *arguments]
    return {"args": args, "cwd": cwd or project, "env": env, "text": True}


def run(project: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(**command(project, *arguments, cwd=cwd), capture_output=True, timeout=180, check=False)


def until(condition: Callable[[], Any], seconds: float) -> Any:
    """Wait until ``condition`` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)  # polling interval
    return result


def still_running(family: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that have not ended after 5 s; one that has ended and only waits to be reaped does not count."""
    _, alive = psutil.wait_procs(family, timeout=5)
    return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def up(project: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    endpoints = project / ".local" / "endpoints.json"
    process = subprocess.Popen(**command(project, "up", *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until(lambda: endpoints.exists() or process.poll() is not None, 60)
        yield process, json.loads(endpoints.read_text(encoding="utf-8"))
    finally:
        process.kill()
        process.communicate()
        until(lambda: not endpoints.exists(), 5)  # or the next stack would find it
