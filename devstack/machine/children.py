"""Programs of the local stack as child processes: started on the loopback, ready when they say so, never left behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from devstack.machine.setup import ROOT

Facts = dict[str, str]
READY_SECONDS = 60
_END_SECONDS = 5
_APP_PREFIXES = (
    "PYTHONIOENCODING",  # what the programs of the stack say to each other is UTF-8
    *(
        "APPLICATIONINSIGHTS_",
        "AZURE_",
        "AZUREWEBJOBS",
        "BC_",
        "BLOB_",
        "IDENTITY_",
        "ITEM_",
        "MSI_",
        "OTEL_",
    ),
    *("PICTURE_", "SOURCE_", "SWEEP_"),
)


class ChildFailedError(Exception):
    """A program of the stack did not start or ended by itself; the message holds its last words."""


def announced(line: str) -> Facts | None:
    """Return what a program of ours announces in ``line``, None if it says something else there."""
    facts: Facts = json.loads(line)
    return facts if "ready" in facts else None


class Child:
    """One program of the stack.

    ``recognise`` gets each line of its standard output and returns where it can be reached once it knows;
    every other line goes to ``on_line``. Both are called in a thread of this object.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str],
        *,
        recognise: Callable[[str], Facts | None] = announced,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.name, self._log = name, log
        self._recognise, self._on_line = recognise, on_line
        self._facts: SimpleQueue[Facts] = SimpleQueue()
        self._known = False
        self._broken: Exception | None = None
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,  # never written to: its end tells the child that we are gone
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env=dict(env),
                encoding="utf-8",
                errors="replace",
                **own_group(),
            )
        self._reader = Thread(target=self._read, name=f"{name} output", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        for line in self.process.stdout:
            try:
                self._take(line.rstrip("\n"))
            except Exception as error:  # noqa: BLE001 - this thread has nobody to tell; fail_if_ended tells
                self._broken = error

    def _take(self, line: str) -> None:
        if not self._known and (facts := self._recognise(line)):
            self._known = True
            self._facts.put(facts)
        else:
            self._on_line(line)

    def ready(self, seconds: float = READY_SECONDS) -> Facts:
        """Wait until the program can be reached, and return where.

        Raises:
            ChildFailedError: it ended, or took longer than ``seconds``.
        """
        for _ in range(int(seconds * 10)):
            try:
                return self._facts.get(timeout=0.1)
            except Empty:
                self.fail_if_ended()
        raise ChildFailedError(f"{self.name} was not ready after {seconds:.0f} s")

    def fail_if_ended(self) -> None:
        """Raise with the program's last words if it is not running any more, or was not understood."""
        if self._broken:
            raise self._broken
        if self.process.poll() is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise ChildFailedError(f"{self.name} ended with code {self.process.returncode}; it said:\n{said}")

    def end(self) -> None:
        """End the program: by closing its standard input, and by force if that does not help."""
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        self.process.stdin.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(_END_SECONDS)
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        self.process.stdout.close()


def own_group() -> dict[str, Any]:
    """Keep Ctrl-C to the parent, which then ends its children in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def clean_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with ``own`` settings in place of any of the app's: no real ones leak in."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(_APP_PREFIXES)}
    return {**kept, "NO_PROXY": "*", "no_proxy": "*", "PYTHONUTF8": "1", **own}
