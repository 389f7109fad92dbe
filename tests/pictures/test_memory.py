"""Renders take turns, so that all of them together never hold more than the budget."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from shared.pictures.memory import MemoryBudget

ROOT = Path(__file__).parents[2]
SECONDS = 20


@contextmanager
def entered(gate: MemoryBudget, size: int) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Start a thread that wants ``size`` bytes; yields the events that it is in, and that it may leave."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with gate.room(size):
            inside.set()
            leave.wait(SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield inside, leave
    finally:
        leave.set()
        thread.join(SECONDS)
        assert not thread.is_alive()


def waiting(gate: MemoryBudget, count: int) -> None:
    """Return once ``count`` threads stand before the gate."""
    deadline = time.monotonic() + SECONDS
    while len(gate._waiting) != count:  # noqa: SLF001 - nothing else tells that a thread stands there
        assert time.monotonic() < deadline
        time.sleep(0)


def test_what_fits_together_is_let_in_together() -> None:
    gate = MemoryBudget(100)
    with entered(gate, 60) as (one, _), entered(gate, 40) as (two, _):
        assert one.wait(SECONDS)
        assert two.wait(SECONDS)


def test_what_does_not_fit_waits_until_there_is_room() -> None:
    gate = MemoryBudget(100)
    with entered(gate, 60) as (one, leave_one):
        assert one.wait(SECONDS)
        with entered(gate, 41) as (two, _):
            waiting(gate, 1)
            assert not two.is_set()
            leave_one.set()
            assert two.wait(SECONDS)


def test_a_large_picture_is_not_overtaken_for_ever_by_small_ones() -> None:
    gate = MemoryBudget(100)
    with ExitStack() as stack:
        one, leave_one = stack.enter_context(entered(gate, 60))
        assert one.wait(SECONDS)
        large, leave_large = stack.enter_context(entered(gate, 90))
        waiting(gate, 1)
        small, _ = stack.enter_context(entered(gate, 10))
        waiting(gate, 2)
        assert not small.is_set(), "although there is room for it"
        leave_one.set()
        assert large.wait(SECONDS)
        leave_large.set()
        assert small.wait(SECONDS)


def test_a_picture_larger_than_the_budget_is_rendered_alone() -> None:
    gate = MemoryBudget(100)
    with entered(gate, 10**12) as (giant, leave):
        assert giant.wait(SECONDS)
        with entered(gate, 1) as (small, _):
            waiting(gate, 1)
            assert not small.is_set()
            leave.set()
            assert small.wait(SECONDS)


def test_a_render_that_fails_gives_its_room_back() -> None:
    gate = MemoryBudget(100)
    with pytest.raises(ValueError, match="damaged"), gate.room(100):
        raise ValueError("damaged")
    with entered(gate, 100) as (inside, _):
        assert inside.wait(SECONDS)


FOUR_AT_ONCE = """
import sys, threading
from io import BytesIO
from PIL import Image
from shared.pictures.render import render
from shared.pictures.rendition import Rendition
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import USUAL_LIMITS

def kilobytes(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1])

file = BytesIO()
Image.new("RGBA", (6000, 5000), (200, 30, 30, 128)).save(file, "PNG", compress_level=1)
memory = MemoryBudget(int(sys.argv[1]))
before = kilobytes("VmRSS")
threads = [threading.Thread(target=render, args=(file.getvalue(), Rendition(), USUAL_LIMITS, memory)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print((kilobytes("VmHWM") - before) * 1024)
"""


def held_by_four_renders(budget: int) -> int:
    command = [sys.executable, "-c", FOUR_AT_ONCE, str(budget)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")
def test_four_large_pictures_at_once_stay_within_the_budget() -> None:
    mib = 1024 * 1024
    # 30 megapixels in RGBA are 114 MiB decoded; two of them with what they need besides do not fit.
    assert held_by_four_renders(250 * mib) < 250 * mib
    assert held_by_four_renders(2000 * mib) > 250 * mib, "which without the gate they would not"
