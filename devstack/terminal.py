"""Shows text and progress on a terminal; without one, progress is a line now and then."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.storage.names import printable

SECONDS_BETWEEN_LINES = 5.0
_T = TypeVar("_T")


def console() -> Console:
    """Return a console for the commands: what looks like an emoji's name in a blob's name stays as it is."""
    return Console(emoji=False, highlight=False)


def visible(text: object) -> str:
    """Return ``text`` in one line, with control characters escaped. It may still contain markup."""
    return printable(str(text)).replace("\n", "\\n")


@contextmanager
def steps(target: Console) -> Iterator[Callable[[str], None]]:
    """Yield a function that says which step comes next."""
    if _is_live(target):
        with target.status("Starting") as status:
            yield lambda text: status.update(escape(text))
    else:
        yield lambda text: target.print(f"{text} …", markup=False, soft_wrap=True)


def counted(target: Console, description: str, things: Iterable[_T], total: int | None = None) -> Iterator[_T]:
    """Yield ``things`` and show how many there have been."""
    if _is_live(target):
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=target) as progress:
            yield from progress.track(things, total, description=description)
        return
    shown, count = time.monotonic(), 0
    for count, thing in enumerate(things, 1):
        yield thing
        if time.monotonic() >= shown + SECONDS_BETWEEN_LINES:
            shown = time.monotonic()
            target.print(f"{description}: {count}{f' of {total}' if total else ''} …", soft_wrap=True)
    target.print(f"{description}: {count}{f' of {total}' if total else ''}.", soft_wrap=True)


def _is_live(target: Console) -> bool:
    return target.is_terminal and not target.is_dumb_terminal
