"""Looks after uploads that settle: when the doubt is over, BC shows the newest of them, even if its source is gone."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from shared.business_central.companies import Company
from shared.business_central.items import Item
from shared.errors import Reason, Superseded, Waiting
from shared.item_record import Observed, Step, StoredRecord
from shared.pipeline import Pipeline, measured, note_outcome
from shared.placement import PlacementJob, record_entry
from shared.report import Outcome, Report, upload_failed, upload_finished
from shared.storage.names import RECORDS
from shared.storage.settling_marks import ListedMark, SettlingMark, StoredMark
from shared.storage.uploads import Source
from shared.sweep_plan import ALWAYS_DUE, SweepState, shuffled
from shared.telemetry_names import PLACE_PICTURE, RENDER_PICTURE

_FAILURES_MAX = 20  # of one company in one run: if it is gone, or refuses everything, the others have the time


@dataclass
class Settled:
    """Collects what became of uploads that settled.

    ``reports`` are those of pictures that were written again, of sources that were moved, and of failures (without an
    outcome); ``moved`` has the names of these sources.
    """

    reports: list[Report] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Settling:
    """Settles what deliveries left as ``settling``, from its copy in the archive."""

    pipeline: Pipeline

    def settle(
        self,
        may_begin: Callable[[], bool],
        state: SweepState | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> Settled:
        """Settle every upload whose doubt is over, while ``may_begin`` allows another, each run in another order.

        What has not settled for a day has a turn every hour. Companies take turns, and one in which many fail has
        had its share. Failures are tried again at the next call.
        """
        settled = Settled()
        failed: Counter[str] = Counter()
        state = state or SweepState()
        due = [mark for mark in self.pipeline.placement.marks.listed() if state.is_turn_of(mark.name, mark.age)]
        for mark in shuffled(due, state.run, lambda mark: (mark.company_id, mark.name)):
            if failed[mark.company_id] >= _FAILURES_MAX:
                continue
            if not may_begin():
                break
            try:
                self._settle_one(mark, settled)
            except Exception:  # noqa: BLE001 - it is logged, and one item must not keep the others from settling
                failed[mark.company_id] += 1
                on_failure()
        return settled

    def _settle_one(self, listed: ListedMark, settled: Settled) -> None:
        advice = _STUCK.format(listed.name) if listed.age >= ALWAYS_DUE else ""
        # Most doubts last: these few requests belong to the sweep, and only what ends has a trace and a record.
        unknown = Report("", self.pipeline.telemetry.request_id())
        with _failures_told(unknown, settled.reports, advice):
            ended = self._ended_doubt(listed.name, unknown)
        if ended is None:
            return
        with self.pipeline.telemetry.upload() as upload_id:
            report = replace(unknown, upload_id=upload_id)
            with _failures_told(report, settled.reports, advice), measured(report):
                has_moved = self._end(ended, report)
            upload_finished(report)
            if has_moved:
                settled.moved.add(report.blob)
            if has_moved or report.repeated:
                settled.reports.append(report)

    def _end(self, ended: "_EndedDoubt", report: Report) -> bool:
        """Settle an upload whose doubt is over; returns whether its source has moved to the archive.

        No delivery may get it there: by now its path may mean another item, or none.
        """
        mark, outcome = ended.stored.mark, self._outcome(ended, report)
        note_outcome(report, outcome or ended.was)
        if outcome is Outcome.WAITING:
            return False
        has_moved = self.pipeline.archive.complete(mark, self._source(mark) if outcome else None, report)
        self.pipeline.placement.marks.remove(ended.stored)
        return has_moved

    def _source(self, mark: SettlingMark) -> Source | None:
        """Return the upload if it is still in incoming, without its content."""
        try:
            source = self.pipeline.storage.look_at(mark.upload.name)
        except Superseded:
            return None
        return source if source.etag == mark.upload.etag else None

    def _ended_doubt(self, name: str, report: Report) -> "_EndedDoubt | None":
        """Return what is known of the upload, None while its doubt lasts or if there is nothing to look after."""
        stored = self.pipeline.placement.marks.read(name)
        if stored is None:
            return None
        mark = stored.mark
        report.blob, report.etag = mark.upload.name, mark.upload.etag
        report.company, report.item_number, report.item_id = mark.company, mark.item_number, mark.item_id
        record = self.pipeline.records.read(mark.company_id, mark.item_id)
        step = record.next_step(mark.upload, Observed())
        if step in (Step.SETTLE, Step.WAIT):  # another upload is being written, and may make this one superfluous
            return None
        if step in (Step.SUPERSEDED, Step.DONE):
            return _EndedDoubt(stored, record, step)
        source = self.pipeline.archive.settling(mark)
        if source is None or source.content is None:  # the delivery died before it copied, so it comes again
            self.pipeline.placement.marks.remove(stored)
            return None
        return _EndedDoubt(stored, record, step, source)

    def _outcome(self, ended: "_EndedDoubt", report: Report) -> Outcome | None:
        """Place the upload again if it needs that, and return its outcome: ``waiting`` if there is a new doubt.

        Returns None if the item is gone, and its picture with it: a new item of that number may get the source.
        """
        mark, record, source = ended.stored.mark, ended.record, ended.source
        if source is None or source.content is None:
            return Outcome.SUPERSEDED if ended.step is Step.SUPERSEDED else ended.was
        with self.pipeline.telemetry.step(RENDER_PICTURE):
            picture = self.pipeline.render(source.content)
        upload = replace(mark.upload, picture_sha256=record_entry(source, picture.content).picture_sha256)
        item = Item(Company(mark.company_id, mark.company, mark.company), mark.item_id, mark.item_number, None)
        job = PlacementJob(item, source, upload, picture.content, report)
        try:
            with self.pipeline.telemetry.step(PLACE_PICTURE):
                return self.pipeline.placement.place(job, record)
        except Waiting as failure:
            if failure.reason is not Reason.ITEM_NOT_FOUND:
                raise
            return None


@dataclass(frozen=True)
class _EndedDoubt:
    """An upload whose doubt is over; ``source`` is its copy in the archive, if its picture may have to be written."""

    stored: StoredMark
    record: StoredRecord
    step: Step
    source: Source | None = None

    @property
    def was(self) -> Outcome:
        """How the upload that is on the item got there."""
        return Outcome(self.record.record.outcome or Outcome.UPDATED)


@contextmanager
def _failures_told(report: Report, reports: list[Report], advice: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        upload_failed(report, error, advice)
        reports.append(report)
        raise


_STUCK = (
    "This upload is in the archive and has not settled for a day; every hour, the sweep tries again. Correct the "
    f"cause, or remove {RECORDS}/{{}} once nobody misses the picture."
)
