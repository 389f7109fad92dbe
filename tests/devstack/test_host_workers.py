"""What the local host does when a worker or the host itself dies, or a call takes too long."""

import time
from pathlib import Path

import pytest

from devstack.machine.children import ChildFailedError
from tests.devstack.dev_commands import still_running, until
from tests.support.hosted import small_app
from tests.support.local_stack import LocalStack


def test_dead_worker_fails_its_neighbours_too(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, existing=["wait-a", "wait-b", "die"], concurrency=4, deliveries=2) as app:
        app.wait("started", 3)
        app.open_gate("die")
        app.wait("delivery_failed", 3, attempt=1, error="the worker ended with code 9")
        assert {event["blob"] for event in app.said("delivery_failed", attempt=1)} == {"wait-a", "wait-b", "die"}
        app.open_gate("wait-a", "wait-b")
        app.wait("ended", 1, blob="wait-a")
        app.wait("ended", 1, blob="wait-b")
        app.open_gate("die")
        app.wait("poisoned", blob="die", attempts=2)
        assert len(app.said("delivery_failed")) == 4
        assert len({event["worker"] for event in app.said("started")}) >= 2
        assert app.hosts[0].starts == 1


def test_third_death_ends_the_host_and_keeps_its_messages(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, visibility=15) as app:
        app.upload("pass-die")
        app.wait("host_recycled")
        first, second, third = (event["at"] for event in app.said("started"))
        fourth = app.wait("started", 4)[3]["at"]
        assert second - first < 10
        assert third - second < 10
        assert fourth - second > 15  # it was taken for the third time after the second call, and nobody saw it for 15 s
        assert [event["attempt"] for event in app.said("delivery_failed")][:2] == [1, 2]
        assert not app.said("delivery_failed", attempt=3)
        assert app.hosts[0].starts == 2


def test_time_out_replaces_the_worker_and_neighbours_hang(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, timeout="00:00:03", deliveries=1) as app:
        app.upload("wait-early")
        early = app.wait("started")[0]
        app.upload("wait-late")
        late = app.wait("started", blob="wait-late")[0]
        app.wait("worker_replaced")
        app.upload("pass-next")
        app.wait("ended", blob="pass-next")
        app.wait("poisoned", 2)
        assert [event["blob"] for event in app.said("delivery_failed")] == ["wait-early", "wait-late"]
        assert all("functionTimeout" in event["error"] for event in app.said("delivery_failed"))
        assert len(app.said("worker_replaced")) == 1
        assert early["worker"] == late["worker"] != app.said("started", blob="pass-next")[0]["worker"]


def test_killed_host_is_replaced_and_its_message_comes_back(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, hosts=2, visibility=3) as app:
        before = time.time()
        app.upload("wait-0")
        call = app.wait("started")[0]
        (host,) = [host for host in app.hosts if host.pid == call["host"]]
        family = host.family()
        host.kill()
        assert still_running(family) == []
        assert app.wait("started", 2)[1]["at"] - before > 3
        until(lambda: host.starts == 2 and host.pid != call["host"], 10)
        app.open_gate("wait-0")
        app.wait("ended")


def test_frozen_host_loses_its_message_to_another(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, hosts=2, visibility=3) as app:
        app.upload("wait-0")
        call = app.wait("started")[0]
        (host,) = [host for host in app.hosts if host.pid == call["host"]]
        host.freeze()
        assert app.wait("started", 2)[1]["host"] != call["host"]
        host.resume()
        app.open_gate("wait-0")
        app.wait("ended", 2)
        assert host.starts == 1


def test_hosts_end_with_their_parent_and_leave_nothing(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, hosts=2) as app:
        family = [process for host in app.hosts for process in host.family()]
        assert len(family) == 4
        app.upload("wait-0")
        app.wait("started")
        app.hosts[0].freeze()
    assert still_running(family) == []


def test_app_that_cannot_be_imported_is_named(local: LocalStack, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text('raise KeyError("no such setting")', encoding="utf-8")
    with pytest.raises(ChildFailedError, match="no such setting"), small_app(local, tmp_path, app=broken):
        raise AssertionError("it has started")
