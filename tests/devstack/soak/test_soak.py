"""Five hundred uploads under every trouble at once: none lost, stale, in two places, wrongly refused or written twice.

It takes two minutes, and a machine that does nothing else. ``python3 dev.py bench soak`` runs the same with any number
and any seed.
"""

import sys

import pytest
from rich.console import Console

from devstack.benchmarks.soak import run, tables


@pytest.mark.long
def test_every_promise_holds_under_all_trouble() -> None:
    soak = run.run(500, seed=1)
    tables.show(Console(file=sys.stdout, width=120), soak)  # pytest shows it if the test fails, or with -s
    assert soak.rested_after is not None
    assert (soak.verdict.findings, soak.bugs) == ([], [])
    assert len(soak.ledger.sent) > 480
    assert soak.verdict.writes > 200
    assert {incident.kind.name for incident in soak.evidence.incidents} == {"KILLED", "WORKER_KILLED", "FROZEN"}
