"""Looks after uploads that settle: when the doubt is over, BC shows the newest of them, even if its source is gone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from shared.business_central.client import Item
from shared.business_central.companies import Company
from shared.errors import Reason, Waiting
from shared.item_record import Observed, Step, StoredRecord
from shared.pipeline import Pipeline, measured, note_outcome
from shared.placement import PlacementJob, record_entry
from shared.report import Outcome, Report, upload_failed, upload_finished
from shared.storage.settling_marks import StoredMark
from shared.storage.uploads import Source
from shared.sweep_plan import shuffled
from shared.telemetry_names import PLACE_PICTURE, RENDER_PICTURE


@dataclass(frozen=True)
class Settling:
    """Settles what deliveries left as ``settling``, from its copy in the archive."""

    pipeline: Pipeline

    def settle(self, may_begin: Callable[[], bool], run: int = 0) -> list[Report]:
        """Settle every upload whose doubt is over, while ``may_begin`` allows another, each ``run`` in another order.

        Returns the reports of pictures that were written again, and of failures (without an outcome); these are tried
        again at the next call.
        """
        reports: list[Report] = []
        for name in shuffled(self.pipeline.placement.marks.names(), run, lambda name: ("", name)):
            if not may_begin():
                break
            with suppress(Exception):  # it is logged, and one item must not keep the others from settling
                self._settle_one(name, reports)
        return reports

    def _settle_one(self, name: str, reports: list[Report]) -> None:
        # Most doubts last: these few requests belong to the sweep, and only what ends has a trace and a record.
        unknown = Report("", self.pipeline.telemetry.request_id())
        with _failures_told(unknown, reports):
            ended = self._ended_doubt(name, unknown)
        if ended is None:
            return
        with self.pipeline.telemetry.upload() as upload_id:
            report = replace(unknown, upload_id=upload_id)
            with _failures_told(report, reports), measured(report):
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
def _failures_told(report: Report, reports: list[Report]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        upload_failed(report, error)
        reports.append(report)
        raise
