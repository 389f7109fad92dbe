"""Carries a plan out: so many uploads at a time, so many under way in incoming, and each change noted at once."""

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import takewhile
from threading import Event

from azure.storage.blob import BlobServiceClient

from operate.backfill.traces import Traces
from operate.backfill.uploads import Uploader
from operate.manifest import Manifest, Row, State
from operate.output import Counter
from operate.retrying import patiently
from operate.stopping import threads
from shared.storage.errors import storage_errors
from shared.storage.names import INCOMING, unquoted_etag


@dataclass(frozen=True)
class Pace:
    """How fast a run goes: uploads at a time, uploads in incoming, seconds between two looks, and until it gives up.

    ``patience`` counts while nothing that is under way moves.
    """

    concurrency: int = 8
    under_way: int = 200
    interval: float = 1.0
    patience: float = 600.0


@dataclass
class Run:
    """One run; only the thread that calls it writes the list."""

    blobs: BlobServiceClient
    uploader: Uploader
    traces: Traces
    manifest: Manifest
    pace: Pace
    stop: Event
    waits: bool
    uploads: Counter
    outcomes: Counter
    _under_way: dict[tuple[str, str], Row] = field(default_factory=dict)  # by blob and ETag
    _pending: set[Future[Row]] = field(default_factory=set)
    _has_waited: bool = False  # in vain, as long as anybody should

    def carry_out(self, todo: Iterable[Row], before: Iterable[Row], waiting: Iterable[Row] = ()) -> None:
        """Upload the rows ``todo``; ``before`` are uploads of an earlier run whose outcome is still open.

        Those that were ``waiting`` for longer than anybody should wait are looked at again, and keep up no new ones.

        Raises:
            Problem: storage is out of reach or refuses us. The list is complete up to then.
        """
        self._under_way = {_upload_of(row): row for row in before}
        with threads(self.pace.concurrency) as pool:
            try:
                for row in todo:
                    if not self._make_room(pool) or self.stop.is_set():
                        break
                    self._begin(pool, row)
            except Exception:
                self._collect(all_of_them=True)
                raise
            self._collect(all_of_them=True)
            if self.waits:
                self._see_out(pool, waiting)

    def _begin(self, pool: ThreadPoolExecutor, row: Row) -> None:
        is_new = row.state is State.PLANNED
        if is_new:
            self.uploader.begin(row)
            self.manifest.note(row)

        def work() -> Row:
            if is_new:
                self.manifest.sync()  # or after a power cut the list might not know that this was begun
            if is_new or not self.uploader.find(row):
                self.uploader.upload(row)
            return row

        self._pending.add(pool.submit(work))

    def _make_room(self, pool: ThreadPoolExecutor) -> bool:
        """Wait until one more may be under way; False if that takes longer than anybody should wait."""
        while len(self._pending) >= self.pace.concurrency:
            self._collect()
        if len(self._under_way) + len(self._pending) < self.pace.under_way:
            return True
        self._collect(all_of_them=True)
        return len(self._under_way) < self.pace.under_way or self._wait_for(pool, self.pace.under_way - 1)

    def _collect(self, *, all_of_them: bool = False) -> None:
        """Note what became of uploads that have ended: of one at least, or of all."""
        problems: list[BaseException] = []
        while self._pending:
            done, self._pending = wait(self._pending, return_when=FIRST_COMPLETED)
            for future in done:
                if problem := future.exception():
                    problems.append(problem)
                else:
                    self._uploaded(future.result())
            if not all_of_them and not problems:
                break
        if problems:
            raise problems[0]

    def _uploaded(self, row: Row) -> None:
        self.manifest.note(row)
        if row.state is not State.UPLOADING:
            self.uploads.advance()
        if row.state is State.UPLOADED:
            self._under_way[_upload_of(row)] = row
        elif row.state not in (State.UPLOADING, State.FAILED):
            self.outcomes.advance()

    def _wait_for(self, pool: ThreadPoolExecutor, most: int) -> bool:
        """Wait until at most so many are under way; False after a time in which none of them moved."""
        idle = 0.0
        while len(self._under_way) > most and not self.stop.is_set():
            idle = 0.0 if self._look(pool) else idle + self.pace.interval
            self.outcomes.remark(f"{len(self._under_way):,} in {INCOMING}")
            if idle > self.pace.patience or self._has_waited:
                self._has_waited = True
                return False
            if len(self._under_way) > most:
                self.stop.wait(self.pace.interval)
        return not self.stop.is_set()

    def _look(self, pool: ThreadPoolExecutor) -> int:
        """Take note of what has left incoming, and return how much that was."""
        there = patiently(self._listed, self.stop) if self._under_way else {}
        gone = [row for row in self._under_way.values() if there.get(row.blob) != row.etag]
        ends = pool.map(self._ended, gone) if self.waits else iter([(State.UPLOADED, "")] * len(gone))
        for row, (state, reason) in zip(gone, ends, strict=True):
            del self._under_way[_upload_of(row)]
            if self.waits:
                row.state, row.reason = state, reason
                self.manifest.note(row)
            self.outcomes.advance()
        return len(gone)

    def _ended(self, row: Row) -> tuple[State, str]:
        return patiently(lambda: self.traces.ended(row), self.stop)

    def _listed(self) -> dict[str, str]:
        """Return the ETags of what is in incoming, as far as it may be ours."""
        wanted = {blob for blob, _ in self._under_way}
        first, last = min(wanted), max(wanted)
        same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
        prefix = "".join(character for character, _ in same)
        container = self.blobs.get_container_client(INCOMING)
        with storage_errors(f"listing {INCOMING}"):
            blobs = container.list_blobs(name_starts_with=prefix or None)
            return {blob.name: unquoted_etag(blob.etag) for blob in blobs if blob.name in wanted}

    def _see_out(self, pool: ThreadPoolExecutor, waiting: Iterable[Row]) -> None:
        """Wait for all outcomes, and say of what is still in incoming that it waits."""
        self._under_way = {_upload_of(row): row for row in waiting} | self._under_way
        self._wait_for(pool, 0)
        for row in self._under_way.values():
            if not self.stop.is_set():
                row.state = State.WAITING
                row.reason = f"still in {INCOMING}: item-pictures status says why"
                self.manifest.note(row)


def _upload_of(row: Row) -> tuple[str, str]:
    return row.blob, row.etag
