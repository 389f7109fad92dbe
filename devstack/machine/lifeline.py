"""Announces that a child process is ready, and ends it with its parent, however the parent ends."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread


def announce(**facts: str | int) -> None:
    """Print ``facts``, such as this process's address, to the parent as one line of JSON."""
    print(json.dumps(facts), flush=True)


def end_with_parent(*remove: Path, first: Callable[[], None] = lambda: None) -> None:
    """End this process when its standard input closes: call ``first``, and delete the files ``remove``.

    The parent holds the other end of the pipe and never writes. The operating system closes it even if the parent is
    killed, on Windows, macOS and Linux alike.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        first()
        for path in remove:
            path.unlink(missing_ok=True)
        os._exit(0)

    Thread(target=watch, name="lifeline", daemon=True).start()
