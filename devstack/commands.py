"""Defines the commands of ``dev.py``; runs inside its environment."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import requests
import typer
from rich.console import Console
from rich.markup import escape

from devstack import demo, stack
from devstack.benchmarks import commands as benchmarks
from devstack.machine import lifeline
from devstack.machine.children import ChildFailedError
from devstack.machine.setup import LOCAL, ROOT

ENDPOINTS = LOCAL / "endpoints.json"
_OWN_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class Host(StrEnum):
    """The program that runs the app."""

    LOCAL = "local"
    FUNC = "func"


_HOSTS = {Host.LOCAL: "devstack.host", Host.FUNC: "devstack.core_tools"}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(benchmarks.app, name="bench")
console = Console()


@app.command("demo")
def demo_command(
    photos: Annotated[
        Path | None,
        typer.Option(help="Use the photographs in this folder instead.", exists=True, file_okay=False),
    ] = None,
    keyless: Annotated[bool, typer.Option("--keyless", help="Open storage by identity too, without any key.")] = False,  # noqa: FBT002 - typer's way
    report: Annotated[
        Path | None, typer.Option(help="Write the results to this file, as JSON.", dir_okay=False)
    ] = None,
) -> None:
    """Put sample photographs on items and show each result."""
    if report and not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"{report.parent} is not a folder.", param_hint="--report")
    as_expected = demo.run(console, photos=photos, keyless=keyless, report=report, sheet=LOCAL / "contact-sheet.html")
    raise typer.Exit(0 if as_expected else 1)


@app.command()
def up(
    sweep_interval: Annotated[float, typer.Option(help="Seconds before a waiting upload is retried.")] = 300,
    host: Annotated[
        Host,
        typer.Option(
            help="Run the app in the stand-in (local) or in Azure Functions Core Tools (func), "
            "which is untried with the real tools."
        ),
    ] = Host.LOCAL,
) -> None:
    """Run the local stack until Ctrl-C; .local/endpoints.json lists its addresses."""
    _refuse_second_stack()
    with console.status("Starting") as status:
        local_stack = stack.running(
            _print_event,
            sweep_interval=sweep_interval,
            host=_HOSTS[host],
            remove_at_end=ENDPOINTS,
            say=status.update,
        )
        with local_stack as running:
            try:
                running.endpoints.write(ENDPOINTS)
                status.stop()
                console.print(f"Catalogue page: {running.endpoints.catalogue_url}", soft_wrap=True)
                console.print(f"All endpoints:  {ENDPOINTS}", soft_wrap=True)
                console.print(
                    f"Upload pictures to the container {running.endpoints.incoming_container}; "
                    "press Ctrl-C to stop the stack.",
                    soft_wrap=True,
                )
                while True:
                    running.fail_if_ended()
                    time.sleep(0.5)
            except SystemExit as end:
                if end.code != 128 + signal.SIGINT:  # Ctrl-C is the normal end
                    raise
            finally:
                ENDPOINTS.unlink(missing_ok=True)


@app.command(context_settings=_OWN_OPTIONS)
def test(context: typer.Context) -> None:
    """Run the whole test suite; further arguments go to pytest."""
    import pytest  # noqa: PLC0415 - only this command has the packages of the tests

    os.chdir(ROOT)
    raise typer.Exit(pytest.main(context.args))


@app.command()
def check() -> None:
    """Check formatting, lint and types."""
    tools = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])
    failed = [tool for tool in tools if subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, check=False).returncode]
    for tool in failed:
        console.print(f"[red]Failed:[/] {' '.join(tool)}")
    raise typer.Exit(len(failed))


def _refuse_second_stack() -> None:
    """Stop if a stack is running already; remove the endpoints that a killed one left behind."""
    try:
        url = json.loads(ENDPOINTS.read_text(encoding="utf-8"))["catalogue_url"]
        stack.loopback_session().get(url, timeout=5)
    except FileNotFoundError:
        return
    except (requests.RequestException, ValueError, KeyError):
        ENDPOINTS.unlink(missing_ok=True)
        return
    raise SystemExit(f"A stack is already running; its catalogue page is {url}. Stop it first.")


def _print_event(line: str) -> None:
    """Print the outcome of an upload in one line."""
    event = json.loads(line)
    if event["event"] == "storage_request":
        return
    if event["event"] in ("host_said", "scan_failed"):
        console.print(escape(event["line"]), soft_wrap=True)
        return
    outcome = event.get("outcome") or event["event"].replace("_", " ")
    facts = [event.get("item_number"), event.get("reason"), event.get("detail") or event.get("error")]
    details = ": ".join(escape(str(fact)) for fact in facts if fact)
    console.print(f"{time.strftime('%H:%M:%S')} [bold]{outcome}[/] {escape(event['blob'])} {details}", soft_wrap=True)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave through every ``finally`` and ``with``, so that the stack ends in order."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command on the command line."""
    if os.environ.pop("ITEM_PICTURE_SYNC_LIFELINE", None):
        lifeline.end_with_parent()
    os.environ.update(NO_PROXY="*", no_proxy="*")  # every request stays on this machine
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no file name may stop a command
            stream.reconfigure(encoding="utf-8", errors="replace")
    # A shell without job control starts background programs with SIGINT ignored: always set both.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        app(prog_name="dev.py")
    except ChildFailedError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
