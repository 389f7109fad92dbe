"""What an upload waits because BC refuses requests as too many is throttling; an outage or a busy machine is not."""

from itertools import count

import pytest

from shared.business_central import usage
from shared.business_central.retries import Throttle
from shared.errors import Transient, Waiting
from tests.business_central.misbehaving_server import Answer, client, document, serving
from tests.support.local_stack import ManualClock


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


def test_a_pause_after_a_limit_is_throttling() -> None:
    throttle, slept = throttle_on_a_busy_machine()
    throttle.pause_for(7, after_limit=True)
    with usage.counted() as used:
        throttle.wait(20)
    assert used.throttled_s == pytest.approx(sum(slept), abs=0.1)
    assert sum(slept) == pytest.approx(7, abs=0.1)


def test_of_an_outage_and_a_limit_only_the_limit_counts() -> None:
    throttle, slept = throttle_on_a_busy_machine()
    throttle.pause_for(7)
    throttle.pause_for(3, after_limit=True)
    with usage.counted() as used:
        throttle.wait(20)
    assert sum(slept) == pytest.approx(7, abs=0.1)
    assert used.throttled_s == pytest.approx(3, abs=0.1)


def unavailable(_path: str) -> Answer:
    return 503, {}, b""


def test_waiting_in_an_outage_is_not_throttling() -> None:
    clock = ManualClock()
    with serving(unavailable) as server, usage.counted() as used, pytest.raises(Transient):
        client(server, clock).company("CRONUS", "x")
    assert used.requests == len(server.seen) == 6
    assert sum(clock.slept) > 15
    assert used.throttled_s == 0


def test_waiting_without_a_connection_is_not_throttling() -> None:
    with serving(unavailable) as stopped:
        pass
    clock = ManualClock()
    with usage.counted() as used, pytest.raises(Transient):
        client(stopped, clock).company("CRONUS", "x")
    assert sum(clock.slept) > 15
    assert used.throttled_s == 0


@pytest.mark.parametrize(("headers", "waits"), [({"Retry-After": "4"}, 4), ({}, 1)], ids=["told how long", "not told"])
def test_waiting_after_a_429_is_throttling(headers: dict[str, str], waits: float) -> None:
    clock, refusals = ManualClock(), [(429, headers, b"")]
    with (
        serving(lambda _path: refusals.pop() if refusals else document({"value": []})) as server,
        usage.counted() as used,
        pytest.raises(Waiting),
    ):
        client(server, clock).company("CRONUS", "x")
    assert used.requests == 2
    assert used.throttled_s == sum(clock.slept) == waits
