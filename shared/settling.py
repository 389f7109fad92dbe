"""Looks after uploads that settle: when the doubt is over, BC shows the newest of them, even if its source is gone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.business_central.client import Item
from shared.business_central.companies import Company
from shared.errors import Reason, Waiting
from shared.item_record import Observed, Step
from shared.pipeline import Pipeline, measured
from shared.placement import PlacementJob, record_entry
from shared.report import Outcome, Report, upload_failed, upload_finished
from shared.storage.settling_marks import SettlingMark
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
        with self.pipeline.telemetry.upload() as upload_id:
            report = Report("", upload_id)
            try:
                with measured(report):
                    self._look_after(name, report)
            except Exception as error:
                upload_failed(report, error)
                reports.append(report)
                raise
            if report.repeated:
                upload_finished(report)
                reports.append(report)

    def _look_after(self, name: str, report: Report) -> None:
        stored = self.pipeline.placement.marks.read(name)
        if stored is None:
            return
        mark = stored.mark
        report.blob, report.etag = mark.upload.name, mark.upload.etag
        report.company, report.item_number, report.item_id = mark.company, mark.item_number, mark.item_id
        report.outcome = self._outcome(mark, report)
        if report.outcome is not Outcome.WAITING:
            self.pipeline.archive.complete(mark, report.outcome)
            self.pipeline.placement.marks.remove(stored)

    def _outcome(self, mark: SettlingMark, report: Report) -> Outcome:
        """Place the upload again if it needs that, and return its outcome: ``waiting`` while the doubt lasts."""
        record = self.pipeline.records.read(mark.company_id, mark.item_id)
        match record.next_step(mark.upload, Observed()):
            case Step.SETTLE:
                return Outcome.WAITING
            case Step.SUPERSEDED:
                return Outcome.SUPERSEDED
            case Step.DONE:
                return Outcome(record.record.outcome or Outcome.UPDATED)
        source = self.pipeline.archive.settling(mark)
        if source is None or source.content is None:  # the delivery died before it copied, so it comes again
            return Outcome.SUPERSEDED
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
