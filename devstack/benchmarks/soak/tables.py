"""Prints what a soak was, its verdict, and which mutant was caught by which finding."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from devstack.benchmarks.soak.findings import Promise
from devstack.benchmarks.soak.mutants import MUTANTS
from devstack.benchmarks.soak.result import Soak

_SHOWN = 20  # findings


def report(soak: Soak) -> dict[str, Any]:
    """Return the figures of a soak, as JSON."""
    verdict, found = soak.verdict, soak.evidence
    return {
        "uploads": len(soak.ledger.sent),
        "items": len(soak.ledger.plan.items),
        "seed": soak.ledger.plan.seed,
        "seconds": round(soak.seconds, 1),
        "rested_after": soak.rested_after and round(soak.rested_after, 1),
        "findings": [str(finding) for finding in verdict.findings],
        "writes": verdict.writes,
        "repeated_writes": [str(write) for write in verdict.repeated],
        "overwritten_while_waiting": sum(sent.replaced_by is not None for sent in soak.ledger.sent),
        "business_central_answers": dict(Counter(str(request["status"]) for request in found.requests)),
        "storage_faults": dict(Counter(str(fault["fault"]) for fault in found.storage_faults)),
        "incidents": dict(Counter(incident.kind.value for incident in found.incidents)),
        "log_lines": soak.outcomes,
        "not_foreseen": soak.bugs,
    }


def show(console: Console, soak: Soak) -> None:
    """Print the figures, each promise with its findings, and each cause of repeated writes."""
    figures = report(soak)
    rest = f"at rest {figures['rested_after']} s after the last trouble" if soak.rested_after else "never at rest"
    what = f"{figures['uploads']} uploads on {figures['items']} items (seed {figures['seed']})"
    console.print(f"{what}, {soak.seconds:.0f} s, {rest}.")
    for title in ("business_central_answers", "storage_faults", "incidents"):
        words = ", ".join(f"{count} × {name}" for name, count in sorted(figures[title].items()))
        console.print(f"{title.replace('_', ' ').capitalize()}: {words}", markup=False)
    table = Table("promise broken", "findings")
    for promise in Promise:
        table.add_row(promise, str(soak.verdict.count(promise)))
    console.print(table)
    for finding in soak.verdict.findings[:_SHOWN]:
        console.print(str(finding), markup=False, soft_wrap=True)
    for line in soak.bugs[:_SHOWN]:
        console.print(f"Not foreseen: {line}", markup=False, soft_wrap=True)
    causes = Counter(write.cause or "no cause" for write in soak.verdict.repeated)
    table = Table(f"written again ({len(soak.verdict.repeated)} of {soak.verdict.writes} writes), because", "times")
    for cause, count in causes.most_common():
        table.add_row(cause, str(count))
    console.print(table)


def show_mutants(console: Console, soaks: Mapping[str, Soak]) -> None:
    """Print which findings caught each mutant."""
    table = Table("mutant", "what it does wrong", "caught by")
    for name, soak in soaks.items():
        table.add_row(name, MUTANTS[name].what, "\n".join(caught_by(soak)) or "nothing")
    console.print(table)


def caught_by(soak: Soak) -> list[str]:
    """Return the kinds of findings in a soak, with their numbers."""
    counts = Counter(finding.promise for finding in soak.verdict.findings)
    return [f"{count} × {promise}" for promise, count in counts.most_common()]
