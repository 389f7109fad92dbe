"""Renders take turns, so that together they never hold more than the budget."""

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
def entered(budget: MemoryBudget, size: int) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Start a thread that reserves ``size`` bytes; yield the events "it has them" and "it may leave"."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with budget.reserve(size):
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


def wait_for_queue(budget: MemoryBudget, count: int) -> None:
    """Return once ``count`` threads wait for the budget."""
    deadline = time.monotonic() + SECONDS
    while len(budget._waiting) != count:  # noqa: SLF001 - nothing else shows that a thread waits
        assert time.monotonic() < deadline
        time.sleep(0)


def test_renders_that_fit_together_run_together() -> None:
    budget = MemoryBudget(100)
    with entered(budget, 60) as (first, _), entered(budget, 40) as (second, _):
        assert first.wait(SECONDS)
        assert second.wait(SECONDS)


def test_a_render_that_does_not_fit_waits() -> None:
    budget = MemoryBudget(100)
    with entered(budget, 60) as (first, leave_first):
        assert first.wait(SECONDS)
        with entered(budget, 41) as (second, _):
            wait_for_queue(budget, 1)
            assert not second.is_set()
            leave_first.set()
            assert second.wait(SECONDS)


def test_small_pictures_do_not_overtake_a_large_one() -> None:
    budget = MemoryBudget(100)
    with ExitStack() as stack:
        first, leave_first = stack.enter_context(entered(budget, 60))
        assert first.wait(SECONDS)
        large, leave_large = stack.enter_context(entered(budget, 90))
        wait_for_queue(budget, 1)
        small, _ = stack.enter_context(entered(budget, 10))
        wait_for_queue(budget, 2)
        assert not small.is_set(), "although it would fit"
        leave_first.set()
        assert large.wait(SECONDS)
        leave_large.set()
        assert small.wait(SECONDS)


def test_more_than_the_whole_budget_is_an_error_not_a_wait() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ValueError, match="101 bytes exceed"), budget.reserve(101):
        pass
    with entered(budget, 100) as (inside, _):
        assert inside.wait(SECONDS)


def test_a_failed_render_releases_its_memory() -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ValueError, match="damaged"), budget.reserve(100):
        raise ValueError("damaged")
    with entered(budget, 100) as (inside, _):
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


def memory_of_four_renders(budget: int) -> int:
    command = [sys.executable, "-c", FOUR_AT_ONCE, str(budget)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="what a picture costs is measured by means of Linux")
def test_four_large_pictures_stay_within_the_budget() -> None:
    mib = 1024 * 1024
    # 30 megapixels in RGBA are 114 MiB decoded; with the memory that they need besides, two of them do not fit.
    assert memory_of_four_renders(250 * mib) < 250 * mib
    assert memory_of_four_renders(2000 * mib) > 250 * mib, "a larger budget lets them hold more"
