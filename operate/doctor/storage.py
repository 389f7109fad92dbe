"""Checks the pictures account as whoever runs the doctor: containers, rights, clock, the last sweep."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient

from operate import last_sweep
from operate.doctor.findings import Check, Finding
from operate.errors import CLOSED, FORBIDDEN, REFUSED, first_line, has_no_token
from shared.storage.errors import code_of, storage_errors
from shared.storage.names import ARCHIVE, INCOMING, QUARANTINE, RECORDS
from shared.storage.uploads import keep_date, time_of
from shared.sweep_plan import GAP_MAX

CONTAINERS = (INCOMING, ARCHIVE, QUARANTINE, RECORDS)
CLOCK_TOLERANCE = timedelta(minutes=5)  # what token services allow; storage itself allows 15 minutes
_SERVER_ERRORS = 500  # and above
_ANSWERS = "Storage answers"
_CONTRIBUTOR = "Storage Blob Data Contributor"
_NO_ETAG = '"0x0"'  # no blob ever has it


@dataclass(frozen=True)
class StorageChecks:
    """The checks of the pictures account; ``environment`` is BC's, whose sweep is looked for."""

    service: BlobServiceClient
    environment: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def checks(self) -> list[Check]:
        """Return the checks in the order in which one explains the next."""
        return [
            Check(_ANSWERS, self._answers),
            Check("Containers", self._containers, (_ANSWERS,)),
            Check("Your rights in storage", self._rights, (_ANSWERS,)),
            Check("Clock", self._clock, (_ANSWERS,)),
            Check("The last sweep", self._sweep, (_ANSWERS,)),
        ]

    def _answers(self) -> Iterator[Finding]:
        try:
            self._list(INCOMING, retry_total=1)
        except HttpResponseError as error:
            if has_no_token(error):
                yield _not_signed_in(error)
            elif error.status_code in REFUSED and code_of(error) not in FORBIDDEN:
                yield _closed() if code_of(error) == CLOSED else _not_accepted(error)
                yield from self._clock()
            # Any other answer is one; the next checks say what it means.
        except AzureError as error:
            yield Finding(
                "storage_unreachable",
                f"The pictures account does not answer: {first_line(error)}.",
                _NOTHING_FROM_HERE,
                "Compare the address in --config; docs/security.md#network says from where a closed account answers.",
            )

    def _containers(self) -> Iterator[Finding]:
        for container in CONTAINERS:
            if self._refusal(partial(self._list, container)) == "ContainerNotFound":
                yield Finding(
                    "container_missing",
                    f"The container {container} does not exist.",
                    _WITHOUT[container],
                    "Deploy the resources again: docs/deployment.md#run-it-again.",
                )

    def _rights(self) -> Iterator[Finding]:
        """Try each right on a blob that does not exist, or under an ETag that no blob has: nothing changes."""
        for container in CONTAINERS:
            missing = [right for right, attempt in self._attempts(container) if self._refusal(attempt) in FORBIDDEN]
            if missing:
                rights = " or ".join(missing)
                yield Finding(
                    "right_missing",
                    f"You may not {rights} blobs in {container}.",
                    _NEEDED[container],
                    f"Have yourself given the role {_CONTRIBUTOR} on the pictures account: docs/operating.md#rights.",
                )

    def _attempts(self, container: str) -> list[tuple[str, Callable[[], object]]]:
        """Return what the commands do in a container, by name."""
        blob = self.service.get_blob_client(container, f"doctor-{uuid4()}")
        attempts: list[tuple[str, Callable[[], object]]] = [
            ("list", partial(self._list, container)),
            ("read", blob.download_blob),
        ]
        if container == INCOMING:
            attempts.append(("write", partial(_write, blob)))
        if container in (ARCHIVE, QUARANTINE):
            attempts.append(("delete", blob.delete_blob))
        return attempts

    def _clock(self) -> Iterator[Finding]:
        began, storages = self.now(), self._storages_time()
        if storages is None:
            return
        ahead = began + (self.now() - began) / 2 - storages
        if abs(ahead) > CLOCK_TOLERANCE:
            side = "ahead of" if ahead > timedelta() else "behind"
            yield Finding(
                "clock_skew",
                f"This machine's clock is {round(abs(ahead).total_seconds() / 60)} minutes {side} storage's.",
                "Tokens count as expired, or as not valid yet, and requests fail with 401 or 403.",
                "Let the system set its clock: timedatectl set-ntp true (Linux), w32tm /resync (Windows).",
            )

    def _sweep(self) -> Iterator[Finding]:
        if self._refusal(partial(self._list, RECORDS)):
            return  # the checks of containers and rights have told
        sweep = last_sweep.read(self.service, self.environment)
        if sweep.age is None:
            yield _no_sweep(f"No sweep has ever ended for the environment {self.environment}.")
        elif sweep.age > GAP_MAX:
            yield _no_sweep(f"The last sweep ended at {sweep.ended_at:%Y-%m-%d %H:%M} UTC.")

    def _list(self, container: str, **options: Any) -> None:  # noqa: ANN401 - the SDK's
        next(iter(self.service.get_container_client(container).list_blobs(results_per_page=1, **options)), None)

    def _refusal(self, attempt: Callable[[], object]) -> str | None:
        """Return storage's code for its refusal, None if it did not refuse.

        Raises:
            Transient: there was no answer, or it says nothing about us.
        """
        with storage_errors("looking at what you may do"):
            try:
                attempt()
            except HttpResponseError as error:
                if error.status_code is None or error.status_code >= _SERVER_ERRORS:
                    raise
                return code_of(error) or str(error.status_code)
        return None

    def _storages_time(self) -> datetime | None:
        dates: list[str] = []
        with storage_errors("reading storage's clock"):
            try:
                self._list(INCOMING, retry_total=1, raw_response_hook=keep_date(dates))
            except HttpResponseError as error:
                answer: Any = error.response
                dates += [answer.headers["Date"]] if answer is not None and "Date" in answer.headers else []
        return time_of(dates) if dates else None


def _write(blob: BlobClient) -> None:
    blob.upload_blob(b"", overwrite=True, etag=_NO_ETAG, match_condition=MatchConditions.IfNotModified)


def _not_signed_in(error: HttpResponseError) -> Finding:
    return Finding(
        "not_signed_in",
        f"Nobody is signed in to Azure here: {first_line(error)}.",
        _NOTHING_FROM_HERE,
        "az login --tenant TENANT, with the tenant of the pictures account.",
    )


def _not_accepted(error: HttpResponseError) -> Finding:
    return Finding(
        "sign_in_refused",
        f"The pictures account does not accept your sign-in: {error.status_code} {code_of(error) or error.reason}.",
        _NOTHING_FROM_HERE,
        "az login --tenant TENANT, with the tenant of the pictures account.",
    )


def _closed() -> Finding:
    return Finding(
        "storage_closed",
        f"The pictures account is closed to where you are: 403 {CLOSED}.",
        _NOTHING_FROM_HERE,
        "Run this inside of its network, or open the account: docs/security.md#network.",
    )


def _no_sweep(what: str) -> Finding:
    return Finding(
        "no_sweep",
        what,
        "What no event brings stays in product-images: waiting pictures, lost events, second attempts.",
        "docs/operations.md#no-sweep",
    )


_NOTHING_FROM_HERE = "Nothing can be uploaded, looked at or replayed from here."
_WITHOUT = {
    INCOMING: "Nobody can upload.",
    ARCHIVE: "Pictures reach their items, but every upload then fails, because its original cannot be moved.",
    QUARANTINE: "A file that cannot become a picture fails again and again instead of being set aside.",
    RECORDS: "Every upload fails: the app keeps its item records there.",
}
_NEEDED = {
    INCOMING: "backfill uploads there; status lists what waits.",
    ARCHIVE: "status and replay read originals there; a replay removes them.",
    QUARANTINE: "status and replay read what was set aside; a replay removes it.",
    RECORDS: "status reads what is on an item.",
}
