"""Uploads for one item that are delivered at once: whatever the order of their effects, the promises hold.

Real deliveries run in threads that stop before each effect; ``schedules`` chooses the orders. ``EVERY_ORDER=1`` tries all
of the large cases too: 5 minutes, and far more for three uploads.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random

import pytest

from tests.protocol.scenes import LANDS_AFTER, Case, Scene, Upload
from tests.protocol.schedules import Actor, Choose, Diverged, Event, Explorer, run
from tests.support import outgoing_requests
from tests.support.item_promises import FreshItem, small
from tests.support.local_stack import LocalStack, Log

EVERY_ORDER = os.environ.get("EVERY_ORDER")


@pytest.fixture(autouse=True)
def _open_way() -> Iterator[None]:
    with outgoing_requests.hooks_installed():
        yield


# Two names of one item; by the alphabet, the number is before the id, and jpg before png.
RED, GREEN = Upload("red"), Upload("green", "png")
RED_BY_ID, GREEN_BY_ID, BLUE_BY_ID = (Upload(colour, by_id=True) for colour in ("red", "green", "blue"))
AGAIN, TWICE = Upload("green", meanwhile=True), Upload("red", deliveries=2)


def later(upload: Upload, seconds: int = 1) -> Upload:
    return replace(upload, seconds_later=seconds)


CASES = (
    Case("two names", (RED, later(GREEN)), "green", dies=20),
    Case("two names, the older one last in the alphabet", (GREEN, later(RED)), "red"),
    Case("two names in one second", (RED, GREEN), "green"),
    Case("two names in one second, the older one last in the alphabet", (GREEN, RED), "green"),
    Case("two names, an earlier upload on the item", (RED, later(GREEN)), "green", had="an upload"),
    Case("two names, a picture of somebody else", (RED, later(GREEN)), "green", had="by hand", dies=20),
    Case("by number and by id", (RED, later(GREEN_BY_ID)), "green"),
    Case("by id and by number", (RED_BY_ID, later(GREEN)), "green"),
    Case("one picture under two names", (RED, later(Upload("red", "png"))), "red", writes=1),
    Case("delivered twice", (TWICE,), "red", large=20, dies=10),
    Case("delivered twice, by id", (replace(TWICE, by_id=True),), "red", large=20),
    Case("delivered twice, a picture of somebody else", (TWICE,), "red", had="by hand", large=20),
    Case("overwritten", (RED, later(AGAIN)), "green", large=20, dies=10),
    Case("overwritten within the second", (RED, AGAIN), "green", large=20),
    Case("overwritten, an earlier upload on the item", (RED, AGAIN), "green", had="an upload", large=20),
    Case("a lost answer", (RED, later(GREEN)), "green", lost=True, large=20, dies=10),
    Case("a lost answer within the second", (RED, GREEN), "green", lost=True, large=20),
    Case("a lost answer, overwritten", (RED, AGAIN), "green", lost=True, large=20),
    Case("a lost answer, 16 minutes", (RED, later(GREEN)), "green", lost=True, lost_minutes=LANDS_AFTER),
    Case("three names", (RED, later(GREEN), later(BLUE_BY_ID)), "blue", large=30, dies=10),
    Case("three names, a lost answer", (RED, later(GREEN), later(BLUE_BY_ID)), "blue", lost=True, large=20),
)


class Chance:
    """Chooses at random, always the same; up to ``deaths`` processes die where they stand."""

    def __init__(self, seed: int, deaths: int) -> None:
        self._random, self._deaths = Random(seed), deaths

    def choose(self, waiting: Mapping[str, Actor]) -> str | None:
        """Choose whoever does not only look again, or anybody now and then."""
        alive = dict(waiting)
        mortal = [name for name, one in alive.items() if one.is_app]
        if self._deaths and mortal and self._random.random() < 0.1:
            self._deaths -= 1
            alive.pop(self._random.choice(mortal)).kill()
        going_on = [name for name, one in alive.items() if not one.only_looks_again]
        among = going_on if going_on and self._random.random() < 0.9 else list(alive)
        return self._random.choice(among) if among else None


class Stage:
    """Has one case played again and again, and the promises hold each time."""

    def __init__(self, local: LocalStack, case: Case, log: Log, clear: Callable[[], None]) -> None:
        self._local, self._case, self._log, self._clear = local, case, log, clear
        self._workers = [local.pipeline() for _ in range(3)]
        self._minutes = 0.0
        self.played = self.abandoned = 0

    def play(self, choose: Choose) -> list[Event] | None:
        """Play it in one order; the answer is what happened, None if the uploads did not come within one second."""
        self._clear()
        scene = Scene(self._local, self._case, self._workers)
        actors = scene.actors()
        try:
            happened, complete = run(actors, choose)
        except Diverged:
            if scene.came_as_planned:
                raise
        if any(actor.was_killed for actor in actors):
            self._workers = [self._local.pipeline() for _ in self._workers]
        if not scene.came_as_planned:
            self._reset()
            return None
        if complete:
            self._ends_well(scene, happened)
        else:
            self._reset()
        self.played += complete
        self.abandoned += not complete
        return happened

    def _ends_well(self, scene: Scene, happened: list[Event]) -> None:
        try:
            self._minutes += scene.deliver_until_at_rest()
            scene.comes_to(Counter(line["etag"] for line in self._log() if line["repeated"]))
        except BaseException as error:
            error.add_note("\n".join(str(event) for event in happened))
            raise
        if self._minutes > 12 * 60:  # no token of BC's lives longer than a day
            self._reset()

    def _reset(self) -> None:
        self._local.reset()
        self._minutes = 0.0


@pytest.fixture
def stage(local: LocalStack, log: Log, caplog: pytest.LogCaptureFixture) -> Callable[[Case], Stage]:
    """Return what plays a case."""
    return lambda case: Stage(local, case, log, caplog.clear)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_newest_upload_wins_in_every_order(stage: Callable[[Case], Stage], case: Case) -> None:
    """Every order that could make a difference; of a case with very many, some at random instead."""
    playing, explorer = stage(case), Explorer()
    if case.large and not EVERY_ORDER:
        for seed in range(case.large):
            while playing.play(Chance(seed, deaths=0).choose) is None:
                pass
    else:
        happened: list[Event] | None = []
        while happened is None or not playing.played + playing.abandoned or explorer.next_order(happened):
            decided = explorer.forks
            happened = playing.play(explorer.choose)
            if happened is None:
                explorer.again(decided)
    print(f"{case.name}: {playing.played} orders, {playing.abandoned} abandoned")


@pytest.mark.parametrize("case", [case for case in CASES if case.dies], ids=lambda case: case.name)
def test_the_newest_upload_wins_where_processes_die(stage: Callable[[Case], Stage], case: Case) -> None:
    playing = stage(case)
    for seed in range(case.dies):
        while playing.play(Chance(seed, deaths=2).choose) is None:
            pass
    assert playing.played == case.dies


def test_a_picture_that_is_written_again_over_an_older_one_is_told(local: LocalStack, log: Log) -> None:
    """The older one's answer was lost, and BC wrote it when the newer one was on the item already."""
    item = FreshItem(local)
    older, newer = item.name("jpg"), item.name("png")
    item.upload(older, small("red"))
    local.fault(drop=True, method="PATCH", applied="later")
    item.deliver(older)
    local.pass_time(seconds=1)
    item.upload(newer, small("green"))
    item.deliver(newer)
    local.control("POST", "late")
    assert item.colour_in_bc() == "red"
    local.pass_time(minutes=21)
    item.deliver(newer)
    assert item.colour_in_bc() == "green"
    assert [line["repeated"] for line in log() if line["blob"] == newer] == [False, True]
