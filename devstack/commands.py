"""The commands of ``dev.py``, once its environment is there."""

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
    """What can run the app."""

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
        typer.Option(help="A folder whose photographs to take instead.", exists=True, file_okay=False),
    ] = None,
    keyless: Annotated[bool, typer.Option("--keyless", help="Open storage by identity as well.")] = False,  # noqa: FBT002 - typer's way
    report: Annotated[Path | None, typer.Option(help="Where to write what happened, as JSON.", dir_okay=False)] = None,
) -> None:
    """Run the main job on sample photographs, and show what came of each."""
    if report and not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"{report.parent} is no folder.", param_hint="--report")
    as_expected = demo.run(console, photos=photos, keyless=keyless, report=report, sheet=LOCAL / "contact-sheet.html")
    raise typer.Exit(0 if as_expected else 1)


@app.command()
def up(
    sweep_interval: Annotated[float, typer.Option(help="Seconds until an upload that waits is taken up again.")] = 300,
    host: Annotated[
        Host, typer.Option(help="Who runs the app: the stand-in, or Azure Functions Core Tools if installed.")
    ] = Host.LOCAL,
) -> None:
    """Run the same stack until Ctrl-C; .local/endpoints.json says where everything is."""
    _refuse_a_second_one()
    with console.status("Starting") as status:
        running = stack.running(
            _tell,
            sweep_interval=sweep_interval,
            host=_HOSTS[host],
            remove_at_end=ENDPOINTS,
            say=status.update,
        )
        with running as made:
            try:
                made.endpoints.write(ENDPOINTS)
                status.stop()
                console.print(f"The catalogue:   {made.endpoints.catalogue_url}", soft_wrap=True)
                console.print(f"Everything else: {ENDPOINTS}", soft_wrap=True)
                console.print("Upload pictures to the incoming container; Ctrl-C ends the stack.")
                while True:
                    made.fail_if_ended()
                    time.sleep(0.5)
            except SystemExit as end:
                if end.code != 128 + signal.SIGINT:  # Ctrl-C is how it is meant to end
                    raise
            finally:
                ENDPOINTS.unlink(missing_ok=True)


@app.command(context_settings=_OWN_OPTIONS)
def test(context: typer.Context) -> None:
    """Run the whole test suite; what follows is passed on to pytest."""
    import pytest  # noqa: PLC0415 - the other commands do without the packages of the tests

    os.chdir(ROOT)
    raise typer.Exit(pytest.main(context.args))


@app.command()
def check() -> None:
    """Check format, lint and types."""
    tools = (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"])
    failed = [tool for tool in tools if subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, check=False).returncode]
    for tool in failed:
        console.print(f"[red]Failed:[/] {' '.join(tool)}")
    raise typer.Exit(len(failed))


def _refuse_a_second_one() -> None:
    """Stop if a stack is up already; what a killed one left behind is removed."""
    try:
        url = json.loads(ENDPOINTS.read_text(encoding="utf-8"))["catalogue_url"]
        stack.loopback_session().get(url, timeout=5)
    except FileNotFoundError:
        return
    except (requests.RequestException, ValueError, KeyError):
        ENDPOINTS.unlink(missing_ok=True)
        return
    raise SystemExit(f"A stack is up already, with its catalogue at {url}. End that one first.")


def _tell(line: str) -> None:
    """Say in one line what came of an upload."""
    event = json.loads(line)
    if event["event"] == "storage_request":
        return
    if event["event"] in ("host_said", "scan_failed"):
        console.print(escape(event["line"]), soft_wrap=True)
        return
    outcome = event.get("outcome") or event["event"].replace("_", " ")
    rest = [event.get("item_number"), event.get("reason"), event.get("detail") or event.get("error")]
    told = ": ".join(escape(str(part)) for part in rest if part)
    console.print(f"{time.strftime('%H:%M:%S')} [bold]{outcome}[/] {escape(event['blob'])} {told}", soft_wrap=True)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by way of every ``finally`` and ``with``: the stack ends in order."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command on the command line."""
    if os.environ.pop("ITEM_PICTURE_SYNC_LIFELINE", None):
        lifeline.end_with_parent()
    os.environ.update(NO_PROXY="*", no_proxy="*")  # everything that is asked for is on this machine
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no name of a file may stop a command
            stream.reconfigure(encoding="utf-8", errors="replace")
    # A shell without job control starts background programs with SIGINT ignored: both are set, always.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        app(prog_name="dev.py")
    except ChildFailedError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
