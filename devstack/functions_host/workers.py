"""Keeps one worker process running, and decides what a worker's death or a time-out means.

As in the real host: a worker that dies fails all its calls, and another one starts; after three deaths, each within
half an hour of the last, the host gives up. A call that takes too long fails alone: its worker is replaced, and the
other calls in that worker wait for their own time-out.
"""

import time
from collections.abc import Callable, Mapping
from threading import Condition
from typing import Any

from devstack.functions_host import events
from devstack.functions_host.invocation_rows import InvocationRows
from devstack.functions_host.worker_process import Bindings, CallFailedError, WorkerProcess

MOST_DEATHS = 3
FORGET_DEATHS_SECONDS = 30 * 60
Start = Callable[[Callable[[WorkerProcess, int], None]], WorkerProcess]


class Workers:
    """The host's workers, one after the other; ``recycle`` ends the host and does not return."""

    def __init__(self, start: Start, recycle: Callable[[], None], timeout: float | None, rows: InvocationRows) -> None:
        self._start, self._recycle, self._timeout, self._rows = start, recycle, timeout, rows
        self._changed = Condition()
        self._deaths: list[float] = []
        self._has_started = False
        self._current = start(self._ended)

    def functions(self) -> Bindings:
        """Wait for the first worker, and return the app's functions."""
        found = self._current.functions.result()
        self._has_started = True
        return found

    def call(self, function: str, data: Mapping[str, Any], *, meanwhile: Callable[[], None], seconds: float) -> None:
        """Call a function and wait for its end; call ``meanwhile`` every so many ``seconds``.

        Raises:
            CallFailedError: It raised, its worker died, or it took longer than ``functionTimeout``.
        """
        with self._changed:
            worker = self._current
        worker.functions.result()
        with self._rows.invocation(function) as trace_parent:
            self._wait(worker, function, {**data, "trace_parent": trace_parent}, meanwhile, seconds)

    def _wait(
        self,
        worker: WorkerProcess,
        function: str,
        data: Mapping[str, Any],
        meanwhile: Callable[[], None],
        seconds: float,
    ) -> None:
        answer = worker.call(function, data)
        deadline = time.monotonic() + self._timeout if self._timeout else float("inf")
        while True:
            try:
                answer.result(min(seconds, deadline - time.monotonic()))
            except TimeoutError:
                if time.monotonic() < deadline:
                    meanwhile()
                    continue
                self._replace(worker)
                raise CallFailedError(f"{function} took longer than {self._timeout:g} s (functionTimeout)") from None
            return

    def _replace(self, worker: WorkerProcess) -> None:
        with self._changed:
            if worker is not self._current:
                return
            events.emit(event="worker_replaced", line="A function timed out; its worker is replaced.")
            self._current = self._start(self._ended)
        worker.give_up()

    def _ended(self, worker: WorkerProcess, code: int) -> None:
        if worker.is_given_up:
            return
        reason = f"the worker ended with code {code}"
        events.emit(event="worker_ended", line=f"The worker ended with code {code}; {worker.calls} calls fail.")
        with self._changed:
            if self._is_one_too_many():
                self._recycle()
            self._current = self._start(self._ended)
        if not worker.functions.done():
            worker.functions.set_exception(CallFailedError(reason))
        worker.fail_all(reason)

    def _is_one_too_many(self) -> bool:
        now = time.monotonic()
        if self._deaths and now - self._deaths[-1] > FORGET_DEATHS_SECONDS:
            self._deaths.clear()
        self._deaths.append(now)
        return not self._has_started or len(self._deaths) >= MOST_DEATHS
