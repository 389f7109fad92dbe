"""Defines the commands of ``dev.py bench``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads the signatures when it runs
from typing import Annotated, Any

import typer
from rich.console import Console

from devstack.benchmarks import capacity, chart, imports, renderers, results, tables
from devstack.benchmarks.comparison import Comparison
from devstack.benchmarks.fleet import Work
from devstack.benchmarks.soak.commands import soak_command
from devstack.machine import setup

# Formats worth trying, even if a renderer refuses them.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif", ".jp2", ".heic", ".heif")
CHART = setup.LOCAL / "bench-render.html"
PLOT = setup.LOCAL / "bench-capacity.svg"

app = typer.Typer(help="Measure rendering and importing the app; without a command, both.")
app.command("soak")(soak_command)
console = Console()


@app.callback(invoke_without_command=True)
def every(context: typer.Context) -> None:
    """Measure rendering and importing the app; without a command, both."""
    if context.invoked_subcommand is None:
        import_command()
        render_command()


@app.command("import")
def import_command() -> None:
    """Measure the import of the function app against its packages alone."""
    imports.measure(console)


@app.command("sweep")
def sweep_command(
    uploads: Annotated[int, typer.Option(help="How many uploads wait for their items.", min=1)] = 100_000,
) -> None:
    """Measure sweeps over many waiting uploads: memory, requests, and when each has had its turn."""
    from devstack.benchmarks import sweep  # noqa: PLC0415 - only this benchmark needs the stack

    sweep.measure(console, uploads)


@app.command("backfill")
def backfill_command(
    files: Annotated[int, typer.Option(help="How many photographs there are.", min=1)] = 10_000,
    kills: Annotated[int, typer.Option(help="How often the command is ended by force.", min=0)] = 20,
    seed: Annotated[int, typer.Option(help="Choose other places to end it.")] = 1,
    hosts: Annotated[int, typer.Option(help="How many hosts run the app.", min=1)] = 1,
) -> None:
    """Put thousands of photographs on items, end the command by force again and again, and audit the result."""
    from devstack.benchmarks import backfill  # noqa: PLC0415 - only this benchmark needs the stack

    with console.status("Starting the stack") as status:
        audit = backfill.measure(files, kills, seed, hosts, status.update)
    backfill.print_audit(console, audit)


@app.command("telemetry")
def telemetry_command(
    rounds: Annotated[
        int, typer.Option(help="Rounds of 100 pictures for each worker, after one to warm up.", min=1)
    ] = 5,
) -> None:
    """Measure what telemetry adds to a picture's processor time, at 20 pictures a second."""
    from devstack.benchmarks import telemetry  # noqa: PLC0415 - only this benchmark needs the stack

    with console.status("Handling pictures with and without telemetry"):
        cost = telemetry.measure(rounds)
    telemetry.print_cost(console, cost)


@app.command("render")
def render_command(
    photos: Annotated[
        Path | None,
        typer.Option(help="Use the photographs in this folder instead.", exists=True, file_okay=False),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the results to this file, as JSON.", dir_okay=False)
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Also measure the throughput of one process with this many threads.", min=1)
    ] = None,
    memory: Annotated[  # noqa: FBT002 - typer's way
        bool, typer.Option("--memory", help="Also measure the memory for pictures of 50 and 100 megapixels.")
    ] = False,
) -> None:
    """Measure our rendering against typical sample code, libvips and sharp: same bytes, same run."""
    if report and not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"{report.parent} is not a folder.", param_hint="--report")
    sources = _sources(photos)
    pictures = _compare(sources)
    tables.print_comparison(console, pictures)
    content = results.report(pictures)
    if threads:
        content["throughput"] = _throughput(sources, threads)
    if memory:
        content["memory"] = _memory()
    if report:
        report.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    chart.write(CHART, pictures, title=f"Rendering: {photos.resolve().name if photos else 'photographs made in code'}")
    console.print(f"Chart: {CHART}", soft_wrap=True)


@app.command("capacity")
def capacity_command(
    requests: Annotated[int, typer.Option(help="Requests to BC for a picture: 2 by number, 1 by id.", min=1)] = 2,
    render: Annotated[float, typer.Option(help="Seconds of an instance's processor for a picture.", min=0.001)] = 0.1,
    plot: Annotated[Path, typer.Option(help="Draw the result into this file, as SVG.", dir_okay=False)] = PLOT,
) -> None:
    """Simulate what one identity can do at several latencies of BC, and what limits it."""
    with console.status("Simulating the fleet"):
        cases = list(capacity.cases(Work(render=render, requests=requests)))
    capacity.print_cases(console, cases)
    capacity.print_collapse(console)
    capacity.draw(plot, cases)
    console.print(f"Plot: {plot}", soft_wrap=True)


@app.command("pipeline")
def pipeline_command(
    uploads: Annotated[list[int] | None, typer.Option(help="Drop so many at once; again for further runs.")] = None,
    hosts: Annotated[list[int] | None, typer.Option(help="Run so many hosts; again for further runs.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the results to this file, as JSON.", dir_okay=False)
    ] = None,
) -> None:
    """Measure the whole app's pictures per second against a BC of 300 ms per request and five at a time."""
    from devstack.benchmarks import pipeline  # noqa: PLC0415 - only this benchmark needs the stack

    runs = []
    for number in uploads or (100, 1000):
        for several in hosts or (1, pipeline.hosts_for()):
            with console.status(f"{number:,} uploads, {several} hosts"):
                runs.append(pipeline.measure(number, several))
            pipeline.print_runs(console, runs[-1:])
    pipeline.print_runs(console, runs)
    if report:
        rows = [{**asdict(run), "rate": run.rate, "bounds": run.bounds, "share": run.share} for run in runs]
        report.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _sources(photos: Path | None) -> list[Path]:
    from devstack.benchmarks import photographs  # noqa: PLC0415 - only this benchmark has its packages

    with console.status("Creating photographs, once"):
        folder = photos or photographs.folder()
    sources = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not sources:
        raise SystemExit(f"{folder} contains no pictures ({', '.join(SUFFIXES)}).")
    return sources


def _compare(sources: list[Path]) -> list[results.Picture]:
    from devstack.benchmarks.likeness import Reference  # noqa: PLC0415 - only this benchmark has its packages

    modules = setup.sharp(console.print)
    commands = renderers.commands()
    with (
        renderers.running(commands, modules, one_core=True) as running,
        console.status("Starting") as status,
    ):
        comparison = Comparison(commands, running, Reference, modules)
        pictures = []
        for number, source in enumerate(sources, 1):
            status.update(f"{number} of {len(sources)}: {source.name}")
            pictures.append(comparison.compare(source))
    return pictures


def _throughput(sources: list[Path], threads: int) -> dict[str, Any]:
    from devstack.benchmarks import throughput  # noqa: PLC0415 - rarely used

    with console.status(f"One process with {threads} threads"):
        result = throughput.measure(sources, threads)
    tables.print_throughput(console, result)
    return {**asdict(result), "gain": result.gain}


def _memory() -> list[dict[str, Any]]:
    from devstack.benchmarks import memory  # noqa: PLC0415 - only this benchmark has its packages

    with console.status("Large pictures; creating them takes a minute, once"):
        cases = list(memory.measure())
    tables.print_memory(console, cases)
    return [asdict(case) for case in cases]
