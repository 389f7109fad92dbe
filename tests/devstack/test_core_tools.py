"""The app in Azure Functions Core Tools, as far as it can be tested without them.

A small program stands in for ``func``: it prints what the real one prints after indexing the app, and records how it
was started. Whether the real one accepts that remains untested.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import NOT_ON_WINDOWS
from tests.devstack.dev_commands import command, still_running, until

STAND_IN = """#!{python}
import json, os, pathlib, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
start = {{"arguments": sys.argv[1:], "settings": dict(os.environ), "folder": os.getcwd(), "worker": worker.pid}}
print("Functions:", flush=True)
print("        item_picture_uploaded: blobTrigger", flush=True)
pathlib.Path({record!r}).write_text(json.dumps(start))
worker.wait()
"""


@pytest.fixture
def func(tmp_path: Path) -> Path:
    if os.name == "nt":
        pytest.skip(NOT_ON_WINDOWS)
    program = tmp_path / "bin" / "func"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable, record=str(tmp_path / "started.json")), encoding="utf-8")
    program.chmod(0o700)
    return program


def test_core_tools_get_the_stacks_settings_and_end_with_it(project: Path, func: Path, tmp_path: Path) -> None:
    start = command(project, "up", "--host", "func")
    start["env"]["PATH"] = f"{func.parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(**start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        endpoints = project / ".local" / "endpoints.json"
        until(endpoints.exists, 60)
        until((tmp_path / "started.json").exists, 10)
        started = json.loads((tmp_path / "started.json").read_text(encoding="utf-8"))
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.communicate(timeout=20)
    assert still_running(family) == []
    assert not psutil.pid_exists(started["worker"])
    assert started["arguments"][:2] == ["start", "--port"]
    assert started["folder"] == str(project)
    settings = started["settings"]
    assert settings["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert settings["PICTURE_TRIGGER_SOURCE"] == "LogsAndContainerScan"
    assert "/api/v2.0" in settings["BC_BASE_URL"]
    assert "AccountName=pictures" in settings["PICTURE_STORAGE"]
    assert "AccountName=host" in settings["AzureWebJobsStorage"]


def test_missing_core_tools_are_named(project: Path, tmp_path: Path) -> None:
    start = command(project, "up", "--host", "func")
    start["env"]["PATH"] = str(tmp_path)
    ended = subprocess.run(**start, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Core Tools (the program func) are not on the PATH" in ended.stderr
