"""A child that renders as the app's does, but dies of files that say how; a program."""

import os
import signal
import sys
import time
from pathlib import Path

from shared.pictures.render import Picture
from shared.render_child import main
from shared.rendering import Render

MARK = b"dies of "
ALWAYS = "--always"  # the option with which the child dies of every picture
DAMAGE = b"damages "


def dies_of(how: str) -> bytes:
    """Return a file that makes the child die: of a signal, of ``spinning`` or ``greed``; or that makes it misbehave."""
    return MARK + how.encode()


def damages(children: int, meeting: Path) -> bytes:
    """Return a file that is refused, and of which a child dies at every later picture.

    It ends when it has damaged so many ``children``, which meet in this folder: each needs one of its own.
    """
    return DAMAGE + f"{children} {meeting}".encode()


def _dying(render: Render) -> Render:
    def rendered(content: bytes) -> Picture:
        if ALWAYS in sys.argv or _damaged:
            _die("SIGSEGV")
        if content.startswith(DAMAGE):
            _damaged.append(content)
            _meet(*content[len(DAMAGE) :].decode().split(" ", 1))
        if content.startswith(MARK):
            _die(content[len(MARK) :].decode())
        return render(content)

    return rendered


_damaged: list[bytes] = []  # by whichever render: one beside others, or one alone


def _meet(children: str, folder: str) -> None:
    meeting = Path(folder)
    (meeting / str(os.getpid())).touch()
    while len(list(meeting.iterdir())) < int(children):
        time.sleep(0.01)


def _die(how: str) -> None:
    match how:
        case "spinning":
            while True:
                pass
        case "sleeping":
            time.sleep(3600)
        case "greed":
            raise SystemExit(len(bytearray(4 * 1024**3)))
        case "exit":
            os._exit(3)
        case "noise":
            sys.stdout.write("noise" * 1000)
        case _:
            os.kill(os.getpid(), getattr(signal, how))
            time.sleep(3600)


if __name__ == "__main__":
    main(_dying)
