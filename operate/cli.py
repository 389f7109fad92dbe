"""Defines the command ``item-pictures``: its options for all commands, and how it fails."""

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from operate.commands.backfill import backfill
from operate.commands.doctor import doctor
from operate.commands.export import export
from operate.commands.preview import preview
from operate.commands.replay import replay
from operate.commands.status import status
from operate.config import LOCAL_STACKS
from operate.errors import ExitCode, problem_of
from operate.output import Output, visible
from operate.pages import located
from operate.session import Session
from shared import __version__

CONFIG = "ITEM_PICTURES_CONFIG"
_MESSAGE_MAX = 2000  # characters
_FLAGS, _WITH_VALUE = ("--json", "--debug", "--no-color"), "--config"


class _Boundary(TyperGroup):
    """Ends a failing command with one line; with --debug, with the traceback before it."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override] # typer does not show its Click
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            _end_at_once(ExitCode.INTERRUPTED)
        except (typer.Exit, typer.Abort, TyperException):
            raise  # typer itself shows these
        except BrokenPipeError:  # of whoever read our output: "item-pictures … | head"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ExitCode.INCOMPLETE)
        except Exception as error:  # noqa: BLE001 - the boundary
            if ctx.params.get("debug"):
                traceback.print_exc()
            problem = problem_of(error)
            print(f"item-pictures: {_in_a_line(str(problem))}", file=sys.stderr)
            sys.exit(problem.code)


def _end_at_once(code: ExitCode) -> NoReturn:
    """Exit without waiting for threads, which may have long requests under way."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody may be reading any more
            stream.flush()
    os._exit(code)


def _in_a_line(message: str) -> str:
    """Return a message that steers no terminal, and is not longer than anybody reads: parts of it are foreign text."""
    shown = visible(located(message))
    return shown if len(shown) <= _MESSAGE_MAX else f"{shown[:_MESSAGE_MAX]} …"


def _print_version(*, wanted: bool) -> None:
    if wanted:
        print(f"item-pictures {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Boundary, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


@app.callback()
def options(
    context: typer.Context,
    config_path: Annotated[
        Path, typer.Option("--config", envvar=CONFIG, help="The file that says where everything is.")
    ] = LOCAL_STACKS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,  # noqa: FBT002 - typer's way
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001, FBT002 - the boundary reads it
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colour.")] = False,  # noqa: FBT002 - typer's way
    version: Annotated[  # noqa: ARG001, FBT002 - its callback does it
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Put thousands of pictures on items of Business Central, and see what became of them."""
    context.obj = Session(config_path, Output(as_json=as_json, colour=not no_color))


for command in (backfill, export, status, replay, preview, doctor):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command on the command line, and exit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell had it ignored
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no file name may stop a command
            stream.reconfigure(encoding="utf-8", errors="replace")
    app(globals_first(sys.argv[1:] if arguments is None else arguments), prog_name="item-pictures")


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Move the options of all commands to the front: they count wherever they stand before ``--``."""
    words, rest = list(arguments), []
    if "--" in words:
        words, rest = words[: words.index("--")], words[words.index("--") :]
    first: list[str] = []
    others: list[str] = []
    while words:
        word = words.pop(0)
        if word in _FLAGS or word.startswith(f"{_WITH_VALUE}="):
            first.append(word)
        elif word == _WITH_VALUE:
            first += [word, *words[:1]]
            words = words[1:]
        else:
            others.append(word)
    return [*first, *others, *rest]


if __name__ == "__main__":
    main()
