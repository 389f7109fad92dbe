"""The app pauses with the two settings that docs/operations.md names, and goes on where it was."""

import re
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack import azurite, stack
from devstack.demo import Ledger
from devstack.functions_host import queues
from devstack.machine.setup import ROOT
from devstack.programs import Hosting, Programs
from shared.storage import names
from tests.devstack.dev_commands import until
from tests.support.documents import Document
from tests.support.hosted import EVERY_SECOND
from tests.support.local_stack import DESK, LocalStack

TICKING_APP = ROOT / "tests" / "support" / "ticking_app" / "function_app.py"
PAUSE = Document(ROOT / "docs" / "operations.md").sections["Pause the app"]
PAUSED = dict(re.findall(r"(AzureWebJobs\.\w+\.Disabled)=(true)", PAUSE))


@pytest.mark.parametrize("setting", PAUSED)
def test_paused_app_asks_bc_nothing_and_then_goes_on(setting: str, tmp_path: Path) -> None:
    """Each of the settings is needed: without it, the same upload reaches its item."""
    for file in (TICKING_APP, ROOT / "host.json"):
        shutil.copy(file, tmp_path)
    ledger = Ledger()
    with (
        stack.running(ledger, sweep_schedule=EVERY_SECOND, app_folder=tmp_path, app_settings=PAUSED) as running,
        ExitStack() as ending,
    ):
        local = LocalStack(running)
        local.upload()
        announced = running.accounts.queue(queues.BLOB_QUEUE, azurite.HOST)
        until(announced.peek_messages, 30)
        wait_for_ticks(ledger, 4)  # four times, a sweep was due, and the host looked into its other queue
        assert local.requests() == []
        assert local.names(names.INCOMING) == [DESK]
        assert running.host_processes
        running.host_processes.end()
        settings = running.app_settings | {setting: "false"}
        Programs(ending).hosts(Hosting(1, tmp_path, {}, visibility=600), settings, ledger)
        assert list(ledger.wait([DESK], running)) == [DESK]
        assert local.picture() is not None
        assert local.names(names.INCOMING) == []


def wait_for_ticks(ledger: Ledger, count: int) -> None:
    """Wait until the timer has come ``count`` more times."""
    until_now = ticks(ledger)
    until(lambda: ticks(ledger) >= until_now + count, 30)


def ticks(ledger: Ledger) -> int:
    return sum(event["event"] == "tick" for event in ledger.events)
