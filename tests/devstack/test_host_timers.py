"""Timers in the local host: on schedule, in one host at a time, and never two calls at once."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from devstack.functions_host.timers import LEASE_SECONDS, next_time
from tests.support.hosted import EVERY_SECOND, small_app
from tests.support.local_stack import LocalStack


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("*/2 * * * * *", "2026-03-01T12:00:08"),
        ("0 */5 * * * *", "2026-03-01T12:05:00"),
        ("30 0 6 * * 1-5", "2026-03-02T06:00:30"),
        ("0 0 0 1 * 1", "2026-06-01T00:00:00"),  # NCRONTAB wants the day of the month and the day of the week
        ("*/5 * * * *", "2026-03-01T12:05:00"),
    ],
)
def test_schedule_is_ncrontab(schedule: str, due: str) -> None:
    assert next_time(schedule, datetime(2026, 3, 1, 12, 0, 6, 500_000, UTC)).isoformat() == f"{due}+00:00"


def test_timer_comes_in_one_of_three_hosts_and_moves_on(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, hosts=3, TIMER_SCHEDULE=EVERY_SECOND) as app:
        ticks = app.wait("tick_started", 4)
        assert len({tick["host"] for tick in ticks}) == 1
        seconds = [int(tick["at"]) for tick in ticks]
        assert seconds == sorted(set(seconds))
        (host,) = [host for host in app.hosts if host.pid == ticks[0]["host"]]
        host.kill()
        killed = len(app.said("tick_started"))
        later = app.wait("tick_started", killed + 3)[killed:]
        assert len({tick["host"] for tick in later}) == 1
        assert later[0]["host"] != ticks[0]["host"]
        assert later[0]["at"] - ticks[-1]["at"] < LEASE_SECONDS + 10


def test_slow_timer_never_overlaps_nor_catches_up(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, TIMER_SCHEDULE=EVERY_SECOND, TIMER_SECONDS="1.4") as app:
        app.wait("tick_ended", 3)
        ticks = [event["event"] for event in app.events if event["event"].startswith("tick")][:6]
        assert ticks == ["tick_started", "tick_ended"] * 3
        seconds = [int(event["at"]) for event in app.said("tick_started")]
        assert all(later - earlier >= 2 for earlier, later in pairwise(seconds))
