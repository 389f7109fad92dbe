"""What an upload waited for its turn counts as waiting; what a busy machine takes meanwhile does not."""

from itertools import count

import pytest

from shared.business_central import usage
from shared.business_central.retries import Throttle


def throttle_on_a_busy_machine() -> tuple[Throttle, list[float]]:
    """Return a throttle for which time passes between any two of its looks at the clock, and what it slept."""
    slept: list[float] = []
    looks = count()
    return Throttle(slept.append, lambda: next(looks) * 0.01 + sum(slept), lambda: 0.0), slept


def test_a_turn_at_once_is_no_wait() -> None:
    throttle, slept = throttle_on_a_busy_machine()
    with usage.counted() as used:
        throttle.wait(20)
        assert throttle.wait_turn(20)
    assert (slept, used.throttled_s) == ([], 0)


def test_a_pause_is_a_wait() -> None:
    throttle, slept = throttle_on_a_busy_machine()
    throttle.pause_for(7)
    with usage.counted() as used:
        throttle.wait(20)
    assert used.throttled_s == pytest.approx(sum(slept), abs=0.1)
    assert sum(slept) == pytest.approx(7, abs=0.1)
