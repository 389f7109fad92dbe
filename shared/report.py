"""What is told about each upload: one line of JSON in the log, at its end."""

import json
import logging
from dataclasses import asdict, dataclass
from enum import StrEnum

from shared.errors import Failure, Reason

_log = logging.getLogger("item_picture_sync")


class Outcome(StrEnum):
    """How an upload ended; one for every invocation that did not raise."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    WAITING = "waiting"
    QUARANTINED = "quarantined"


@dataclass
class Report:
    """What is known of one upload so far; filled in on its way, so that a failure tells how far it came.

    Sizes are in bytes, sides in pixels. ``kept`` is where the picture lies that BC had before; ``repeated`` tells of a
    picture that was written again: the answer to the first write was lost, or an older picture had come after it.
    """

    blob: str
    upload_id: str
    outcome: Outcome | None = None
    reason: Reason | None = None
    detail: str | None = None
    etag: str | None = None
    company: str | None = None
    item_number: str | None = None
    item_id: str | None = None
    replaced: bool | None = None
    kept: str | None = None
    repeated: bool = False
    width: int | None = None
    height: int | None = None
    content_type: str | None = None
    quality: int | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    moved_to: str | None = None
    milliseconds: float | None = None


def upload_finished(report: Report) -> None:
    """Log an upload that ended with an outcome; a quarantined picture is a warning, for somebody must act."""
    somebody_acts = report.outcome is Outcome.QUARANTINED and report.reason is not Reason.IGNORED
    _log.log(logging.WARNING if somebody_acts else logging.INFO, "%s", _line("upload_finished", report))


def upload_failed(report: Report, error: Exception) -> None:
    """Log an upload that will be delivered again; an error that is no ``Failure`` is a bug in this app."""
    report.outcome = None  # it may have been on its last step
    report.reason = error.reason if isinstance(error, Failure) else None
    report.detail = error.detail if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
    _log.error("%s", _line("upload_failed", report))


def _line(event: str, report: Report) -> str:
    return json.dumps({"event": event, **asdict(report)}, ensure_ascii=False)
