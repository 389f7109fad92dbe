"""Calls a function on its schedule, in one host at a time; a time that passes while the function runs is left out."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from threading import Thread

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.blob import BlobClient, BlobLeaseClient
from croniter import croniter

from devstack.functions_host import events
from devstack.functions_host.triggers import Function
from devstack.functions_host.worker_process import CallFailedError
from devstack.functions_host.workers import Workers

LEASE_SECONDS = 15  # the shortest that storage has: so long no timer fires after its host was killed
_POLL_SECONDS = 1.0
_RENEW_SECONDS = 4.0
_log = logging.getLogger("devstack.functions_host")


class Singleton:
    """Holds a lease on a blob, so that of all hosts only one listens."""

    def __init__(self, blob: BlobClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._blob, self._clock = blob, clock
        self._lease: BlobLeaseClient | None = None
        self._held_until = 0.0
        Thread(target=self._hold, name="lease", daemon=True).start()

    @property
    def is_held(self) -> bool:
        """Whether this host has the lease now."""
        return self._clock() < self._held_until

    def release(self) -> None:
        """Let another host take over at once."""
        if self._lease and self.is_held:
            with suppress(AzureError):
                self._lease.release()

    def _hold(self) -> None:
        while True:
            started = self._clock()
            try:
                self._acquire_or_renew()
                self._held_until = started + LEASE_SECONDS
            except HttpResponseError:  # another host has it
                self._lease, self._held_until = None, 0.0
            except AzureError:
                _log.exception("Could not renew the lease of a timer")
            time.sleep(_RENEW_SECONDS if self._lease else _POLL_SECONDS)

    def _acquire_or_renew(self) -> None:
        if self._lease:
            self._lease.renew()
            return
        if not self._blob.exists():
            with suppress(ResourceExistsError):
                self._blob.upload_blob(b"", overwrite=False)
        self._lease = self._blob.acquire_lease(LEASE_SECONDS)


def next_time(schedule: str, after: datetime) -> datetime:
    """Return when an NCRONTAB schedule (seconds first; in UTC) is due next."""
    # Like NCRONTAB, and unlike cron: both the day of the month and the day of the week have to fit.
    due: datetime = croniter(schedule, after, second_at_beginning=True, day_or=False).get_next(datetime)
    return due


class TimerListener:
    """Calls one function on its schedule while its singleton is held."""

    def __init__(self, function: Function, singleton: Singleton, workers: Workers) -> None:
        self._function, self.singleton, self._workers = function, singleton, workers

    def run(self) -> None:
        """Call the function at its times until the process ends."""
        schedule = self._function.binding["schedule"]
        while True:
            due = next_time(schedule, datetime.now(UTC))
            while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
                time.sleep(min(left, _POLL_SECONDS))
            if self.singleton.is_held:
                self._call()

    def _call(self) -> None:
        try:
            self._workers.call(
                self._function.name, {"kind": self._function.kind}, meanwhile=lambda: None, seconds=_POLL_SECONDS
            )
        except CallFailedError as error:
            events.emit(event="timer_failed", line=f"{self._function.name} failed: {error}")
