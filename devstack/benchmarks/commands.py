"""``dev.py bench``: the benchmarks as commands."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads the signatures when it runs
from typing import Annotated, Any

import typer
from rich.console import Console

from devstack.benchmarks import chart, imports, renderers, results, tables
from devstack.benchmarks.comparison import Comparison
from devstack.machine import setup

# What somebody may want to try, also where a renderer refuses it.
SUFFIXES = (*(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif", ".jp2", ".heic", ".heif"),)
CHART = setup.LOCAL / "bench-render.html"

app = typer.Typer(help="Measure: rendering a picture, importing the app; without a name, both.")
console = Console()


@app.callback(invoke_without_command=True)
def every(context: typer.Context) -> None:
    """Measure rendering and importing; without a name, both."""
    if context.invoked_subcommand is None:
        import_command()
        render_command()


@app.command("import")
def import_command() -> None:
    """Measure what importing the function app costs, against its packages alone."""
    imports.measure(console)


@app.command("render")
def render_command(
    photos: Annotated[
        Path | None,
        typer.Option(help="A folder whose photographs to take instead.", exists=True, file_okay=False),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write what was found, as JSON.", dir_okay=False)] = None,
    threads: Annotated[
        int | None, typer.Option(help="Also the throughput of one process with so many threads.", min=1)
    ] = None,
    memory: Annotated[  # noqa: FBT002 - typer's way
        bool, typer.Option("--memory", help="Also the memory for pictures of 50 and 100 megapixels.")
    ] = False,
) -> None:
    """Measure our rendering against the usual sample code, libvips and sharp, on the same bytes in the same run."""
    if report and not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"{report.parent} is no folder.", param_hint="--report")
    sources = _sources(photos)
    found = _compared(sources)
    tables.print_comparison(console, found)
    told = results.report(found)
    if threads:
        told["throughput"] = _throughput(sources, threads)
    if memory:
        told["memory"] = _memory()
    if report:
        report.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    chart.write(CHART, found, title=f"Rendering: {photos.resolve().name if photos else 'photographs made in code'}")
    console.print(f"The chart: {CHART}", soft_wrap=True)


def _sources(photos: Path | None) -> list[Path]:
    from devstack.benchmarks import photographs  # noqa: PLC0415 - only this benchmark has its packages

    with console.status("Making photographs, once"):
        folder = photos or photographs.folder()
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise SystemExit(f"{folder} holds no pictures ({', '.join(SUFFIXES)}).")
    return found


def _compared(sources: list[Path]) -> list[results.Picture]:
    from devstack.benchmarks.likeness import Reference  # noqa: PLC0415 - only this benchmark has its packages

    modules = setup.sharp(console.print)
    started_by = renderers.commands()
    with (
        renderers.running(started_by, modules, one_core=True) as running,
        console.status("Starting") as status,
    ):
        comparison = Comparison(started_by, running, Reference, modules)
        pictures = []
        for number, source in enumerate(sources, 1):
            status.update(f"{number} of {len(sources)}: {source.name}")
            pictures.append(comparison.of(source))
    return pictures


def _throughput(sources: list[Path], threads: int) -> dict[str, Any]:
    from devstack.benchmarks import throughput  # noqa: PLC0415 - seldom asked for

    with console.status(f"One process with {threads} threads"):
        found = throughput.measure(sources, threads)
    tables.print_throughput(console, found)
    return {**asdict(found), "gain": found.gain}


def _memory() -> list[dict[str, Any]]:
    from devstack.benchmarks import memory  # noqa: PLC0415 - only this benchmark has its packages

    with console.status("Large pictures; making them takes a minute, once"):
        cases = list(memory.measure())
    tables.print_memory(console, cases)
    return [asdict(case) for case in cases]
