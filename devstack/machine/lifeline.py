"""A child process that says when it is ready and ends when its parent does, however that ended."""

import json
import os
import sys
from pathlib import Path
from threading import Thread


def announce(**facts: str | int) -> None:
    """Tell the parent, as one line of JSON on standard output, where this process can be reached."""
    print(json.dumps(facts), flush=True)


def end_with_parent(*remove: Path) -> None:
    """End this process when its standard input ends; ``remove`` are files that must not outlive it.

    The parent holds the other end of the pipe and never writes: the operating system closes it even when the
    parent is killed, on Windows, macOS and Linux alike.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        for path in remove:
            path.unlink(missing_ok=True)
        os._exit(0)

    Thread(target=watch, name="lifeline", daemon=True).start()
