"""Defines ``dev.py bench soak``."""

import json
import random
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from devstack.benchmarks.soak import run, tables
from devstack.benchmarks.soak.mutants import MUTANTS
from devstack.benchmarks.soak.result import Soak

console = Console()
_FEW = 160  # uploads are enough to catch a mutant


def soak_command(
    uploads: Annotated[int | None, typer.Option(help="How many uploads (500; for a mutant 160).", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Repeat the soak of this seed; otherwise a new one.")] = None,
    mutant: Annotated[
        str | None, typer.Option(help=f"Take out one safeguard, and expect findings: {', '.join(MUTANTS)}.")
    ] = None,
    mutants: Annotated[bool, typer.Option("--mutants", help="Do that with each safeguard in turn.")] = False,  # noqa: FBT002 - typer's way
    report: Annotated[
        Path | None, typer.Option(help="Write the figures to this file, as JSON.", dir_okay=False)
    ] = None,
) -> None:
    """Upload under every kind of trouble at once, then audit what became of each upload."""
    if mutant and mutant not in MUTANTS:
        raise typer.BadParameter(f"{mutant} is not one of {', '.join(MUTANTS)}.", param_hint="--mutant")
    seed = random.randrange(1_000_000) if seed is None else seed  # noqa: S311 - chance for tests, not a secret
    if mutant or mutants:
        soaks = {name: _run(uploads or _FEW, seed, name) for name in ([mutant] if mutant else MUTANTS)}
        tables.show_mutants(console, soaks)
        raise typer.Exit(sum(soak.passed for soak in soaks.values()))
    soak = _run(uploads or 500, seed, None)
    tables.show(console, soak)
    if report:
        report.write_text(json.dumps(tables.report(soak), indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(0 if soak.passed else 1)


def _run(uploads: int, seed: int, mutant: str | None) -> Soak:
    with console.status("Starting") as status:
        return run.run(uploads, seed, mutant=mutant, say=status.update)
