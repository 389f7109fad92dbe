"""Keeps the sweep's state in one blob, and lets one run at a time have it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from threading import Event, Thread
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient, ContentSettings

from shared.storage.errors import code_of, storage_errors
from shared.storage.names import RECORDS, sweep_state_name
from shared.storage.uploads import keep_date, time_of
from shared.sweep_plan import SweepState

_LEASE_SECONDS = 60  # a run that dies leaves it to expire
_JSON = ContentSettings(content_type="application/json")
_VERSION = 1


@dataclass
class LeasedState:
    """The state as this run found it at ``seen_at`` (storage's time), with a lease.

    The lease spares work, nothing depends on it: if it is lost, two runs do the same, and the records keep order.
    """

    state: SweepState
    seen_at: datetime
    _blob: BlobClient
    _lease: BlobLeaseClient
    _renew_every: float  # seconds
    _dates: list[str] = field(default_factory=list)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease in a thread, whatever the block waits for."""
        is_over = Event()

        def renew() -> None:
            while not is_over.wait(self._renew_every):
                self._renew()

        # In a copy of this context, its requests belong to the sweep's trace.
        thread = Thread(target=copy_context().run, args=[renew], name="sweep-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def write(self, state: SweepState) -> None:
        """Write the state, unless another run has the lease by now."""
        with self._unless_lost("writing"):
            self._blob.upload_blob(to_json(state), overwrite=True, lease=self._lease, content_settings=_JSON)

    def end(self, state: SweepState) -> None:
        """Write the state as that of a run that ended, and give the lease back."""
        self._renew()  # its answer tells storage's time
        self.write(state.ended(parsedate_to_datetime(self._dates[-1]) if self._dates else self.seen_at))
        with self._unless_lost("releasing"):
            self._lease.release()

    def _renew(self) -> None:
        """Keep the lease for another minute, if we still have it."""
        with suppress(AzureError):
            self._lease.renew(raw_response_hook=keep_date(self._dates))

    @contextmanager
    def _unless_lost(self, doing: str) -> Iterator[None]:
        with storage_errors(f"{doing} {RECORDS}/{self._blob.blob_name}"):
            try:
                yield
            except HttpResponseError as error:
                if code_of(error) not in _LOST:
                    raise


# Storage's codes for a lease that expired, or that another run or an operator has by now.
_LOST = (
    *("LeaseLost", "LeaseIdMissing", "LeaseNotPresentWithLeaseOperation", "LeaseNotPresentWithBlobOperation"),
    *("LeaseIdMismatchWithLeaseOperation", "LeaseIdMismatchWithBlobOperation", "BlobNotFound"),
)


class SweepStates:
    """Opens the sweep's state of one BC environment; one per process. ``renewals``: within the time of one lease."""

    def __init__(self, service: BlobServiceClient, environment: str, renewals: int = 3) -> None:
        self._service, self._environment, self._renewals = service, environment, renewals

    def lease(self) -> LeasedState | None:
        """Return the state, None if another run has it.

        Raises:
            Transient: ``storage``.
        """
        blob = self._service.get_blob_client(RECORDS, sweep_state_name(self._environment))
        dates: list[str] = []
        with storage_errors(f"opening {RECORDS}/{blob.blob_name}"):
            lease = self._acquire(blob)
            if lease is None:
                return None
            text = blob.download_blob(raw_response_hook=keep_date(dates), decompress=False).readall()
        return LeasedState(from_json(text), time_of(dates), blob, lease, _LEASE_SECONDS / self._renewals)

    def _acquire(self, blob: BlobClient) -> BlobLeaseClient | None:
        try:
            return blob.acquire_lease(_LEASE_SECONDS)
        except HttpResponseError as error:
            if code_of(error) == "LeaseAlreadyPresent":
                return None
            if code_of(error) != "BlobNotFound":
                raise
        try:
            blob.upload_blob(to_json(SweepState()), overwrite=False, content_settings=_JSON)
        except HttpResponseError as error:
            if code_of(error) != "BlobAlreadyExists":
                raise
        return self._acquire(blob)


def to_json(state: SweepState) -> bytes:
    """Serialize ``state`` for storage."""
    return json.dumps({"version": _VERSION, **asdict(state)}, default=datetime.isoformat, indent=1).encode()


def from_json(text: bytes) -> SweepState:
    """Parse a stored state; what is not one counts as none, since a sweep that starts anew loses nothing."""
    try:
        fields: dict[str, Any] = json.loads(text)
        if fields.pop("version") != _VERSION:
            return SweepState()
        times = {name: _time(fields[name]) for name in ("ended_at", "answered_since")}
        companies = {str(name): since for name, text in fields["companies"].items() if (since := _time(text))}
        state = SweepState(**{**fields, **times, "companies": companies})
        numbers = (state.run, state.round, state.round_runs, state.period)
        is_sound = all(isinstance(number, int) for number in numbers) and state.period > 0
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return SweepState()
    return state if is_sound else SweepState()


def _time(text: str | None) -> datetime | None:
    moment = datetime.fromisoformat(text) if text else None
    if moment and moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment
