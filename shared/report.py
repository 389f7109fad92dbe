"""Logs one line of JSON at the end of each upload and of each sweep."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from shared.errors import Failure, Reason

TRIGGER = "item_picture_uploaded"  # the function whose deliveries the host counts
_SHOWN = 1000  # bytes of a foreign message
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


@dataclass
class SweepReport:
    """Collects what one sweep did; ages are in seconds, 0 if there is nothing of that age.

    Of the ``incoming`` uploads that were listed, ``looked_at`` had a turn. ``outcomes`` counts those that ended, and
    ``waiting``, by reason, those that stay. ``failed`` ones had a transient failure; for ``not_begun`` ones no time was
    left. ``oldest_age_s`` is that of the oldest upload that is still there and waits for nothing in BC,
    ``oldest_waiting_s`` of the oldest that waits for an item or a rule.
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
    failures: list[str] = field(default_factory=list)
    stopped: str | None = None
    milliseconds: float | None = None


def upload_finished(report: Report) -> None:
    """Log an upload that ended with an outcome; a quarantined one is a warning, since somebody must act."""
    needs_action = report.outcome is Outcome.QUARANTINED and report.reason is not Reason.IGNORED
    _log.log(logging.WARNING if needs_action else logging.INFO, "%s", _line("upload_finished", asdict(report)))


def upload_failed(report: Report, error: Exception) -> None:
    """Log an upload that will be delivered again; an error other than a ``Failure`` is a bug in this app."""
    report.outcome = None  # it may have failed on its last step
    report.reason = error.reason if isinstance(error, Failure) else None
    report.detail = error.detail if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
    _log.error("%s", _line("upload_failed", asdict(report)))


def sweep_finished(report: SweepReport) -> None:
    """Log a sweep; one that left uploads behind is a warning."""
    level = logging.WARNING if report.failed or report.not_begun or report.unknown_companies else logging.INFO
    _log.log(level, "%s", _line("sweep_finished", asdict(report)))


def delivery_exhausted(message: bytes) -> None:
    """Log a poison message of the host: all deliveries of an upload have failed, and the next sweep takes it up.

    Never raises, whatever the message is: other apps on the account may use the same queue.
    """
    try:
        content = json.loads(message)
        function = str(content["FunctionId"])
        facts = {"blob": str(content["BlobName"]), "etag": content.get("ETag"), "function": function}
        is_ours = function.rpartition(".")[2] == TRIGGER
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_ours, facts = False, {"blob": None, "etag": None, "function": None}
    # Reading takes the message from the queue: of another app's, our log is all that is left.
    facts["detail"] = None if is_ours else f"Not of this app: {message[:_SHOWN].decode(errors='replace')!r}"
    _log.warning("%s", _line("delivery_exhausted", facts))


def _line(event: str, facts: Mapping[str, object]) -> str:
    line = json.dumps({"event": event, **facts}, ensure_ascii=False)
    return line.encode(errors="replace").decode()  # a foreign message may have half a character, which nobody can write
