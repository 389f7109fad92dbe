"""The soak's app is the deployed one with every wait divided by one factor."""

import json
import subprocess
import sys
from pathlib import Path

from devstack.benchmarks.soak import scale
from devstack.benchmarks.soak.mutants import MUTANTS, SETTING
from devstack.functions_host.host_json import HostSettings
from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT

_READ = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
import function_app
from shared import item_record, placement, wiring
from devstack.benchmarks.soak import scale
numbers = {f"{m}.{n}": getattr(importlib.import_module(m), n) for m, n in scale.NUMBERS}
print(json.dumps({
    **{name: getattr(value, "total_seconds", lambda: value)() for name, value in numbers.items()},
    "begin": placement.BEGIN_WITHIN, "write": wiring.Timeouts().write,
    **{name: getattr(importlib.import_module(module), name) for module, name in scale.RATES},
    "shrunk less": [getattr(importlib.import_module(module), name) for module, name, _ in scale.SHRUNK_LESS],
    "functions": sorted(each.get_function_name() for each in function_app.app.get_functions()),
}))
"""


def read(folder: Path, **settings: str) -> dict[str, object]:
    required = {"PICTURE_STORAGE": "UseDevelopmentStorage=true", "BC_TENANT_ID": "t", "BC_ENVIRONMENT": "e"}
    env = clean_environment({**required, **settings, "PYTHONPATH": str(ROOT)})
    command = [sys.executable, "-c", _READ, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


def test_every_wait_is_divided_by_the_factor(tmp_path: Path) -> None:
    usual, shrunk = read(ROOT), read(scale.app_folder(tmp_path))
    assert usual["functions"] == shrunk["functions"]
    rates = [name for _, name in scale.RATES]
    times = [name for name in usual if name not in ("functions", "shrunk less", *rates)]
    assert len(times) == len(scale.NUMBERS) + 2
    assert [shrunk[name] for name in times] == [float(usual[name]) / scale.FACTOR for name in times]  # type: ignore[arg-type]
    assert [shrunk[name] for name in rates] == [float(usual[name]) * scale.FACTOR for name in rates]  # type: ignore[arg-type]


def test_what_is_shrunk_less_is_shrunk_all_the_same(tmp_path: Path) -> None:
    usual, shrunk = read(ROOT)["shrunk less"], read(scale.app_folder(tmp_path))["shrunk less"]
    assert shrunk == [seconds for _, _, seconds in scale.SHRUNK_LESS]
    assert all(less < more for less, more in zip(shrunk, usual, strict=True))  # type: ignore[call-overload]


def test_every_mutant_still_fits_the_app(tmp_path: Path) -> None:
    folder = scale.app_folder(tmp_path)
    for mutant in MUTANTS:
        assert read(folder, **{SETTING: mutant})["functions"]


def test_settings_are_shrunk_by_the_same_factor(tmp_path: Path) -> None:
    usual, shrunk = (HostSettings.read(folder / "host.json") for folder in (ROOT, scale.app_folder(tmp_path)))
    assert usual.timeout
    assert shrunk.timeout == usual.timeout // scale.FACTOR
    assert (usual.blobs, usual.queues) == (shrunk.blobs, shrunk.queues)
    assert (scale.FACTOR, scale.SETTINGS["UNFINISHED_WAIT"]) == (60, "PT10S")
    assert scale.business_central_limits()["queue_seconds"] == 8
