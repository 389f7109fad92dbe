"""The function app loads as the host loads it: its import, its settings, its triggers."""

import json
import subprocess
import sys

import pytest

from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT

IN_AZURE = {
    "PICTURE_STORAGE__blobServiceUri": "https://pictures.blob.core.windows.net",
    "PICTURE_STORAGE__queueServiceUri": "https://pictures.queue.core.windows.net",
    "PICTURE_STORAGE__credential": "managedidentity",
    "BC_TENANT_ID": "ae6ab5de-632c-59d2-b962-f28c2134dfb0",
    "BC_ENVIRONMENT": "Production",
}
PRINT_TRIGGER = """
from devstack.machine import loopback
loopback.forbid_everything_else()
import function_app, json
print(json.dumps({function.get_function_name(): json.loads(function.get_function_json())["bindings"][0]
                  for function in function_app.app.get_functions()}))
"""


def run(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    env = clean_environment(settings)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("source", ["EventGrid", "LogsAndContainerScan"])
def test_the_trigger_matches_the_subscription(source: str) -> None:
    process = run(PRINT_TRIGGER, **IN_AZURE, PICTURE_TRIGGER_SOURCE=source)
    assert process.returncode == 0, process.stderr
    binding = json.loads(process.stdout)["item_picture_uploaded"]
    assert (binding["type"], binding["path"]) == ("blobTrigger", "product-images/{name}")
    assert (binding["connection"], binding["source"]) == ("PICTURE_STORAGE", source)


def test_event_grid_is_the_default_source() -> None:
    assert json.loads(run(PRINT_TRIGGER, **IN_AZURE).stdout)["item_picture_uploaded"]["source"] == "EventGrid"


def test_the_sweep_runs_every_five_minutes_unless_set() -> None:
    for settings, expected in (({}, "0 */5 * * * *"), ({"SWEEP_SCHEDULE": "0 0 * * * *"}, "0 0 * * * *")):
        timer = json.loads(run(PRINT_TRIGGER, **IN_AZURE, **settings).stdout)["sweep_incoming"]
        assert (timer["type"], timer["schedule"]) == ("timerTrigger", expected)


def test_used_up_deliveries_come_from_the_hosts_own_queue() -> None:
    queue = json.loads(run(PRINT_TRIGGER, **IN_AZURE).stdout)["delivery_exhausted"]
    assert (queue["type"], queue["queueName"]) == ("queueTrigger", "webjobs-blobtrigger-poison")
    assert queue["connection"] == "PICTURE_STORAGE"


def test_importing_the_app_connects_to_nothing() -> None:
    """The program's guard refuses every connection beyond loopback, so also every one to Azure."""
    assert run(PRINT_TRIGGER, **IN_AZURE).returncode == 0


def test_bad_settings_fail_the_import_and_are_all_listed() -> None:
    failed = run("import function_app", PICTURE_MAX_SIDE="huge", BLOB_PATH_TEMPLATE="{nonsense}", BC_TENANT_ID="t")
    assert failed.returncode != 0
    for name in ("PICTURE_STORAGE", "PICTURE_MAX_SIDE", "BLOB_PATH_TEMPLATE", "BC_ENVIRONMENT"):
        assert f"\n- {name}: " in failed.stderr


def test_a_bad_connection_string_is_reported_without_its_key() -> None:
    failed = run("import function_app", PICTURE_STORAGE="AccountName=a;AccountKey=c2VjcmV0", PICTURE_QUALITY="best")
    assert "PICTURE_QUALITY" in failed.stderr
    assert "c2VjcmV0" not in failed.stderr
