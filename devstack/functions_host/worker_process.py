"""Runs a worker process and calls functions in it, on behalf of the host."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from devstack.machine.setup import ROOT

WORKER_SETTINGS = "DEVSTACK_WORKER_SETTINGS"  # JSON in the host's environment: settings that only the app gets
Bindings = list[dict[str, Any]]


class CallFailedError(Exception):
    """A call of a function failed, for the reason in the message."""


class WorkerProcess:
    """One worker process; it ends when the host does, because its standard input closes.

    ``on_event`` receives each line of JSON of the app; ``on_end`` is called with this object and the exit code.
    """

    def __init__(
        self,
        app: Path,
        env: Mapping[str, str],
        on_event: Callable[[str], None],
        on_end: Callable[["WorkerProcess", int], None],
    ) -> None:
        self._on_event, self._on_end = on_event, on_end
        self._lock, self._calls, self._next = Lock(), dict[int, Future[None]](), 0
        self._end: str | None = None
        self.is_given_up = False
        self.functions: Future[Bindings] = Future()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devstack.functions_host.worker", str(app)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=dict(env),
            encoding="utf-8",
            errors="replace",
        )
        Thread(target=self._read, name="worker output", daemon=True).start()

    def call(self, function: str, data: Mapping[str, Any]) -> Future[None]:
        """Start a call; the future raises ``CallFailedError`` if the function does."""
        future: Future[None] = Future()
        with self._lock:
            if self._end:
                future.set_exception(CallFailedError(self._end))
                return future
            self._calls[self._next] = future
            line = json.dumps({"number": self._next, "function": function, **data})
            self._next += 1
            assert self.process.stdin is not None  # noqa: S101 - for the type checker
            try:
                self.process.stdin.write(f"{line}\n")
                self.process.stdin.flush()
            except OSError:
                pass  # it has just ended: the reader fails this call, too
        return future

    def give_up(self) -> None:
        """Kill the process without an answer for its calls."""
        self.is_given_up = True
        self.process.kill()

    def fail_all(self, reason: str) -> None:
        """Fail every call that has no answer, and every later one."""
        with self._lock:
            self._end, calls = reason, list(self._calls.values())
            self._calls.clear()
        for future in calls:
            future.set_exception(CallFailedError(reason))

    @property
    def calls(self) -> int:
        """The number of calls without an answer."""
        return len(self._calls)

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        for line in self.process.stdout:
            message = json.loads(line)
            if "functions" in message:
                self.functions.set_result(message["functions"])
            elif "done" in message:
                self._answer(message["done"], message["error"])
            else:
                self._on_event(line.rstrip("\n"))
        self._on_end(self, self.process.wait())

    def _answer(self, number: int, error: str | None) -> None:
        with self._lock:
            future = self._calls.pop(number)
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(CallFailedError(error))
