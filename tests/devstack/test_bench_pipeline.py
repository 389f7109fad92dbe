"""The throughput benchmark drops real uploads on the whole stack and compares with what BC and the slots allow."""

import pytest

from devstack.benchmarks import pipeline


@pytest.mark.long
def test_the_pipeline_benchmark_measures_the_whole_app() -> None:
    run = pipeline.measure(uploads=20, hosts=1)
    assert run.outcomes == {"updated": 20}
    assert run.requests == 2
    assert run.bounds["BC's five at a time"] == pytest.approx(5 / (2 * pipeline.LATENCY))
    assert run.unloaded > 2 * pipeline.LATENCY
    assert 0 < run.share < 1.05


def test_the_rate_leaves_out_the_first_and_the_last_tenth() -> None:
    run = pipeline.Run(1, 100, 4, done_at=[0.0, *(50 + number / 10 for number in range(98)), 900.0])
    assert run.rate == pytest.approx(10)


def test_enough_hosts_for_eight_slots() -> None:
    assert pipeline.hosts_for(8) * 4 == 8
