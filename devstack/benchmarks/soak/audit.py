"""Judges a soak: compares the ledger with the evidence, promise by promise. Pure, and shares no code with the app.

Every finding names the promise that it breaks. Repeated writes that a lost answer explains are listed, not held against
the app.
"""

from dataclasses import dataclass, field

from devstack.benchmarks.soak import audit_pictures, audit_places, audit_writes
from devstack.benchmarks.soak.evidence import Evidence
from devstack.benchmarks.soak.findings import Finding, Promise, RepeatedWrite
from devstack.benchmarks.soak.ledger import Ledger


@dataclass(frozen=True)
class Verdict:
    """Holds the findings, none if all promises were kept, and the writes that were repeated, each with its cause."""

    findings: list[Finding]
    repeated: list[RepeatedWrite] = field(default_factory=list)
    writes: int = 0

    def count(self, promise: Promise) -> int:
        """Return how many findings break this promise."""
        return sum(finding.promise is promise for finding in self.findings)


def judge(ledger: Ledger, evidence: Evidence) -> Verdict:
    """Return the verdict on a stack at rest."""
    repeated = audit_writes.repeated(ledger, evidence)
    findings = [
        *audit_places.findings(ledger, evidence),
        *audit_pictures.findings(ledger, evidence),
        *audit_writes.findings(ledger, evidence, repeated),
    ]
    writes = sum(write.request_id is not None for writes in evidence.writes.values() for write in writes)
    return Verdict(findings, repeated, writes)
