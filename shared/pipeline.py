"""Takes one upload from event to archive."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.business_central import usage
from shared.business_central.client import BusinessCentral
from shared.business_central.companies import Company
from shared.business_central.items import Item
from shared.config import Settings
from shared.errors import EndsEarly, Failure, Permanent, Reason, Superseded, Transient, Waiting
from shared.item_record import Observed, Step, StoredRecord
from shared.paths import ItemKey, KeyKind, has_dot_segment, is_temporary, parse_path
from shared.pictures.render import Picture
from shared.pictures.sources import check_bytes
from shared.placement import Placement, PlacementJob, record_entry
from shared.rendering import Render
from shared.report import Outcome, Report, upload_failed, upload_finished
from shared.storage.archive import Archive
from shared.storage.names import INCOMING
from shared.storage.records import ItemRecords
from shared.storage.uploads import PictureStorage, Source
from shared.telemetry import Telemetry
from shared.telemetry_names import PLACE_PICTURE, RENDER_PICTURE


@dataclass(frozen=True)
class TakeUp:
    """Says how an upload is taken up: by its event, or by the sweep.

    ``item_first``: look for the item before reading the upload, so that one without an item is not downloaded; ``item``
    is the item if it was found already. ``ends_waiting``: an upload that has waited for ``ITEM_WAIT`` goes to
    quarantine.
    """

    item: Item | None = None
    ends_waiting: bool = False
    item_first: bool = False


BY_EVENT = TakeUp()


@dataclass(frozen=True)
class Pipeline:
    """Takes uploads from event to archive; one per process, safe to use from threads."""

    settings: Settings
    storage: PictureStorage
    archive: Archive
    business_central: BusinessCentral
    records: ItemRecords
    placement: Placement
    render: Render
    telemetry: Telemetry

    def process(self, container: str, name: str, take_up: TakeUp = BY_EVENT) -> Report:
        """Take the upload ``container``/``name`` as far as it goes; the report names the outcome.

        Raises:
            Transient: the same delivery may succeed later; the upload is still in incoming.
        """
        with self.telemetry.upload() as upload_id:
            report = Report(name, upload_id)
            try:
                with measured(report):
                    if not self._take(container, name, take_up, report):
                        return report
            except Superseded as failure:
                _end(report, Outcome.SUPERSEDED, failure.reason, failure.detail)
            except Exception as error:
                upload_failed(report, error)
                raise
            upload_finished(report)
            return report

    def _take(self, container: str, name: str, take_up: TakeUp, report: Report) -> bool:
        """Take the upload as far as it goes; returns False if there is nothing to tell that was not told before."""
        if container != INCOMING:
            # Event Grid ignores the trigger's path: a loose subscription would feed the archive back to us.
            detail = f"The event is about the container {container!r}. Correct the event subscription's filter."
            raise Superseded(Reason.NOT_INCOMING, detail)
        source = None
        try:
            key = parse_path(name, self.settings.templates)
            known = take_up.item
            if take_up.item_first:  # asking once more is cheaper than reading and rendering in vain
                known = self.business_central.item(self.company_of(key, report.upload_id), key, report.upload_id)
            source = self._read(name, report)
            read_at = time.perf_counter()
            picture = self._render(source, report)
            item, stored = self._resolve(key, known, report)
            job = PlacementJob(item, source, record_entry(source, picture.content), picture.content, report)
            was_done = stored.next_step(job.upload, Observed()) is Step.DONE  # by an earlier one, nobody knows when
            with self.telemetry.step(PLACE_PICTURE):
                outcome = self.placement.place(job, stored)
            if outcome in _ON_ITEM and not source.is_replay and not was_done:
                report.time_to_item_s = round(source.age.total_seconds() + time.perf_counter() - read_at, 3)
        except (Permanent, Waiting) as failure:
            if has_dot_segment(name):
                return self._refuse_unread(name, failure, report)
            self._set_aside(source or self.storage.look_at(name), failure, take_up, report)
        else:
            self._conclude(outcome, source, item, report)
        return True

    def _read(self, name: str, report: Report) -> Source:
        source = self.storage.read(name, self.settings.limits.max_bytes)
        report.etag, report.bytes_in, report.replay = source.etag, source.size, source.is_replay
        return source

    def _render(self, source: Source, report: Report) -> Picture:
        if self._may_be_unfinished(source):
            raise Waiting(Reason.UNFINISHED, _UNFINISHED)
        check_bytes(source.size, self.settings.limits)
        started = time.perf_counter()
        with self.telemetry.step(RENDER_PICTURE):
            picture = self.render(source.content or b"")
        report.render_ms = _milliseconds_since(started)
        report.width, report.height, report.bytes_out = picture.width, picture.height, len(picture.content)
        report.content_type, report.quality = picture.content_type, picture.quality
        return picture

    def company_of(self, key: ItemKey, upload_id: str) -> Company:
        """Return the company that ``key`` names, or the default one.

        Raises:
            Waiting: ``company_not_found``.
        """
        named = key.company or self.settings.business_central.company
        if not named:
            raise Waiting(Reason.COMPANY_NOT_FOUND, _NO_COMPANY)
        return self.business_central.company(named, upload_id)

    def _resolve(self, key: ItemKey, known: Item | None, report: Report) -> tuple[Item, StoredRecord]:
        """Return the item and its record; asks BC only for what neither the sweep nor the record tells."""
        company = known.company if known else self.company_of(key, report.upload_id)
        report.company = company.name
        stored = self.records.read(company.id, key.value) if key.kind is KeyKind.ID else None
        if known:
            item = known
        elif stored and stored.record.number:
            item = Item(company, key.value, stored.record.number, None)
        else:
            item = self.business_central.item(company, key, report.upload_id)
        report.item_number, report.item_id, report.replaced = item.number, item.id, item.has_picture
        return item, stored or self.records.read(company.id, item.id)

    def _conclude(self, outcome: Outcome, source: Source, item: Item, report: Report) -> None:
        note_outcome(report, outcome)
        if outcome is not Outcome.WAITING:
            self.archive.archive(source, item.company.name, report.item_number or item.number, report)

    def _set_aside(self, source: Source, failure: Permanent | Waiting, take_up: TakeUp, report: Report) -> None:
        """Leave the upload in incoming while waiting can help, else move it to quarantine with the reason."""
        if failure.reason is Reason.BAD_PATH and source.is_directory_marker:
            failure = Permanent(Reason.IGNORED, f"{source.name!r} is an empty blob that stands for a folder.")
        elif failure.reason is Reason.NOT_AN_IMAGE and source.content_encoding and not isinstance(failure, EndsEarly):
            failure = Permanent(failure.reason, f"{failure.detail} {_MARKED.format(source.content_encoding)}")
        if failure.reason is not Reason.IGNORED and self._may_be_unfinished(source, failure):
            failure = Waiting(Reason.UNFINISHED, _UNFINISHED)
        is_over = take_up.ends_waiting and failure.reason in _MAY_END and source.age >= self.settings.item_wait
        if isinstance(failure, Waiting) and not is_over:
            _end(report, Outcome.WAITING, failure.reason, failure.detail)
            return
        _end(report, Outcome.QUARANTINED, failure.reason, failure.detail)
        if not self.archive.quarantine(source, failure, report):
            if source.is_open:  # appending raises no event
                raise Transient(Reason.STORAGE, f"{source.name!r} still grows. The next delivery looks again.")
            raise Superseded(
                Reason.SOURCE_CHANGED, f"{source.name!r} was replaced or removed before it could move to quarantine."
            )

    def _refuse_unread(self, name: str, failure: Permanent | Waiting, report: Report) -> bool:
        """Leave the blob where it is, with a note in quarantine: a request under its name would reach another blob.

        Returns False if the note was there already.
        """
        _end(report, Outcome.QUARANTINED, failure.reason, failure.detail)
        return self.archive.note_refusal(name, failure, report)

    def _may_be_unfinished(self, source: Source, failure: Failure | None = None) -> bool:
        """Whether somebody may still be writing the upload; then it is too early to judge it."""
        is_partial = source.may_grow or isinstance(failure, EndsEarly) or is_temporary(source.name)
        return is_partial and source.age < self.settings.unfinished_wait


@contextmanager
def measured(report: Report) -> Iterator[None]:
    """Note in ``report`` how long the block takes, and what it uses of BC, however it ends."""
    started = time.perf_counter()
    with usage.counted() as used:
        try:
            yield
        finally:
            report.milliseconds = _milliseconds_since(started)
            report.bc_requests, report.bc_throttled_s = used.requests, round(used.throttled_s, 3)


def note_outcome(report: Report, outcome: Outcome) -> None:
    """Note in ``report`` how an upload ended that has been placed, and why."""
    _end(report, outcome, *_WHY_PLACED.get(outcome, ()))


def _end(report: Report, outcome: Outcome, reason: Reason | None = None, detail: str | None = None) -> None:
    report.outcome, report.reason, report.detail = outcome, reason, detail


_ON_ITEM = (Outcome.UPDATED, Outcome.UNCHANGED)
# What goes to quarantine after ITEM_WAIT. An unknown company never does: the fault may be our own configuration.
_MAY_END = (Reason.ITEM_NOT_FOUND, Reason.REJECTED)
_SETTLING = (
    "The picture is on the item, but an earlier request to Business Central got no answer and may still take effect. "
    "The upload stays in product-images until then, 20 minutes at most."
)
_NEWER_UPLOAD = "The item has a newer upload, or the very upload of which this is a replay."
_WHY_PLACED = {
    Outcome.WAITING: (Reason.SETTLING, _SETTLING),
    Outcome.SUPERSEDED: (Reason.NEWER_UPLOAD, _NEWER_UPLOAD),
}
_NO_COMPANY = (
    "The path names no company, and there is no default. Upload under the company's folder, or ask the operator to set "
    "BC_COMPANY."
)
_MARKED = "It is stored with the Content-Encoding {!r}: upload the picture itself, without that header."
_UNFINISHED = (
    "The file is empty, ends too early or has a temporary name, so somebody may still be writing it. If it stays like "
    "this, it goes to quarantine after a few minutes (UNFINISHED_WAIT)."
)


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
