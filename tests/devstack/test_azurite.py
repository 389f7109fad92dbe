"""The local storage stays responsive however much was written and deleted."""

import json
import subprocess
from pathlib import Path
from typing import Any

from devstack.azurite import SWIFT_CLEANING, SWIFT_INDEX
from devstack.machine import setup

SCRIPTS = Path(__file__).parents[1] / "support"
PATIENCE = 60  # seconds; Azurite's own way would take minutes, in one piece


def run(patch: str, script: str) -> dict[str, Any]:
    """Run a script in Node beside Azurite's modules, and return what it prints."""
    code = patch + (SCRIPTS / script).read_text(encoding="utf-8")
    command = [str(setup.node()), "-e", code, str(setup.azurite())]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, text=True)
    printed: dict[str, Any] = json.loads(answer.stdout)
    return printed


def test_azurite_removes_thousands_of_extents_at_once() -> None:
    left = run(SWIFT_CLEANING, "azurite_cleaning.js")
    assert left["kept"] == [True, False] * 5000
    assert left["bytes"] == 5 * 5000


def test_azurite_removes_thousands_of_blobs_and_finds_the_others() -> None:
    printed = run(SWIFT_INDEX, "azurite_index.js")
    assert [found for number, found in printed["found"]] == [
        None if number % 2 else number for number, _ in printed["found"]
    ]
    assert (printed["left"], printed["others"]) == (5000, 0)
