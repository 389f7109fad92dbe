"""``bench telemetry`` compares two workers that handle the same pictures."""

from rich.console import Console

from devstack.benchmarks import telemetry
from tests.test_telemetry import ROWS_MAX


def test_both_workers_are_measured_and_one_sends_rows() -> None:
    cost = telemetry.measure(rounds=1, pictures=2)
    for spent in (cost.own, cost.all):
        assert spent.keys() == {telemetry.WITHOUT, telemetry.WITH}
        assert all(value > 0 for value in spent.values())
    assert 5 < cost.rows < ROWS_MAX
    console = Console(record=True, width=120)
    telemetry.print_cost(console, cost)
    assert "the whole process" in console.export_text()
