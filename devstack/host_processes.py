"""Runs the host processes of a stack, and starts each anew when it ends, as Azure does with an instance."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import psutil

from devstack.machine.children import Child

_POLL_SECONDS = 0.1
_MOST_FAILED_STARTS = 3


class HostProcess:
    """One host with its worker: the stand-in for an instance."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start = start
        self._child = start()
        self.starts, self._failed_starts = 1, 0

    @property
    def pid(self) -> int:
        """The host's process id."""
        return self._child.process.pid

    @property
    def log(self) -> Path:
        """What the host, its worker and the app print."""
        return self._child.log

    def family(self) -> list[psutil.Process]:
        """Return the processes of this host: itself first, then its worker and that one's children."""
        try:
            host = psutil.Process(self.pid)
            return [host, *host.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """Kill the host and all its processes in the same moment, as when an instance is lost."""
        self._each("kill")

    def kill_worker(self) -> None:
        """Kill the worker alone; the host lives on."""
        for process in self.family()[1:]:
            _tell(process, "kill")

    def freeze(self) -> None:
        """Stop the host and all its processes where they are."""
        self._each("suspend")

    def resume(self) -> None:
        """Let them go on."""
        self._each("resume")

    def ready(self) -> None:
        """Wait until the host listens."""
        self._child.ready()

    def fail_if_it_cannot_start(self) -> None:
        """Raise, with its last output, if it ended again and again before it listened."""
        if self._failed_starts >= _MOST_FAILED_STARTS:
            self._child.fail_if_ended()
        self._child.fail_if_unreadable()

    def start_again_if_ended(self) -> None:
        """Start the host again if it has ended."""
        if self._child.process.poll() is None or self._failed_starts >= _MOST_FAILED_STARTS:
            return
        self._failed_starts = 0 if self._child.is_ready else self._failed_starts + 1
        if self._failed_starts < _MOST_FAILED_STARTS:
            self._child.end()
            self._child = self._start()
            self.starts += 1

    def end(self) -> None:
        """End the host in order, even one that is frozen."""
        family = self.family()
        self.resume()
        self._child.end()
        for process in family:
            _tell(process, "kill")

    def _each(self, verb: str) -> None:
        for process in self.family():
            _tell(process, verb)


def _tell(process: psutil.Process, verb: str) -> None:
    with suppress(psutil.NoSuchProcess):
        getattr(process, verb)()


class HostProcesses:
    """All hosts of a stack; a thread watches over them."""

    def __init__(self, starts: list[Callable[[], Child]]) -> None:
        self.all = [HostProcess(start) for start in starts]
        self._ending = Event()
        self._watch = Thread(target=self._keep_running, name="hosts", daemon=True)

    def ready(self) -> None:
        """Wait until every host listens; from then on they are started again when they end."""
        for host in self.all:
            host.ready()
        self._watch.start()

    def end(self) -> None:
        """End all hosts."""
        self._ending.set()
        if self._watch.is_alive():
            self._watch.join()
        for host in self.all:
            host.end()

    def _keep_running(self) -> None:
        while not self._ending.wait(_POLL_SECONDS):
            for host in self.all:
                host.start_again_if_ended()
