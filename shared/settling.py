"""Looks after uploads that settle: when the doubt is over, BC shows the newest of them, even if its source is gone."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.business_central.companies import Company
from shared.business_central.items import Item
from shared.errors import Reason, Waiting
from shared.item_record import Observed, Step
from shared.pipeline import Pipeline, measured
from shared.placement import PlacementJob, record_entry
from shared.report import Outcome, Report, upload_failed, upload_finished
from shared.storage.names import RECORDS
from shared.storage.settling_marks import ListedMark, SettlingMark
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
        with self.pipeline.telemetry.upload() as upload_id:
            report = Report("", upload_id)
            try:
                with measured(report):
                    self._look_after(listed.name, report)
            except Exception as error:
                upload_failed(report, error, _STUCK.format(listed.name) if listed.age >= ALWAYS_DUE else "")
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
            case Step.SETTLE | Step.WAIT:  # another upload is being written, and may make this one superfluous
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


_STUCK = (
    "This upload is in the archive and has not settled for a day; every hour, the sweep tries again. Correct the "
    f"cause, or remove {RECORDS}/{{}} once nobody misses the picture."
)
