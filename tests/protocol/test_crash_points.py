"""A process may die at any moment: between any two of its effects, in every kind of delivery.

The moments are taken from what the app does: a delivery that nothing happens to is noted effect by effect, and then one
like it dies at each of them. The promises must hold at once, and again when the upload was delivered until it is at rest.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPMessage

import pytest

from shared.storage import names
from tests.protocol import dying_process
from tests.protocol.deliveries import CHANGED, HAD_A_PICTURE, MAIN, SCENARIOS, Scenario, deliver, dies_at
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
    """One delivery of a scenario, for an item of its own, and what comes of it."""

    def __init__(self, local: LocalStack, scenario: Scenario) -> None:
        self.local, self.scenario = local, scenario
        self.item = FreshItem(local, exists=scenario.exists)
        self.name = scenario.arrange(self.item)
        self.content = local.read(names.INCOMING, self.name)
        self.written_before = self.item.media_stored
        self.repeated = False

    def nothing_is_lost(self) -> None:
        """Assert that the upload's bytes lie somewhere."""
        item = self.item
        assert self.content in item.incoming() + item.archived() + item.quarantined()

    def left(self) -> tuple[object, ...]:
        """Return what lies where, without what is different each time."""
        item, record = self.item, self.item.record()
        places = (item.incoming(), item.archived(), item.quarantined(), item.kept_pictures())
        return (*places, item.colour_in_bc(), item.media_stored, {key: bool(value) for key, value in record.items()})

    def deliver_until_at_rest(self, *minutes: float) -> None:
        """Deliver to a process that lives, after so much time each, until the upload has left incoming."""
        self.scenario.then(self.item)
        for each in minutes:
            if each:
                self.local.pass_time(minutes=each)
            if not self.local.incoming(self.name).exists():
                return
            report = self.item.deliver(self.name)
            self.repeated |= bool(report and report.repeated)
        assert not self.local.incoming(self.name).exists(), "it is still in incoming"

    def comes_to(self, *, written_late: int = 0) -> None:
        """Assert what is so at rest."""
        item, expected = self.item, self.scenario.at_rest
        assert item.incoming() == []
        assert sorted(item.archived()) == sorted(expected.archived)
        assert item.quarantined() == expected.quarantined
        assert len(item.notes()) == len(expected.quarantined)
        assert item.kept_pictures() == expected.kept
        assert item.colour_in_bc() == expected.shows
        assert item.media_stored - self.written_before == expected.writes + written_late
        assert not item.is_unsettled()


@contextmanager
def told(what: str) -> Iterator[None]:
    """Have what fails in the block say at which point."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise


# A claim is old after 3 minutes, a doubt over after 20. The host delivers again at once, the sweep within minutes: while
# a claim is young, the first of these only waits, so it stands for both.
AT_ONCE, WHEN_EVERY_DOUBT_IS_OVER = (0, 4, 21, 21), (21, 0, 21, 21)


def undisturbed(local: LocalStack, scenario: Scenario) -> list[Effect]:
    """Return the effects of a delivery that nothing happens to; who received them must say the same."""
    run, process = Run(local, scenario), Process()
    local.control("DELETE", "requests")
    received, tokens = [], len(local.tokens())

    def note(method: str, path: str, headers: HTTPMessage) -> None:
        received.append(Effect.of(method, path, headers))

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], note) as connection:
        report = deliver(local, run.name, process, PICTURE_STORAGE=connection)
    received += [Effect.of(request["method"], request["path"], {}) for request in local.requests()]
    sent = [effect for effect in process.effects if effect.place != outgoing_requests.IDENTITY]
    assert Counter(sent) == Counter(received)
    assert len(process.effects) - len(sent) == len(local.tokens()) - tokens
    assert (report and report.outcome) == scenario.ends
    run.deliver_until_at_rest(*AT_ONCE)
    run.comes_to()
    return process.effects


@by_name
def test_a_process_may_die_at_any_effect(local: LocalStack, scenario: Scenario) -> None:
    """What is outside after an effect is what is there before the next one, so that dying before each is enough."""
    effects = undisturbed(local, scenario)
    deaths = 0
    for at in range(len(effects) + 1):
        for minutes in (AT_ONCE, WHEN_EVERY_DOUBT_IS_OVER):
            with told(f"it died before effect {at} of {[str(one) for one in effects]}, and then {minutes}"):
                run, process = Run(local, scenario), Process(at)
                deliver(local, run.name, process)
                assert process.died == (at < len(effects))
                assert process.tried_when_dead == []
                run.nothing_is_lost()
                changes_with_time = run.item.is_unsettled()
                run.deliver_until_at_rest(*minutes)
                run.comes_to()
            deaths += process.died
            if not changes_with_time:
                break
    print(f"{scenario.name}: {len(effects)} effects, {deaths} deaths")


@pytest.mark.parametrize("delay", [30, 300, 900], ids=["after 30 s", "after 5 min", "after 15 min"])
@pytest.mark.parametrize("scenario", [MAIN, HAD_A_PICTURE, CHANGED], ids=lambda scenario: scenario.name)
def test_a_process_may_die_while_bc_still_works_on_its_picture(
    local: LocalStack, scenario: Scenario, delay: float
) -> None:
    """Then the picture may be written twice, but the report of the second time says so."""
    for minutes in (AT_ONCE, WHEN_EVERY_DOUBT_IS_OVER):
        run = Run(local, scenario)
        local.fault(drop=True, method="PATCH", applied="later", delay=delay)
        dies_at(local, run.name, "PATCH bc/", after=True)
        run.nothing_is_lost()
        run.deliver_until_at_rest(*minutes)
        late = delay > sum(minutes[:2]) * 60  # only then it has been written again meanwhile
        run.comes_to(written_late=late)
        assert run.repeated == late


def test_a_killed_process_leaves_what_one_leaves_that_died_at_the_same_effect(local: LocalStack) -> None:
    """No finally block and no context manager makes the deaths above kinder than they are."""
    effects = undisturbed(local, MAIN)
    for at in [at for at, effect in enumerate(effects) if effect.may_write]:
        with told(f"it was killed before effect {at} of {[str(one) for one in effects]}"):
            left = []
            for die in (killed_at, lambda local, name, at: deliver(local, name, Process(at))):
                run = Run(local, MAIN)
                die(local, run.name, at)
                run.nothing_is_lost()
                left.append(run.left())
                run.deliver_until_at_rest(*AT_ONCE)
                run.comes_to()
            assert left[0] == left[1]


def killed_at(local: LocalStack, name: str, at: int) -> None:
    """Deliver to a program that is killed at this effect."""
    settings = {"SETTINGS": json.dumps(local.stack.app_settings)}
    command = [sys.executable, "-m", dying_process.__name__, name, str(at)]
    program = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=60
    )
    assert program.returncode != 0
    assert (program.stdout, program.stderr) == ("", "")
