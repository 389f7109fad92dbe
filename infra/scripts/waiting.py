"""Looks at one thing again and again, until it is there or the time is over."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_MOST_SECONDS = 3600


@dataclass(frozen=True)
class Patience:
    """How long to wait in all for one thing, and between two looks; in seconds."""

    longest: float
    pause: float

    def looks(self) -> Iterator[int]:
        """Yield the number of each look, with a pause between two, until the longest time is over."""
        started, number = time.monotonic(), 0
        while number == 0 or time.monotonic() - started < self.longest:
            number += 1
            yield number
            time.sleep(self.pause)


def add_options(parser: argparse.ArgumentParser, longest: float, pause: float) -> None:
    """Let whoever runs the script choose both times; these are the usual ones."""
    parser.add_argument(
        "--longest", type=_seconds, default=longest, help="seconds to wait for one thing at most (%(default)s)"
    )
    parser.add_argument("--pause", type=_seconds, default=pause, help="seconds between two looks (%(default)s)")


def _seconds(text: str) -> float:
    """Return a time that ends: whoever calls the script in a pipeline must not pay for a wait without an end."""
    seconds = float(text)
    if not 0 < seconds <= _MOST_SECONDS:  # nor is it "inf" or "nan"
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_SECONDS} seconds")
    return seconds


def changes() -> Callable[[str], None]:
    """Return a function that prints a text unless it was the last one."""
    last = ""

    def tell(text: str) -> None:
        nonlocal last
        if text != last:
            print(text, flush=True)
        last = text

    return tell
