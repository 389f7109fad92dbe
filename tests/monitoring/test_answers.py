"""Queries answer what plain Python counts among the events of an ordinary day, and of some made up for the purpose."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from devstack.ingestion.tables import Telemetry, query_file
from tests.support.telemetry_events import FIND, WRITE, Call, Delivery, History, ordinary_day

REJECTED = Call(name="write picture", ms=300, status=400, method="PATCH")
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@cache
def day() -> tuple[History, Telemetry]:
    history = ordinary_day(START)
    return history, Telemetry(history.rows)


def last_of_each_file(history: History) -> list[Delivery]:
    return list({delivery.blob: delivery for delivery in sorted(history.deliveries, key=lambda end: end.at)}.values())


def percentile(values: Iterable[float], percent: int) -> float:
    """Return the smallest value that at least so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def times_to_item(history: History) -> list[float]:
    """Return the times of the uploads that did not have to wait for their items; of two for one upload, the shorter."""
    waited = {delivery.blob for delivery in history.deliveries if delivery.reason == "item_not_found"}
    times: dict[str | None, float] = {}
    for delivery in history.deliveries:
        if delivery.seconds is not None and delivery.blob not in waited:
            times[delivery.moved_to] = min(delivery.seconds, times.get(delivery.moved_to, delivery.seconds))
    return list(times.values())


def test_the_tiles_count_each_file_once() -> None:
    history, telemetry = day()
    files = last_of_each_file(history)
    outcomes = Counter(file.outcome for file in files)
    seconds = times_to_item(history)
    assert len(seconds) < sum(delivery.seconds is not None for delivery in history.deliveries) - 2
    assert telemetry.ask("overview.kql") == [
        {"tile": "arrived", "value": 401},
        {"tile": "on items", "value": outcomes["updated"] + outcomes["unchanged"]},
        {"tile": "waiting", "value": outcomes["waiting"]},
        {"tile": "quarantined", "value": 0},
        {"tile": "failing", "value": outcomes[None]},
        {"tile": "in product-images, at the last sweep", "value": 4},
        {"tile": "time to item, p50 (s)", "value": percentile(seconds, 50)},
        {"tile": "time to item, p95 (s)", "value": percentile(seconds, 95)},
        {"tile": "deliveries used up", "value": 1},
    ]


def test_a_tile_shows_what_became_of_a_file_last() -> None:
    history = History()
    history.deliver(START, "a.jpg", "quarantined", reason="too_large")
    history.deliver(START, "b.jpg", None, reason="storage")
    history.deliver(START, "c.jpg", "waiting", reason="item_not_found")
    history.deliver(START, "d.jpg", None, reason="bc_unavailable")
    history.put(START + HOUR, "d.jpg")
    for blob, reason in (("a.jpg", "source_changed"), ("d.jpg", "source_gone")):  # the sweep came at the same time
        history.deliver(START + HOUR + timedelta(seconds=1), blob, "superseded", reason=reason)
    tiles = {row["tile"]: row["value"] for row in Telemetry(history.rows).ask("overview.kql")}
    assert [tiles[name] for name in ("arrived", "on items", "waiting", "quarantined", "failing")] == [4, 1, 1, 1, 1]


def test_what_lies_elsewhere_has_not_arrived() -> None:
    """The event came from another container, the message from another app."""
    history = History()
    history.put(START, "a.jpg")
    history.deliver(START, "b.jpg", "superseded", reason="not_incoming")
    history.use_up(START, "a.jpg")
    history.use_up(START, None)
    tiles = {row["tile"]: row["value"] for row in Telemetry(history.rows).ask("overview.kql")}
    assert (tiles["arrived"], tiles["deliveries used up"]) == (1, 1)


def test_a_failure_that_knows_no_file_counts_no_file() -> None:
    """The sweep could not read the mark of an upload that settles."""
    history = History()
    history.put(START, "a.jpg")
    history.deliver(START, "", None, reason="storage")
    telemetry = Telemetry(history.rows)
    tiles = {row["tile"]: row["value"] for row in telemetry.ask("overview.kql")}
    assert (tiles["arrived"], tiles["failing"]) == (1, 0)
    assert telemetry.ask("waiting.kql") == []
    assert [row["reason"] for row in telemetry.ask("reasons.kql")] == ["storage"]


def test_outcomes_are_counted_by_the_hour() -> None:
    history, telemetry = day()
    endings: dict[tuple[object, ...], datetime] = {}
    for delivery in sorted(history.deliveries, key=lambda delivery: delivery.at):
        endings.setdefault((delivery.outcome, delivery.moved_to or delivery.number), delivery.at)
    expected = Counter((hour_of(at), outcome or "failed") for (outcome, _), at in endings.items())
    assert sum(expected.values()) == len(history.deliveries) - 1
    answer = telemetry.ask("outcomes.kql")
    assert {(row["timestamp"], row["outcome"]): row["uploads"] for row in answer} == expected


def test_what_waits_is_one_outcome_however_often_it_is_tried() -> None:
    history = History()
    for sweep in range(30):
        history.deliver(START + sweep * 5 * MINUTE, "a.jpg", "waiting", reason="rejected", calls=(FIND, REJECTED))
    history.deliver(START + HOUR, "b.jpg", "superseded", reason="source_changed")
    history.put(START + 3 * HOUR, "a.jpg")
    history.deliver(START + 3 * HOUR + timedelta(seconds=1), "a.jpg", "superseded", reason="source_gone")
    answer = Telemetry(history.rows).ask("outcomes.kql")
    assert [(row["timestamp"], row["outcome"], row["uploads"]) for row in answer] == [
        (START, "waiting", 1),
        (START + 3 * HOUR, "updated", 1),
    ]


def test_what_is_sent_twice_counts_once() -> None:
    """The exporter sends again what Application Insights took without telling it."""
    history = History()
    for number in range(20):
        history.put(START + number * MINUTE, f"{number}.jpg", seconds=float(number))
    history.deliver(START, "a.jpg", None, reason="storage")
    once, doubled = Telemetry(history.rows), Telemetry(history.rows * 2)
    for query in ("overview.kql", "outcomes.kql", "time-to-item.kql"):
        assert doubled.ask(query) == once.ask(query)


def test_reasons_come_with_their_last_delivery_and_advice() -> None:
    history, telemetry = day()
    by_reason: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in history.deliveries:
        if delivery.reason:
            by_reason[delivery.reason].append(delivery)
    answer = telemetry.ask("reasons.kql")
    assert {row["reason"]: row["deliveries"] for row in answer} == {name: len(all_) for name, all_ in by_reason.items()}
    for row in answer:
        newest = max(by_reason[row["reason"]], key=lambda delivery: delivery.at)
        assert (row["last_seen"], row["blob"]) == (newest.at, newest.blob)
        assert row["what_to_do"].endswith(".")
    assert [row["deliveries"] for row in answer] == sorted((len(all_) for all_ in by_reason.values()), reverse=True)


def test_a_failure_without_a_reason_shows_as_a_bug() -> None:
    history = History()
    history.deliver(START, "a.jpg", None, detail="KeyError: 'x'")
    history.put(START, "b.jpg")
    (row,) = Telemetry(history.rows).ask("reasons.kql")
    assert (row["reason"], row["detail"]) == ("(none)", "KeyError: 'x'")
    assert "bug" in row["what_to_do"]


def stays_since(history: History) -> dict[str, datetime]:
    """Return for each file that stays in incoming when it came, as far as deliveries tell."""
    since: dict[str, datetime] = {}
    for delivery in sorted(history.deliveries, key=lambda delivery: delivery.at):
        if delivery.outcome in (None, "waiting"):
            since.setdefault(delivery.blob, delivery.at)
        else:
            since.pop(delivery.blob, None)
    return since


def test_what_waits_is_listed_from_its_first_delivery_on() -> None:
    history, telemetry = day()
    end = max(entry.at for entry in (*history.deliveries, *history.sweeps))
    since = stays_since(history)
    assert len(since) > 1
    answer = telemetry.ask("waiting.kql")
    assert {row["blob"]: row["since"] for row in answer} == since
    assert [row["hours"] for row in answer] == sorted(
        (pytest.approx((end - first) / HOUR, abs=0.051) for first in since.values()),
        key=lambda hours: -hours.expected,
    )
    assert {row["state"] for row in answer} == {"waiting"}


def test_a_file_does_not_wait_since_an_earlier_one_of_its_name() -> None:
    history = History()
    history.deliver(START, "a.jpg", "waiting", reason="item_not_found")
    history.put(START + 2 * HOUR, "a.jpg")
    history.deliver(START + 50 * HOUR, "a.jpg", None, reason="storage")
    history.deliver(START + 51 * HOUR, "a.jpg", "superseded", reason="source_changed")  # a delivery of the first one
    history.deliver(START + 52 * HOUR, "a.jpg", "waiting", reason="rejected", detail="A rule.")
    history.deliver(START + 53 * HOUR, "b.jpg", "waiting", reason="item_not_found")
    history.put(START + 54 * HOUR, "b.jpg")
    (row,) = Telemetry(history.rows).ask("waiting.kql")
    assert (row["blob"], row["since"], row["hours"], row["deliveries"]) == ("a.jpg", START + 50 * HOUR, 4, 2)
    assert (row["state"], row["reason"], row["detail"]) == ("waiting", "rejected", "A rule.")


def test_the_sweeps_are_listed_in_order() -> None:
    history, telemetry = day()
    answer = telemetry.ask("sweeps.kql")
    assert [(row["timestamp"], row["oldest_age_s"], row["oldest_waiting_s"]) for row in answer] == [
        (sweep.at, sweep.oldest_age_s, sweep.oldest_waiting_s) for sweep in history.sweeps
    ]
    assert {(row["incoming"], row["waiting"], row["quarantined"]) for row in answer} == {(4, 3, 0)}


def test_calls_to_bc_are_counted_by_purpose_and_status() -> None:
    history, telemetry = day()
    calls = [call for delivery in history.deliveries for call in delivery.calls if call.is_to_bc] + history.sweep_calls
    expected = {
        key: (
            sum((call.name, str(call.status)) == key for call in calls),
            sum((call.name, str(call.status)) == key and call.status >= 400 for call in calls),
        )
        for key in {(call.name, str(call.status)) for call in calls}
    }
    answer = telemetry.ask("bc-calls.kql")
    assert {(row["call"], row["resultCode"]): (row["calls"], row["failed"]) for row in answer} == expected


def test_the_slowest_calls_come_first_with_their_attempts() -> None:
    history, telemetry = day()
    calls = [call for delivery in history.deliveries for call in delivery.calls if call.is_to_bc] + history.sweep_calls
    slowest = sorted(calls, key=lambda call: -call.ms)[:20]
    answer = telemetry.ask("bc-slow.kql")
    assert [row["seconds"] for row in answer] == [round(call.ms / 1000, 2) for call in slowest]
    assert {row["attempt"] for row in answer if row["seconds"] == 16} == {"6"}


def test_throttling_is_a_share_of_the_calls_time() -> None:
    history, telemetry = day()
    waited: dict[datetime, float] = defaultdict(float)
    took: dict[datetime, float] = defaultdict(float)
    assert history.sweep_calls, "they are no uploads', and do not count"
    for delivery in history.deliveries:
        quarter = delivery.at - timedelta(
            minutes=delivery.at.minute % 15, seconds=delivery.at.second, microseconds=delivery.at.microsecond
        )
        waited[quarter] += delivery.throttled_s
        took[quarter] += sum(call.ms for call in delivery.calls if call.is_to_bc) / 1000
    expected = {quarter: 100 * waited[quarter] / took[quarter] for quarter in took if took[quarter]}
    answer = {row["timestamp"]: row["percent"] for row in telemetry.ask("throttled.kql")}
    assert answer == pytest.approx(expected)
    assert any(answer.values())


def test_waiting_before_calls_is_the_whole_time_at_most() -> None:
    history = History()
    history.put(START, "a.jpg", throttled_s=200.0)
    assert [row["percent"] for row in Telemetry(history.rows).ask("throttled.kql")] == [100]


def test_a_sweep_that_could_not_do_all_says_why() -> None:
    history = History()
    history.sweep(START, incoming=3)
    history.sweep(START + HOUR, incoming=3, reason="bc_unavailable", detail="BC answered 503.")
    history.sweep(START + 2 * HOUR, incoming=4, detail="The time was over. The next sweep goes on.")
    answer = Telemetry(history.rows).ask("sweep-troubles.kql")
    assert [(row["timestamp"], row["reason"], row["detail"][:4], row["incoming"]) for row in answer] == [
        (START + 2 * HOUR, "", "The ", 4),
        (START + HOUR, "bc_unavailable", "BC a", 3),
    ]


def test_rendering_is_measured_by_the_hour() -> None:
    history, telemetry = day()
    by_hour: dict[datetime, list[Delivery]] = defaultdict(list)
    for delivery in history.deliveries:
        if delivery.render_ms is not None:
            by_hour[hour_of(delivery.at)].append(delivery)
    answer = telemetry.ask("render-time.kql")
    assert [row["timestamp"] for row in answer] == sorted(by_hour)
    for row in answer:
        renders = [delivery.render_ms or 0 for delivery in by_hour[row["timestamp"]]]
        assert (row["p50_ms"], row["p95_ms"]) == (percentile(renders, 50), percentile(renders, 95))
        assert row["longest_ms"] == max(renders)
        largest = max(delivery.bytes_in for delivery in by_hour[row["timestamp"]])
        assert row["largest_mib"] == round(largest / 1024**2, 1)


def test_the_steps_are_measured() -> None:
    history, telemetry = day()
    rendered = [delivery.render_ms for delivery in history.deliveries if delivery.render_ms is not None]
    answer = {row["name"]: row for row in telemetry.ask("steps.kql")}
    assert answer["process upload"]["times"] == len(history.deliveries)
    assert answer["render picture"]["times"] == len(rendered)
    assert answer["render picture"]["p95_ms"] == percentile(rendered, 95)


def find(history: History, wanted: str) -> list[dict[str, Any]]:
    return Telemetry(history.rows).ask(query_file("find.kql").replace('wanted = ""', f'wanted = "{wanted}"'))


@pytest.mark.parametrize(
    ("wanted", "blobs"),
    [
        ("1896", ["CRONUS/1896-S.jpg", "by id.jpg"]),
        ("desk", ["Nordwind/Desk.jpg"]),
        ("NORDWIND", ["Nordwind/Desk.jpg"]),
        ("F619", []),
        ("f61949dd-c5e1-5f1c-ba9f-058c838c1a04", ["by id.jpg"]),
        ("u-2", ["Nordwind/Desk.jpg"]),
        ("", []),
    ],
)
def test_search_finds_files_items_and_companies(wanted: str, blobs: list[str]) -> None:
    history = History()
    history.put(START, "CRONUS/1896-S.jpg", item_number=None)
    history.deliver(START, "Nordwind/Desk.jpg", "waiting", reason="item_not_found", company="Nordwind")
    history.put(START, "by id.jpg", item_number="1896-S", item_id="f61949dd-c5e1-5f1c-ba9f-058c838c1a04")
    answer = find(history, wanted)
    assert sorted(row["blob"] for row in answer) == blobs
    assert all(row["trace"] for row in answer)


def test_search_shows_an_uploads_whole_story() -> None:
    history = History()
    history.deliver(
        START, "a.jpg", None, reason="bc_unavailable", calls=(FIND, Call(name="find items", ms=9, attempt=6))
    )
    history.use_up(START + HOUR, "a.jpg")
    history.put(START + 2 * HOUR, "a.jpg", replay=True)
    newest, used_up, oldest = find(history, "a.jpg")
    assert (newest["outcome"], newest["replay"], newest["moved_to"]) == ("updated", "True", "archive/a.jpg")
    assert used_up["event"] == "delivery_exhausted"
    assert (oldest["event"], oldest["reason"], oldest["bc_requests"]) == ("upload_failed", "bc_unavailable", 7)


def test_our_wait_is_network_and_bcs_queue_and_server() -> None:
    history = History()
    for _ in range(3):
        delivery = history.put(START, "a.jpg")
        history.bc_served(delivery, FIND, server="00:00:00.0500000", queue="00:00:00.0200000")
        history.bc_served(delivery, WRITE, server="00:00:00.6000000", queue="00:00:00.1000000")
    lonely = history.put(START, "b.jpg")
    history.bc_served(lonely, FIND, server="00:00:00.0500000", queue="00:00:00")
    history.bc_served(lonely, FIND, server="00:00:00.0500000", queue="00:00:00")
    assert Telemetry(history.rows).ask("bc-own.kql") == [
        {"method": "GET", "calls": 3, "our_wait_ms": 120, "network_ms": 50, "queue_ms": 20, "server_ms": 50},
        {"method": "PATCH", "calls": 3, "our_wait_ms": 900, "network_ms": 200, "queue_ms": 100, "server_ms": 600},
    ]


def test_a_company_is_unknown_until_two_hours_without_it() -> None:
    history = History()
    for hour in range(30):
        named = '["Nordwind", "Südwind"]' if hour < 25 else '["Südwind"]'
        history.sweep(START + hour * HOUR, companies=named if hour % 2 else None)
    (row,) = Telemetry(history.rows).ask("unknown-companies.kql")
    assert (row["company"], row["hours"]) == ("Südwind", 15)
    assert (row["first_named"], row["last_named"]) == (START + HOUR, START + 29 * HOUR)


def test_a_trace_shows_the_upload_step_by_step() -> None:
    history = History()
    history.put(START, "other.jpg")
    delivery = history.put(START, "a.jpg")
    (found,) = find(history, "a.jpg")
    assert found["operation_Id"] == delivery.trace
    query = query_file("trace.kql").replace('operation = ""', f'operation = "{delivery.trace}"')
    answer = Telemetry(history.rows).ask(query)
    assert [row["what"] for row in answer if row["part"] == "record"] == ["upload_finished"]
    assert {row["what"] for row in answer if row["part"] == "step"} == {
        "process upload",
        "render picture",
        "place picture",
    }
    assert {row["what"] for row in answer if row["part"] == "call"} == {"read record", "find items", "write picture"}
    assert len(answer) == 7
    assert answer[0]["duration_ms"] == delivery.duration_ms
    assert [row["result"].strip() for row in answer if row["part"] == "record"] == ["updated"]
