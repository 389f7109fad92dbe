"""Locks exclude other processes and end with their process."""

import subprocess
import sys
from pathlib import Path

import pytest

from devstack.machine import locks
from devstack.machine.setup import ROOT

HOLDER = """import sys, pathlib
from devstack.machine import locks
lock = locks.hold(pathlib.Path(sys.argv[1]), alone=sys.argv[2] == "alone")
print(lock is not None, flush=True)
sys.stdin.read()"""


@pytest.mark.parametrize(
    ("other", "alone", "gets_it"),
    [("shared", False, True), ("shared", True, False), ("alone", False, False), ("alone", True, False)],
)
def test_a_lock_excludes_what_it_must_until_its_process_ends(
    tmp_path: Path, other: str, alone: bool, gets_it: bool
) -> None:
    path = tmp_path / "folder" / "a.lock"
    start = [sys.executable, "-c", HOLDER, str(path), other]
    with subprocess.Popen(start, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        lock = locks.hold(path, alone=alone)
        assert (lock is not None) == gets_it
        if lock:
            lock.close()
        process.kill()
    lock = locks.hold(path, alone=True)
    assert lock is not None
    lock.close()
