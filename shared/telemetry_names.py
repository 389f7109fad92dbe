"""Names what the app writes into Application Insights; queries, alerts and documents use the same names. Pure."""

from dataclasses import dataclass

LOGGER = "item_picture_sync"  # the only logger whose records are sent
PREFIX = "item_picture."  # of every dimension
MEASUREMENTS = "microsoft.custom_measurements"  # the exporter turns this attribute of a record into numbers

PROCESS_UPLOAD, RENDER_PICTURE, PLACE_PICTURE = SPANS = ("process upload", "render picture", "place picture")
CALL, ATTEMPT = CALL_DIMENSIONS = ("call", "attempt")  # of the requests to BC and storage


@dataclass(frozen=True)
class Record:
    """Names what the records of one event carry, if it is known."""

    dimensions: tuple[str, ...]  # without the prefix
    measurements: tuple[str, ...] = ()


_UPLOAD = Record(
    (
        *("blob", "upload_id", "company", "item_number", "item_id"),
        *("outcome", "reason", "detail", "replay", "moved_to"),
    ),
    ("time_to_item_s", "duration_ms", "render_ms", "bytes_in", "bytes_out", "bc_requests", "bc_throttled_s"),
)
UPLOAD_FINISHED, UPLOAD_FAILED = "upload_finished", "upload_failed"
SWEEP_FINISHED, DELIVERY_EXHAUSTED = "sweep_finished", "delivery_exhausted"
RECORDS = {
    UPLOAD_FINISHED: _UPLOAD,
    UPLOAD_FAILED: _UPLOAD,
    SWEEP_FINISHED: Record(
        ("company", "reason", "detail"),  # the unknown companies, as a list in JSON; why it stopped, or look-ups failed
        ("waiting", "incoming", "oldest_age_s", "oldest_waiting_s", "quarantined", "duration_ms"),
    ),
    DELIVERY_EXHAUSTED: Record(("blob", "detail")),
}
