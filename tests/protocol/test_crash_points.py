"""Kills the process between any two of its effects, in every kind of delivery; the promises hold.

The crash points come from the app itself: an undisturbed delivery is recorded effect by effect, and then a delivery
like it dies at each effect. The promises must hold at once, and again when the upload was delivered until at rest.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPMessage
from itertools import count

import pytest

from shared.settling import Settling
from shared.storage import names
from tests.protocol import dying_process
from tests.protocol.deliveries import (
    BC_HAD_A_PICTURE,
    BLUE,
    CHANGED,
    FIRST,
    RED,
    SCENARIOS,
    Scenario,
    deliver,
    deliver_and_die,
)
from tests.support import outgoing_requests
from tests.support.faulty_storage import storage_proxy
from tests.support.item_promises import FreshItem
from tests.support.local_stack import LocalStack
from tests.support.outgoing_requests import Effect, Process

by_name = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@pytest.fixture(autouse=True)
def _open_way() -> Iterator[None]:
    with outgoing_requests.hooks_installed():
        yield


class Run:
    """Runs one delivery of a scenario on an item of its own, and asserts what holds afterwards."""

    def __init__(self, local: LocalStack, scenario: Scenario) -> None:
        self.local, self.scenario = local, scenario
        self.item = FreshItem(local, exists=scenario.item_exists)
        self.name = scenario.arrange(self.item)
        self.content = local.read(names.INCOMING, self.name)
        self.written_before = self.item.media_stored
        self.repeated = False

    def assert_nothing_lost(self) -> None:
        """Assert that the upload's bytes are in one of the containers."""
        item = self.item
        assert self.content in item.incoming() + item.archived() + item.quarantined()

    def snapshot(self) -> tuple[object, ...]:
        """Return what is stored where, without what differs each time."""
        item, record = self.item, self.item.record()
        blobs = (item.incoming(), item.archived(), item.quarantined(), item.kept_pictures())
        return (*blobs, item.colour_in_bc(), item.media_stored, {key: bool(value) for key, value in record.items()})

    def deliver_until_at_rest(self, *minutes: float) -> None:
        """Deliver to a process that lives, each time after so many minutes, until the upload has left incoming."""
        self.scenario.meanwhile(self.item)
        for pause in minutes:
            if pause:
                self.local.pass_time(minutes=pause)
            if not self.local.incoming(self.name).exists():
                return
            report = self.item.deliver(self.name)
            self.repeated |= bool(report and report.repeated)
        assert not self.local.incoming(self.name).exists(), "the upload is still in incoming"

    def assert_at_rest(self, *, written_late: int = 0) -> None:
        """Assert what the scenario says of the state at rest."""
        item, expected = self.item, self.scenario.at_rest
        assert item.incoming() == []
        assert sorted(item.archived()) == sorted(expected.archived)
        assert item.quarantined() == expected.quarantined
        assert len(item.notes()) == len(expected.quarantined)
        assert item.kept_pictures() == expected.before
        assert item.colour_in_bc() == expected.colour
        assert item.media_stored - self.written_before == expected.writes + written_late
        assert not item.is_unsettled()


@contextmanager
def explained(crash_point: str) -> Iterator[None]:
    """Make a failure in the block name the crash point."""
    try:
        yield
    except BaseException as error:
        error.add_note(crash_point)
        raise


# Minutes before each delivery. A claim is old after 3 minutes, a doubt over after 20. The host delivers again at once,
# the sweep within minutes; the first delivery of AT_ONCE stands for both, for it only waits while a claim is young.
AT_ONCE, WHEN_EVERY_DOUBT_IS_OVER = (0, 4, 21, 21), (21, 0, 21, 21)


def undisturbed(local: LocalStack, scenario: Scenario) -> list[Effect]:
    """Return the effects of an undisturbed delivery, and assert that their receivers saw the same."""
    run, process = Run(local, scenario), Process()
    local.control("DELETE", "requests")
    received, tokens_before = [], len(local.tokens())

    def note(method: str, path: str, headers: HTTPMessage) -> None:
        received.append(Effect.of(method, path, headers))

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], note) as connection:
        report = deliver(local, run.name, process, PICTURE_STORAGE=connection)
    received += [Effect.of(request["method"], request["path"], {}) for request in local.requests()]
    sent = [effect for effect in process.effects if effect.place != outgoing_requests.IDENTITY]
    assert Counter(sent) == Counter(received)
    assert len(process.effects) - len(sent) == len(local.tokens()) - tokens_before
    assert (report and report.outcome) == scenario.outcome
    run.deliver_until_at_rest(*AT_ONCE)
    run.assert_at_rest()
    return process.effects


@by_name
def test_a_process_may_die_at_any_effect(local: LocalStack, scenario: Scenario) -> None:
    """Dying before each effect is enough: dying after one leaves what dying before the next one leaves."""
    effects = undisturbed(local, scenario)
    deaths = 0
    for at in range(len(effects) + 1):
        for minutes in (AT_ONCE, WHEN_EVERY_DOUBT_IS_OVER):
            with explained(f"died before effect {at} of {[str(effect) for effect in effects]}, then {minutes} minutes"):
                run, process = Run(local, scenario), Process(at)
                deliver(local, run.name, process)
                assert process.died == (at < len(effects))
                assert process.tried_when_dead == []
                run.assert_nothing_lost()
                depends_on_time = run.item.is_unsettled()
                run.deliver_until_at_rest(*minutes)
                run.assert_at_rest()
            deaths += process.died
            if not depends_on_time:
                break
    print(f"{scenario.name}: {len(effects)} effects, {deaths} deaths")


@pytest.mark.parametrize("delay", [30, 300, 900], ids=["after 30 s", "after 5 min", "after 15 min"])
@pytest.mark.parametrize("scenario", [FIRST, BC_HAD_A_PICTURE, CHANGED], ids=lambda scenario: scenario.name)
def test_a_process_may_die_while_bc_still_applies_its_patch(
    local: LocalStack, scenario: Scenario, delay: float
) -> None:
    """The picture may be written twice then, but the report of the second write says so."""
    for minutes in (AT_ONCE, WHEN_EVERY_DOUBT_IS_OVER):
        run = Run(local, scenario)
        local.fault(drop=True, method="PATCH", applied="later", delay=delay)
        deliver_and_die(local, run.name, "PATCH bc/", after=True)
        run.assert_nothing_lost()
        run.deliver_until_at_rest(*minutes)
        is_repeated = delay > sum(minutes[:2]) * 60  # it was written again before BC applied the first PATCH
        run.assert_at_rest(written_late=is_repeated)
        assert run.repeated == is_repeated


def settles_without_its_source(local: LocalStack) -> FreshItem:
    """Return an item that shows an older picture, after a newer one settled whose source is gone."""
    item = FreshItem(local)
    local.fault(drop=True, method="PATCH", applied="later", delay=900)
    older, newer = item.name("png"), item.name()
    item.upload(older, BLUE)
    item.deliver(older)
    local.pass_time(seconds=1)
    item.upload(newer, RED)
    item.deliver(newer)
    for name in (older, newer):
        local.incoming(name).delete_blob()
    local.pass_time(minutes=21)
    assert (item.colour_in_bc(), item.archived()) == ("blue", [RED])
    return item


def settle(local: LocalStack, process: Process) -> None:
    settling = Settling(local.pipeline())
    with suppress(outgoing_requests.Crash), outgoing_requests.hooked(process):
        settling.settle(lambda: True)


def test_a_process_may_die_while_it_settles_an_upload(local: LocalStack) -> None:
    for at in count():
        with explained(f"died before effect {at}"):
            item, process = settles_without_its_source(local), Process(at)
            settle(local, process)
            assert item.archived() == [RED]
            for minutes in (4, 21, 21):
                local.pass_time(minutes=minutes)
                settle(local, Process())
            assert (item.colour_in_bc(), item.archived(), item.kept_pictures()) == ("red", [RED], [])
            assert not item.is_unsettled()
            assert not [name for name in local.names(names.RECORDS) if "/settling/" in name]
        if not process.died:
            assert at > 8
            return


def test_a_killed_process_leaves_the_same_as_a_simulated_death(local: LocalStack) -> None:
    """No finally block or context manager makes the simulated deaths kinder than real ones."""
    effects = undisturbed(local, FIRST)
    for at in [at for at, effect in enumerate(effects) if effect.may_write]:
        with explained(f"killed before effect {at} of {[str(effect) for effect in effects]}"):
            snapshots = []
            for die in (killed_at, lambda local, name, at: deliver(local, name, Process(at))):
                run = Run(local, FIRST)
                die(local, run.name, at)
                run.assert_nothing_lost()
                snapshots.append(run.snapshot())
                run.deliver_until_at_rest(*AT_ONCE)
                run.assert_at_rest()
            assert snapshots[0] == snapshots[1]


def killed_at(local: LocalStack, name: str, at: int) -> None:
    """Deliver to a program that is killed before this effect."""
    settings = {"SETTINGS": json.dumps(local.stack.app_settings)}
    command = [sys.executable, "-m", dying_process.__name__, name, str(at)]
    program = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=60
    )
    assert program.returncode != 0
    assert (program.stdout, program.stderr) == ("", "")
