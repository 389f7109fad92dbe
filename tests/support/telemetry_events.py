"""Makes up what happens to uploads, and the rows that Application Insights would store of it.

The events themselves are kept, so that a test can count in Python what a query must answer. Names are spelt out here
once more: a name that the app changes without its queries must fail a test.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from devstack.ingestion.tables import Row

_BC_CALLS = ("read companies", "find items", "read picture", "write picture")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to BC or storage; ``ms`` is its time, waits included."""

    name: str
    ms: float
    status: int = 200
    method: str = "GET"
    attempt: int | None = None

    @property
    def is_to_bc(self) -> bool:
        """Whether BC is asked."""
        return self.name in _BC_CALLS


FIND, WRITE = Call(name="find items", ms=120), Call(name="write picture", ms=900, status=204, method="PATCH")
RECORD = Call(name="read record", ms=8)
# What BC's 503s, its silence and storage's 503s look like; in none of them does BC limit the app's requests.
UNAVAILABLE = Call(name="find items", ms=16_000, status=503, attempt=6)
UNANSWERED = Call(name="write picture", ms=60_000, status=504, method="PATCH")
UNREADABLE = Call(name="read upload", ms=9_000, status=503)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One delivery of an upload, as it ended; ``outcome`` is None if it failed."""

    at: datetime
    blob: str
    outcome: str | None = "updated"
    reason: str | None = None
    detail: str | None = None
    company: str | None = "CRONUS USA, Inc."
    item_number: str | None = None
    item_id: str | None = None
    moved_to: str | None = None
    replay: bool = False
    seconds: float | None = None
    render_ms: float | None = None
    bytes_in: int = 500_000
    bytes_out: int | None = None
    throttled_s: float = 0
    calls: tuple[Call, ...] = ()
    number: int = 0

    @property
    def event(self) -> str:
        """The record's name."""
        return "upload_finished" if self.outcome else "upload_failed"

    @property
    def trace(self) -> str:
        """The id of its trace."""
        return f"{self.number:032x}"

    @property
    def duration_ms(self) -> float:
        """How long it took."""
        return sum(call.ms for call in self.calls) + (self.render_ms or 0) + 5


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One sweep, with what it found and left."""

    at: datetime
    incoming: int = 0
    waiting: int = 0
    quarantined: int = 0
    oldest_age_s: float = 0
    oldest_waiting_s: float = 0
    companies: str | None = None  # as JSON
    reason: str | None = None
    detail: str | None = None
    calls: tuple[Call, ...] = ()


@dataclass
class History:
    """Collects deliveries and sweeps, with their rows by table."""

    deliveries: list[Delivery] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    sweep_calls: list[Call] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def deliver(self, at: datetime, blob: str, outcome: str | None = "updated", **facts: Any) -> Delivery:
        """Add a delivery that ended at ``at``."""
        delivery = Delivery(at=at, blob=blob, outcome=outcome, number=next(self._numbers), **facts)
        self.deliveries.append(delivery)
        dimensions = {
            "blob": blob,
            "upload_id": f"u-{delivery.number}",
            "replay": delivery.replay,
            **{
                name: getattr(delivery, name)
                for name in ("company", "item_number", "item_id", "outcome", "reason", "detail", "moved_to")
            },
        }
        measurements = {
            "time_to_item_s": delivery.seconds,
            "duration_ms": delivery.duration_ms,
            "render_ms": delivery.render_ms,
            "bytes_in": delivery.bytes_in,
            "bytes_out": delivery.bytes_out,
            "bc_requests": sum(call.attempt or 1 for call in delivery.calls if call.is_to_bc),
            "bc_throttled_s": delivery.throttled_s,
        }
        self._trace(at, delivery.event, dimensions, measurements, delivery.trace)
        self._dependency(at, "process upload", delivery.duration_ms, delivery.trace)
        if delivery.render_ms is not None:
            self._dependency(at, "render picture", delivery.render_ms, delivery.trace)
        if any(call.method == "PATCH" for call in delivery.calls):
            self._dependency(at, "place picture", sum(call.ms for call in delivery.calls), delivery.trace)
        for call in delivery.calls:
            self._call(at, call, delivery.trace)
        return delivery

    def put(self, at: datetime, blob: str, **facts: Any) -> Delivery:
        """Add a delivery that put a picture onto its item."""
        usual = {"seconds": 4.0, "render_ms": 150.0, "bytes_out": 40_000, "calls": (RECORD, FIND, WRITE)}
        return self.deliver(at, blob, **{"moved_to": f"archive/{blob}", "item_number": "1896-S", **usual, **facts})

    def sweep(self, at: datetime, **facts: Any) -> Sweep:
        """Add a sweep."""
        sweep = Sweep(at=at, **facts)
        self.sweeps.append(sweep)
        numbers = ("incoming", "waiting", "quarantined", "oldest_age_s", "oldest_waiting_s")
        measurements = {"duration_ms": 800.0, **{name: getattr(sweep, name) for name in numbers}}
        dimensions = {"company": sweep.companies, "reason": sweep.reason, "detail": sweep.detail}
        trace = f"5{len(self.sweeps):031x}"
        self._trace(at, "sweep_finished", dimensions, measurements, trace)
        for call in sweep.calls:
            self.sweep_calls.append(call)
            self._call(at, call, trace)
        return sweep

    def sweep_every_five_minutes(self, after: datetime, until: datetime, **facts: Any) -> None:
        """Add sweeps as the default schedule has them."""
        at = after
        while (at := at + timedelta(minutes=5)) <= until:
            self.sweep(at, **facts)

    def use_up(self, at: datetime, blob: str | None) -> None:
        """Add the record of an upload whose deliveries are used up; without ``blob``, it is another app's."""
        detail = None if blob else "Not of this app: 300 bytes for the function Host.Functions.other."
        self._trace(at, "delivery_exhausted", {"blob": blob, "detail": detail}, {})

    def bc_served(self, delivery: Delivery, call: Call, server: str, queue: str) -> None:
        """Add what BC's own telemetry tells of a call; it writes our trace's id as a GUID."""
        trace = delivery.trace
        guid = "-".join((trace[:8], trace[8:12], trace[12:16], trace[16:20], trace[20:]))
        dimensions = {
            "eventId": "RT0008",
            "httpMethod": call.method,
            "httpStatusCode": call.status,
            "serverExecutionTime": server,
            "requestQueueTime": queue,
        }
        row = {"timestamp": delivery.at, "message": f"Web service called (API): {call.method}", "operation_Id": guid}
        self.rows.append({"table": "traces", **row, "customDimensions": _strings(dimensions)})

    def _trace(
        self, at: datetime, message: str, dimensions: dict[str, Any], measurements: dict[str, Any], trace: str = ""
    ) -> None:
        ours = {f"item_picture.{name}": value for name, value in dimensions.items()}
        known = {name: float(value) for name, value in measurements.items() if value is not None}
        row = {"timestamp": at, "message": message, "operation_Id": trace, "itemId": f"row {len(self.rows)}"}
        facts = {"customDimensions": _strings(ours), "customMeasurements": known}
        self.rows.append({"table": "traces", **row, **facts})

    def _dependency(self, at: datetime, name: str, ms: float, trace: str, **columns: Any) -> None:
        row = {"timestamp": at, "name": name, "duration": ms, "operation_Id": trace, "success": "True", **columns}
        self.rows.append({"table": "dependencies", "itemId": f"row {len(self.rows)}", "resultCode": "0", **row})

    def _call(self, at: datetime, call: Call, trace: str) -> None:
        host = "api.businesscentral.dynamics.com" if call.is_to_bc else "pictures.blob.core.windows.net"
        dimensions = _strings({"item_picture.call": call.name, "item_picture.attempt": call.attempt})
        answer = {"resultCode": str(call.status), "success": str(call.status < 400)}
        columns = {"type": "HTTP", "target": host, "customDimensions": dimensions, **answer}
        self._dependency(at, f"{call.method} /", call.ms, trace, **columns)


def _strings(dimensions: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in dimensions.items() if value is not None}


def ordinary_day(morning: datetime) -> History:
    """Return a day as most are: uploads at work, small troubles that end by themselves, some waiting for items."""
    history, chance = History(), Random(7)
    evening = morning + timedelta(hours=24)
    waiting_s = 30 * 3600.0
    at = morning
    while (at := at + timedelta(minutes=5)) <= evening:
        if timedelta(hours=12) <= at - morning < timedelta(hours=12, minutes=15):
            continue  # a deployment
        busy = chance.random() < 0.1
        ages = {"oldest_age_s": 240 if busy else 0, "oldest_waiting_s": waiting_s}
        look_up = Call(name="read companies", ms=300)
        history.sweep(at, incoming=4, waiting=3, **ages, calls=(look_up,))
        waiting_s += 300
    for number in range(400):
        at = morning + timedelta(hours=6, seconds=number * 120 + chance.random() * 60)
        _upload(history, chance, at, f"CRONUS USA, Inc/{1000 + number}.jpg")
    history.use_up(morning + timedelta(hours=9), "CRONUS USA, Inc/1040.jpg")
    # Trigger and sweep took one up together, and both found it on its item.
    twice = history.put(morning + timedelta(hours=10), "CRONUS USA, Inc/twice.jpg", seconds=9.0)
    history.put(twice.at + timedelta(seconds=2), twice.blob, seconds=11.0)
    return history


def _upload(history: History, chance: Random, at: datetime, blob: str) -> None:
    facts: dict[str, Any] = {
        "seconds": round(1 + chance.expovariate(0.4), 3),
        "render_ms": round(chance.uniform(60, 400), 1),
        "bytes_in": chance.randint(100_000, 8_000_000),
        "bytes_out": chance.randint(20_000, 90_000),
        "item_number": blob.rpartition("/")[2].removesuffix(".jpg"),
        "calls": (RECORD, FIND, Call(name="write picture", ms=chance.uniform(400, 1500), status=204, method="PATCH")),
    }
    kind = chance.random()
    if kind < 0.01:  # the host delivers again at once
        reason = {"reason": "bc_unavailable", "detail": "BC answered 503."}
        history.deliver(at, blob, None, calls=(UNAVAILABLE,), **reason)
        history.put(at + timedelta(seconds=25), blob, **facts | {"seconds": 25.0})
    elif kind < 0.03:
        history.deliver(at, blob, "waiting", reason="item_not_found", detail="No item.", calls=(FIND,))
        if chance.random() < 0.5 and at.hour < 15:
            history.put(at + timedelta(hours=2), blob, **facts | {"seconds": 7200.0})
    elif kind < 0.06:
        history.deliver(at, blob, "quarantined", reason="ignored", moved_to=f"quarantine/{blob}")
    elif kind < 0.08:
        history.deliver(at, blob, "superseded", reason="newer_upload", moved_to=f"archive/{blob}", calls=(RECORD, FIND))
    elif kind < 0.1:
        history.put(at, blob, outcome="unchanged", **facts)
    elif kind < 0.12:
        history.put(at, blob, replay=True, **facts | {"seconds": None})
    elif kind < 0.14:
        history.put(at, blob, throttled_s=0.3, **facts)
    else:
        history.put(at, blob, **facts)
