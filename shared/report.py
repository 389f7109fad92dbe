"""Logs one record at the end of each upload and of each sweep: a line of JSON, and attributes for telemetry."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from shared import telemetry_names as names
from shared.errors import Failure, Reason
from shared.redaction import without_queries

TRIGGER = "item_picture_uploaded"  # the function whose deliveries the host counts
_NAME_MAX = 100  # characters of a foreign function's name
_DIMENSION_MAX = 8192  # characters; the exporter cuts what is longer, and half a list is none
_log = logging.getLogger(names.LOGGER)


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
    picture that was written again, because the first answer was lost or an older picture landed on top. Of a picture
    that this delivery put onto its item, or was the first to find there, ``time_to_item_s`` is the time since the
    upload was written.
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
    replay: bool | None = None
    time_to_item_s: float | None = None
    render_ms: float | None = None
    bc_requests: int = 0
    bc_throttled_s: float = 0
    milliseconds: float | None = None


@dataclass
class SweepReport:
    """Collects what one sweep did; ages are in seconds, 0 if there is nothing of that age.

    Of the ``incoming`` uploads that were listed, ``looked_at`` had a turn. ``outcomes`` counts those that ended, and
    ``waiting``, by reason, those that stay. ``failed`` ones had a transient failure; for ``not_begun`` ones no time was
    left. ``oldest_age_s`` is that of the oldest upload that is still there although its item is there too,
    ``oldest_waiting_s`` of the oldest that waits for an item or a rule. Uploads whose items could not be looked up
    count for neither, unless BC refuses to look them up and they are older than a day: then for the first. ``reason``
    is why the sweep stopped, or a look-up failed.
    """

    sweep_id: str
    incoming: int = 0
    looked_at: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    not_begun: int = 0
    oldest_age_s: float = 0
    oldest_waiting_s: float = 0
    unknown_companies: list[str] = field(default_factory=list)
    more_unknown_companies: int = 0
    failures: list[str] = field(default_factory=list)
    reason: Reason | None = None
    stopped: str | None = None
    milliseconds: float | None = None


@dataclass(frozen=True)
class Line:
    """A log message: reads as one line of JSON, and knows its ``event``."""

    event: str
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        return _writable(json.dumps({"event": self.event, **self.facts}, ensure_ascii=False))


def upload_finished(report: Report) -> None:
    """Log an upload that ended with an outcome; a quarantined one is a warning, since somebody must act."""
    needs_action = report.outcome is Outcome.QUARANTINED and report.reason is not Reason.IGNORED
    _log_upload(logging.WARNING if needs_action else logging.INFO, names.UPLOAD_FINISHED, report)


def upload_failed(report: Report, error: Exception, advice: str = "") -> None:
    """Log an upload that will be delivered again; an error other than a ``Failure`` is a bug in this app."""
    report.outcome = None  # it may have failed on its last step
    report.reason = error.reason if isinstance(error, Failure) else None
    detail = error.detail if isinstance(error, Failure) else f"{type(error).__name__}: {without_queries(str(error))}"
    report.detail = f"{detail} {advice}" if advice else detail
    _log_upload(logging.ERROR, names.UPLOAD_FAILED, report)


def sweep_finished(report: SweepReport) -> None:
    """Log a sweep; one that left uploads behind is a warning."""
    level = logging.WARNING if report.failed or report.not_begun or report.unknown_companies else logging.INFO
    companies = report.unknown_companies
    while len(listed := json.dumps(companies, ensure_ascii=False)) > _DIMENSION_MAX:
        companies = companies[:-1]
    more = report.more_unknown_companies + len(report.unknown_companies) - len(companies)
    details = [report.stopped, *report.failures, f"BC does not know {more} more companies." if more else None]
    measured = {
        "company": listed if companies else None,
        "detail": " ".join(filter(None, details)) or None,
        "waiting": sum(report.waiting.values()),
        "quarantined": report.outcomes.get(Outcome.QUARANTINED, 0),
        "duration_ms": report.milliseconds,
    }
    _write(level, names.SWEEP_FINISHED, asdict(report), measured)


def delivery_exhausted(message: bytes) -> None:
    """Log a poison message of the host: all deliveries of an upload have failed, and the next sweep takes it up.

    Never raises, whatever the message is: other apps on the account may use the same queue. Of theirs, only the
    function and the length are told.
    """
    facts: dict[str, str | None] = dict.fromkeys(("blob", "etag", "function"))
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        content = json.loads(message)
        facts["function"] = str(content["FunctionId"])[:_NAME_MAX]
        if str(facts["function"]).rpartition(".")[2] == TRIGGER:
            etag = content.get("ETag")
            facts |= {"etag": etag and str(etag), "blob": str(content["BlobName"])}
    if facts["blob"] is None:  # what another app's message says is not for our logs
        facts["detail"] = f"Not of this app: {len(message)} bytes for the function {facts['function']}."
    _write(logging.WARNING, names.DELIVERY_EXHAUSTED, {"detail": None, **facts}, {})


def _log_upload(level: int, event: str, report: Report) -> None:
    _write(level, event, asdict(report), {"duration_ms": report.milliseconds})


def _write(level: int, event: str, facts: Mapping[str, Any], otherwise: Mapping[str, Any]) -> None:
    """Log one record: ``facts`` as its line, and what is known of the event's names as attributes.

    ``otherwise`` holds what Application Insights gets under another name, or in another form.
    """
    known = {name: value for name, value in {**facts, **otherwise}.items() if value is not None}
    record = names.RECORDS[event]
    dimensions = {f"{names.PREFIX}{name}": _writable(str(known[name])) for name in record.dimensions if name in known}
    measurements = {name: known[name] for name in record.measurements if name in known}
    # Telemetry's handler lets its own errors through; the upload has ended as it has.
    with suppress(Exception):
        # Without telemetry nobody reads the attributes; the worker drops them.
        _log.log(level, Line(event, facts), extra={**dimensions, names.MEASUREMENTS: measurements})


def _writable(text: str) -> str:
    """Return ``text`` without half characters, which nobody can write; a foreign message may have some."""
    return text.encode(errors="replace").decode()
