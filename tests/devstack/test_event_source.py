"""The stand-in for Event Grid announces each write once, and on request twice, late or never."""

from pathlib import Path

from devstack.programs import EventFaults
from tests.support.hosted import EVERY_SECOND, small_app
from tests.support.local_stack import LocalStack


def test_each_write_is_announced_once(local: LocalStack, tmp_path: Path) -> None:
    local.upload("pass-before", b"")
    with small_app(local, tmp_path, TIMER_SCHEDULE=EVERY_SECOND) as app:
        app.upload("pass-0")
        app.wait("ended", 1, blob="pass-0")
        app.upload("pass-0")
        app.wait("ended", 2, blob="pass-0")
        app.wait_for_ticks(3)
        assert len(app.said("started", blob="pass-0")) == 2  # although the app leaves it there
        assert not app.said("started", blob="pass-before")


def test_what_was_there_before_is_announced_on_request(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, existing=["pass-before"]) as app:
        app.wait("ended", blob="pass-before")


def test_awkward_names_are_announced_as_they_are(local: LocalStack, tmp_path: Path) -> None:
    names = ["pass/Möbel & Söhne/10%25 <a>.jpg", "pass/a+b#c?d.jpg", "pass/ two  blanks .jpg"]
    with small_app(local, tmp_path) as app:
        app.upload(*names)
        app.wait("ended", 3)
        assert sorted(event["blob"] for event in app.said("ended")) == sorted(names)


def test_events_come_twice_and_late_on_request(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, event_faults=EventFaults(twice=1, late=1, seed=4)) as app:
        app.upload("pass-0", "pass-1")
        app.wait("ended", 4)
        assert sorted(event["blob"] for event in app.said("ended")) == ["pass-0", "pass-0", "pass-1", "pass-1"]


def test_events_are_lost_on_request(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, event_faults=EventFaults(lost=1), TIMER_SCHEDULE=EVERY_SECOND) as app:
        app.upload("pass-0")
        app.wait("event_lost", blob="pass-0")
        app.wait_for_ticks()
        assert not app.said("started")
