"""A simulated fleet does nearly all that Business Central allows, and congestion poisons nothing."""

from pathlib import Path

import pytest

from devstack.benchmarks import capacity, fleet
from devstack.benchmarks.fleet import Work
from devstack.benchmarks.virtual_time import VirtualClock


def test_the_earlier_rules_collapsed() -> None:
    """40 × 2 slots make a line of 32 s, a read gives up after 30 s: BC works for callers who have gone."""
    latency, uploads = capacity.COLLAPSE
    result = capacity.simulate(latency, rules=fleet.BEFORE, uploads=uploads).result
    assert len(result.done_at) + len(result.poisoned) == uploads
    assert len(result.done_at) < 0.1 * uploads
    assert result.given_up > 5 * uploads


@pytest.mark.parametrize("latency", capacity.LATENCIES)
def test_congestion_poisons_nothing_and_costs_little(latency: float) -> None:
    case = capacity.simulate(latency)
    assert case.result.poisoned == set()
    assert (case.result.failed, case.result.given_up) == (0, 0)
    assert len(case.result.done_at) == case.result.uploads
    assert case.share >= 0.9


@pytest.mark.parametrize(
    "work", [Work(requests=1), Work(render=0.4), Work(storage=1.5)], ids=["by id", "large", "far from storage"]
)
def test_other_pictures_fare_as_well(work: Work) -> None:
    case = capacity.simulate(0.1, work=work)
    assert case.result.poisoned == set()
    assert case.share >= 0.9


def test_the_plot_shows_every_latency(tmp_path: Path) -> None:
    rows = [capacity.simulate(latency, uploads=100) for latency in (2.0, 8.0)]
    capacity.draw(tmp_path / "plot.svg", rows)
    plot = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert plot.count("<circle") == 2
    assert ">2</text>" in plot
    assert ">8</text>" in plot


def test_virtual_time_keeps_the_order_of_events() -> None:
    clock, seen = VirtualClock(), []

    def sleeper(name: str, seconds: float) -> None:
        for _ in range(3):
            clock.sleep(seconds)
            seen.append((name, clock()))

    clock.start(lambda: sleeper("slow", 10))
    clock.start(lambda: sleeper("fast", 4))
    clock.run()
    assert seen == [("fast", 4), ("fast", 8), ("slow", 10), ("fast", 12), ("slow", 20), ("slow", 30)]


def test_a_failure_ends_the_simulation() -> None:
    clock = VirtualClock()
    clock.start(lambda: clock.sleep(10**9))
    clock.start(lambda: clock.sleep(int("x")))
    with pytest.raises(ValueError, match="invalid literal"):
        clock.run()
