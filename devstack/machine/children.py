"""Runs the stack's programs as child processes: waits until they are ready, and never leaves one behind."""

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
from shared.storage.names import printable

Facts = dict[str, str]
READY_SECONDS = 60
_END_SECONDS = 5
# The app's settings; and PYTHONIOENCODING, because the programs of the stack talk to each other in UTF-8.
_REMOVED_PREFIXES = (
    *("APPLICATIONINSIGHTS_", "AZURE_", "AZUREWEBJOBS", "BC_", "BLOB_", "IDENTITY_", "ITEM_", "MSI_", "OTEL_"),
    *("KEEP_", "PICTURE_", "PYTHON_APPLICATIONINSIGHTS_", "RENDER_", "SOURCE_", "SWEEP_", "UNFINISHED_"),
    "PYTHONIOENCODING",
)


class ChildFailedError(Exception):
    """A program of the stack did not start, or ended by itself; the message includes its last output."""


def announced(line: str) -> Facts | None:
    """Return the facts that one of our programs announces in ``line``, or None if it announces nothing."""
    facts: Facts = json.loads(line)
    return facts if "ready" in facts else None


class Child:
    """One running program of the stack.

    ``recognise`` receives each line of its standard output until it returns the program's addresses; all other lines
    go to ``on_line``. Both are called in this object's thread. Its standard error goes to the file ``log``.
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
        self.name, self.log = name, log
        self._recognise, self._on_line = recognise, on_line
        self._facts: SimpleQueue[Facts] = SimpleQueue()
        self.is_ready = False
        self._reader_error: Exception | None = None
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,  # never written to: closing it tells the child to end
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
                self._handle(line.rstrip("\n"))
            except Exception as error:  # noqa: BLE001 - fail_if_ended raises it in the caller's thread
                self._reader_error = error

    def _handle(self, line: str) -> None:
        if not self.is_ready and (facts := self._recognise(line)):
            self.is_ready = True
            self._facts.put(facts)
        else:
            self._on_line(line)

    def ready(self, seconds: float = READY_SECONDS) -> Facts:
        """Wait until the program is ready, and return its addresses.

        Raises:
            ChildFailedError: It ended, or took longer than ``seconds``.
        """
        for _ in range(int(seconds * 10)):
            try:
                return self._facts.get(timeout=0.1)
            except Empty:
                self.fail_if_ended()
        raise ChildFailedError(f"{self.name} was not ready within {seconds:.0f} s")

    def fail_if_unreadable(self) -> None:
        """Raise if a line of its output could not be handled."""
        if self._reader_error:
            raise self._reader_error

    def fail_if_ended(self) -> None:
        """Raise if the program has ended, with its last output, or if a line of it could not be handled."""
        self.fail_if_unreadable()
        if self.process.poll() is not None:
            output = printable(self.log.read_text(encoding="utf-8", errors="replace")[-2000:])
            raise ChildFailedError(f"{self.name} ended with code {self.process.returncode}. Its last output:\n{output}")

    def end(self) -> None:
        """End the program by closing its standard input, or by force if it does not react."""
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
    """Keep Ctrl-C from the child; the parent ends its children in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def clean_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with ``own`` in place of all app settings, so that no real ones leak in."""
    others = {key: value for key, value in os.environ.items() if not key.upper().startswith(_REMOVED_PREFIXES)}
    return {**others, "NO_PROXY": "*", "no_proxy": "*", "PYTHONUTF8": "1", **own}
