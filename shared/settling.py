"""Looks after uploads that settle: when the doubt is over, BC shows the newest of them, even if its source is gone."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shared.business_central.companies import Company
from shared.business_central.items import Item
from shared.errors import Reason, Waiting
from shared.item_record import Observed, Step, StoredRecord
from shared.pipeline import Pipeline, measured, note_outcome
from shared.placement import PlacementJob, record_entry
from shared.report import Outcome, Report, upload_failed, upload_finished
from shared.storage.names import RECORDS
from shared.storage.settling_marks import ListedMark, StoredMark
from shared.storage.uploads import Source
from shared.sweep_plan import ALWAYS_DUE, SweepState, shuffled
from shared.telemetry_names import PLACE_PICTURE, RENDER_PICTURE

_FAILURES_MAX = 20  # of one company in one run: if it is gone, or refuses everything, the others have the time


@dataclass(frozen=True)
class Settling:
    """Settles what deliveries left as ``settling``, from its copy in the archive."""

    pipeline: Pipeline

    def settle(
        self,
        may_begin: Callable[[], bool],
        state: SweepState | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> list[Report]:
        """Settle every upload whose doubt is over, while ``may_begin`` allows another, each run in another order.

        What has not settled for a day has a turn every hour. Companies take turns, and one in which many fail has
        had its share. Returns the reports of pictures that were written again, and of failures (without an outcome);
        these are tried again at the next call.
        """
        reports: list[Report] = []
        failed: Counter[str] = Counter()
        state = state or SweepState()
        due = [mark for mark in self.pipeline.placement.marks.listed() if state.is_turn_of(mark.name, mark.age)]
        for mark in shuffled(due, state.run, lambda mark: (mark.company_id, mark.name)):
            if failed[mark.company_id] >= _FAILURES_MAX:
                continue
            if not may_begin():
                break
            try:
                self._settle_one(mark, reports)
            except Exception:  # noqa: BLE001 - it is logged, and one item must not keep the others from settling
                failed[mark.company_id] += 1
                on_failure()
        return reports

    def _settle_one(self, listed: ListedMark, reports: list[Report]) -> None:
        advice = _STUCK.format(listed.name) if listed.age >= ALWAYS_DUE else ""
        # Most doubts last: these few requests belong to the sweep, and only what ends has a trace and a record.
        unknown = Report("", self.pipeline.telemetry.request_id())
        with _failures_told(unknown, reports, advice):
            ended = self._ended_doubt(listed.name, unknown)
        if ended is None:
            return
        with self.pipeline.telemetry.upload() as upload_id:
            report = replace(unknown, upload_id=upload_id)
            with _failures_told(report, reports, advice), measured(report):
                note_outcome(report, self._outcome(ended, report))
                if report.outcome is not Outcome.WAITING:
                    self.pipeline.archive.complete(ended.stored.mark, report)
                    self.pipeline.placement.marks.remove(ended.stored)
            upload_finished(report)
            if report.repeated:
                reports.append(report)

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

    def _outcome(self, ended: "_EndedDoubt", report: Report) -> Outcome:
        """Place the upload again if it needs that, and return its outcome: ``waiting`` if there is a new doubt."""
        mark, record, source = ended.stored.mark, ended.record, ended.source
        if source is None or source.content is None:
            was = Outcome(record.record.outcome or Outcome.UPDATED)
            return Outcome.SUPERSEDED if ended.step is Step.SUPERSEDED else was
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
            return Outcome(record.record.outcome or Outcome.UPDATED)  # with the item, its picture has gone too


@dataclass(frozen=True)
class _EndedDoubt:
    """An upload whose doubt is over; ``source`` is its copy in the archive, if its picture may have to be written."""

    stored: StoredMark
    record: StoredRecord
    step: Step
    source: Source | None = None


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
