"""A backfill that is ended by force anywhere, and resumed, loses no picture and writes none twice."""

import os
import signal
import subprocess
from pathlib import Path
from threading import Event

import pytest

from devstack.benchmarks import backfill, kill_moments
from devstack.stack import Stack
from operate import manifest
from operate.manifest import State
from shared.storage.names import INCOMING
from tests.conftest import on_posix
from tests.devstack.dev_commands import until
from tests.operate.command import Operator, operator_of
from tests.operate.photographs import photographs
from tests.support.faulty_storage import storage_proxy
from tests.support.local_stack import LocalStack

NUMBERS = ("1896-S", "1900-S", "1906-S", "1908-S", "1920-S", "1925-W", "1928-S", "1936-S", "1952-W", "1960-S")


def test_nothing_is_lost_or_written_twice_by_being_killed() -> None:
    audit = backfill.measure(files=80, kills=4, seed=7)
    assert audit.kills.total() == 4
    assert audit.kills[kill_moments.PLANNING] == 1
    assert audit.states == {"updated": 80}
    found = (
        audit.lost,
        audit.wrong,
        audit.written_twice,
        audit.uploads_twice,
        audit.left_in_incoming,
        audit.dry_run_writes,
    )
    assert found == (0, 0, 0, 0, 0, 0)


@pytest.mark.long
def test_thousands_of_files_cost_the_memory_of_their_list() -> None:
    few, many = (backfill.measure(files, kills=0, seed=1) for files in (200, 2000))
    for run in ("dry run", "runs"):
        assert many.peak_mib[run] - few.peak_mib[run] < 20
    assert many.states == {"updated": 2000}


def test_a_list_belongs_to_one_command_until_that_is_killed(operator: Operator, local: LocalStack) -> None:
    folder = photographs(operator.folder / "photos", *(f"{number}.jpg" for number in NUMBERS))
    first = operator.start("backfill", folder, "--under-way", "3", "--manifest", "list.csv")
    until(lambda: len(local.names(INCOMING)) == 3, 60)
    refused = operator.run("backfill", folder, "--resume", "list.csv")
    assert refused.code == 2
    assert "Another command is using the list list.csv" in " ".join(refused.err.split())
    first.kill()
    first.communicate(timeout=30)
    ended = operator.run("backfill", folder, "--resume", "list.csv", "--json")
    assert set(ended.states.values()) == {"uploaded"}, ended.err
    assert len(local.names(INCOMING)) == len(NUMBERS)


@on_posix
def test_ctrl_c_ends_a_run_in_order(operator: Operator, local: LocalStack) -> None:
    """Nothing takes uploads up, so the run waits when it is interrupted."""
    folder = photographs(operator.folder / "photos", *(f"{number}.jpg" for number in NUMBERS))
    process = operator.start("backfill", folder, "--under-way", "3", "--manifest", "list.csv")
    until(lambda: len(local.names(INCOMING)) == 3, 60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "7 to upload, 3 uploaded" in out
    assert "--resume list.csv" in " ".join(err.split())
    assert "Traceback" not in err
    rows = manifest.read(operator.folder / "list.csv")
    assert [row.state for row in rows].count(State.UPLOADED) == 3
    assert not (operator.folder / "list.csv.partial").exists()
    assert os.listdir(folder)  # noqa: PTH208 - nothing in the folder has changed


def pressed(process: subprocess.Popen[str]) -> bool:
    """Press Ctrl-C; returns whether the command has ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    return process.poll() is not None


@on_posix
def test_ctrl_c_pressed_again_ends_at_once(local: LocalStack, running_stack: Stack, tmp_path: Path) -> None:
    """Storage takes what is sent, and says nothing."""
    assert local.stack is running_stack
    folder = photographs(tmp_path / "photos", *(f"{number}.jpg" for number in NUMBERS))
    sent, end = Event(), Event()

    def hold(method: str, *_: object) -> int | None:
        if method != "PUT":
            return None
        sent.set()
        end.wait(120)
        return 503

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, hold) as storage,
        operator_of(running_stack, tmp_path, storage) as waiting,
    ):
        process = waiting.start("backfill", folder, "--manifest", "list.csv", "--concurrency", "2")
        try:
            assert sent.wait(60)
            until(lambda: pressed(process), 10)
        finally:
            end.set()
            process.kill()
            out, err = process.communicate()
    assert process.returncode == 130, err
    assert "Interrupted." in err
    assert "Traceback" not in out + err
    states = [row.state for row in manifest.read(tmp_path / "list.csv")]
    assert (states.count(State.UPLOADING), states.count(State.PLANNED)) == (2, 8)
