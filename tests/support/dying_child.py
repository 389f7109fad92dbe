"""A child that renders as the app's does, but dies of files that say how; a program."""

import os
import signal
import sys
import time

from shared.pictures.render import Picture
from shared.render_child import main
from shared.rendering import Render

MARK = b"dies of "
ALWAYS = "--always"  # the option with which the child dies of every picture


def dies_of(how: str) -> bytes:
    """Return a file that makes the child die: of a signal, of ``spinning`` or ``greed``; or that makes it misbehave."""
    return MARK + how.encode()


def _dying(render: Render) -> Render:
    def rendered(content: bytes) -> Picture:
        if ALWAYS in sys.argv:
            _die("SIGSEGV")
        if content.startswith(MARK):
            _die(content[len(MARK) :].decode())
        return render(content)

    return rendered


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
