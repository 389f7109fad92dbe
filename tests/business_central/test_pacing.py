"""After refusals that name no time, processes find a pace that Business Central accepts, without failing uploads."""

import pytest

from devstack.benchmarks.fleet import REQUESTS, WINDOW, Fleet, Result, Rules, Work
from shared.business_central.retries import PACE_MAX, PACE_MIN, WAIT_TOTAL, Throttle
from shared.item_record import BEGIN_WITHIN
from tests.support.local_stack import ManualClock

FAST = Work(render=0.02, storage=0.05, way=0.01)  # so that BC's limit is the only one
LIMIT = REQUESTS / WINDOW  # 20 requests a second


def rate(throttle: Throttle, clock: ManualClock, requests: int = 20) -> float:
    """Return the requests per second at which the throttle lets a process begin."""
    for _ in range(3):  # the first ones use up what an idle process may catch up with
        throttle.wait(WAIT_TOTAL)
    started = clock.now
    for _ in range(requests):
        throttle.wait(WAIT_TOTAL)
    return requests / (clock.now - started)


def refuse(throttle: Throttle, clock: ManualClock) -> None:
    """Refuse a request that begins now, long after the last refusal."""
    clock.now += 60
    throttle.refused(clock.now)
    clock.now += 60


def test_nobody_is_paced_before_a_refusal() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    assert [throttle.wait(WAIT_TOTAL) for _ in range(100)] == [0.0] * 100
    assert throttle.wait_turn(0)


def test_the_pace_halves_at_each_refusal_and_recovers() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    refuse(throttle, clock)
    assert rate(throttle, clock) == pytest.approx(PACE_MAX)
    refuse(throttle, clock)
    assert rate(throttle, clock) == pytest.approx(PACE_MAX / 2 * 2 ** (60 / 200), rel=0.02)
    clock.now += 600
    assert rate(throttle, clock) == pytest.approx(PACE_MAX)
    clock.now += 10**9
    assert rate(throttle, clock) == pytest.approx(PACE_MAX)


def test_the_pace_has_a_floor_that_does_not_starve_claims() -> None:
    """All requests of a process's slots, four of the trigger and four of the sweep, get their turns in time."""
    clock = ManualClock()
    throttle = clock.throttle()
    for _ in range(20):
        refuse(throttle, clock)
    clock.now -= 60
    assert rate(throttle, clock, 8) >= PACE_MIN
    assert 8 / PACE_MIN < WAIT_TOTAL < BEGIN_WITHIN


def test_requests_refused_together_count_once() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    clock.now = 10.0
    for _ in range(4):
        throttle.refused(began=9.5)
    assert not throttle.wait_turn(0)
    assert throttle.wait(WAIT_TOTAL) == 1.0
    assert rate(throttle, clock) == pytest.approx(PACE_MAX)


def test_pauses_grow_while_refusals_follow_each_other() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    pauses = []
    for _ in range(7):
        clock.now += 0.1
        throttle.refused(clock.now)
        assert throttle.wait_turn(WAIT_TOTAL)
        pauses.append(round(clock.slept[-1]))
    assert pauses == [1, 2, 4, 8, 16, 16, 16]


def test_waiting_for_a_turn_takes_none() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    refuse(throttle, clock)
    assert all(throttle.wait_turn(0) for _ in range(5))
    assert throttle.wait(WAIT_TOTAL) == 0.0


def test_waiting_for_a_turn_is_bounded() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    throttle.pause_for(3600)
    assert not throttle.wait_turn(7)
    assert clock.now == 7.0


def per_window(result: Result, requests: int) -> list[float]:
    """Return the accepted requests per second in each of BC's windows but the last."""
    windows = [0] * (int(result.done_at[-1] // WINDOW) + 1)
    for at in result.done_at:
        windows[int(at // WINDOW)] += requests
    return [count / WINDOW for count in windows[:-1]]


@pytest.mark.parametrize(("processes", "least", "refusals"), [(1, 0.85, 0.002), (5, 0.95, 0.03)])
def test_processes_settle_near_bcs_limit(processes: int, least: float, refusals: float) -> None:
    """They do not know of each other; 2 % of the requests of five are refused, and no delivery fails."""
    result = Fleet(Rules(instances=processes, sweep_slots=0), FAST, latency=0.05, uploads=20_000).run()
    rates = per_window(result, FAST.requests)
    assert len(rates) >= 6
    assert min(rates[1:]) > least * LIMIT
    assert max(rates) < 1.01 * LIMIT
    assert result.refused < refusals * 2 * result.uploads
    assert (result.failed, result.poisoned) == (0, set())


@pytest.mark.parametrize("requests", [1, 2])
def test_no_claimed_upload_waits_long_for_the_pace(requests: int) -> None:
    """By id a picture costs a single request, its PATCH, so nothing but a claimed upload finds the refusal out."""
    work = Work(render=0.02, storage=0.05, way=0.01, requests=requests)
    result = Fleet(Rules(), work, latency=0.02, uploads=12_000).run()
    assert result.refused > 0
    assert result.longest_wait < BEGIN_WITHIN
    assert (result.failed, result.poisoned) == (0, set())
