"""The local storage stays responsive however much was written and deleted."""

import json
import subprocess
from pathlib import Path

from devstack.azurite import SWIFT_CLEANING
from devstack.machine import setup

SCRIPT = Path(__file__).parents[1] / "support" / "azurite_cleaning.js"
PATIENCE = 60  # seconds; Azurite's own way would take minutes, in one piece


def test_azurite_removes_thousands_of_extents_at_once() -> None:
    code = SWIFT_CLEANING + SCRIPT.read_text(encoding="utf-8")
    command = [str(setup.node()), "-e", code, str(setup.azurite())]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, text=True)
    left = json.loads(answer.stdout)
    assert left["kept"] == [True, False] * 5000
    assert left["bytes"] == 5 * 5000
