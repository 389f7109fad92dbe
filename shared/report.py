"""Logs one line of JSON at the end of each upload."""

import json
import logging
from dataclasses import asdict, dataclass
from enum import StrEnum

from shared.errors import Failure, Reason

_log = logging.getLogger("item_picture_sync")


class Outcome(StrEnum):
    """How an upload ended; every invocation that does not raise has one."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    WAITING = "waiting"
    QUARANTINED = "quarantined"


@dataclass
class Report:
    """Collects what we learn about one upload on its way, so that a failure shows how far it got.

    Sizes are in bytes, sides in pixels. ``kept`` is where the picture is that BC had before. ``repeated`` marks a
    picture that was written again, because the first answer was lost or an older picture landed on top.
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
    """Log an upload that ended with an outcome; a quarantined one is a warning, since somebody must act."""
    needs_action = report.outcome is Outcome.QUARANTINED and report.reason is not Reason.IGNORED
    _log.log(logging.WARNING if needs_action else logging.INFO, "%s", _line("upload_finished", report))


def upload_failed(report: Report, error: Exception) -> None:
    """Log an upload that will be delivered again; an error other than a ``Failure`` is a bug in this app."""
    report.outcome = None  # it may have failed on its last step
    report.reason = error.reason if isinstance(error, Failure) else None
    report.detail = error.detail if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
    _log.error("%s", _line("upload_failed", report))


def _line(event: str, report: Report) -> str:
    return json.dumps({"event": event, **asdict(report)}, ensure_ascii=False)
