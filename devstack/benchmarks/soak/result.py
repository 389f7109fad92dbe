"""Describes a soak that has ended. Pure."""

from dataclasses import dataclass

from devstack.benchmarks.soak.audit import Verdict
from devstack.benchmarks.soak.evidence import Evidence
from devstack.benchmarks.soak.ledger import Ledger


@dataclass(frozen=True)
class Soak:
    """Holds what a soak was and what came of it; ``rested_after`` is None if it never came to rest.

    ``outcomes`` counts the app's log lines by event, outcome and reason. ``bugs`` are the lines of failures that the
    app did not foresee.
    """

    ledger: Ledger
    evidence: Evidence
    verdict: Verdict
    seconds: float
    rested_after: float | None
    outcomes: dict[str, int]
    bugs: list[str]

    @property
    def passed(self) -> bool:
        """Whether everything came to rest, every promise was kept, and every failure had a reason."""
        return self.rested_after is not None and not self.verdict.findings and not self.bugs
