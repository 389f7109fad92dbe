"""Runs the app's hosts for a soak, and kills and freezes them."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devstack.machine.children import Child, clean_environment

_APP = Path(__file__).parent / "app"
_START = (
    "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('devstack.host', run_name='__main__')"
)


class Hosts:
    def __init__(self, count: int, env: dict[str, str], folder: Path, on_line, ending) -> None:
        self.env, self.folder, self.on_line = env, folder, on_line
        self.ending = ending
        self.children = [self._start(i) for i in range(count)]
        for c in self.children:
            c.ready()

    def _start(self, i):
        c = Child(
            f"host {i}",
            [sys.executable, "-c", _START, str(_APP), "--sweep-interval", "5", "--with-parent"],
            self.folder / f"host{i}.log",
            clean_environment(self.env),
            on_line=self.on_line,
        )
        self.ending.callback(c.end)
        return c

    def kill(self, i):
        self.children[i].process.kill()
        self.children[i].process.wait()
        self.children[i] = self._start(i)

    kill_worker = kill

    def freeze(self, i):
        self.children[i].process.send_signal(signal.SIGSTOP)

    def thaw_all(self):
        for i in range(len(self.children)):
            self.thaw(i)

    def thaw(self, i):
        self.children[i].process.send_signal(signal.SIGCONT)
