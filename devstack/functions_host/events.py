"""Writes the lines of JSON that a program of the host prints: events, and the worker's answers."""

import json
import sys
from threading import Lock
from typing import Any, TextIO

_LOCK = Lock()
_output: TextIO = sys.stdout


def emit(**event: Any) -> None:  # noqa: ANN401 - JSON
    """Print one event."""
    write(json.dumps(event, ensure_ascii=False))


def write(line: str) -> None:
    """Print a line as a whole."""
    with _LOCK:  # print() writes the line end separately, so other threads could interleave
        _output.write(f"{line}\n")
        _output.flush()


def take_over(output: TextIO) -> None:
    """Write to ``output`` from now on."""
    global _output  # noqa: PLW0603 - standard output belongs to the process, too
    _output = output
