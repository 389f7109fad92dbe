"""Delivers uploads for one item at once: the promises hold in whatever order their effects happen.

Real deliveries run in threads that stop before each effect; ``schedules.py`` chooses the orders. ``EVERY_ORDER=1``
tries every order of the large cases too: 5 minutes, and far more for three uploads.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random

import pytest

from tests.protocol.actors import Actor, Choose, Diverged, Event, run
from tests.protocol.scenes import LANDS_AFTER, Case, Scene, SceneUpload
from tests.protocol.schedules import Explorer
from tests.support import outgoing_requests
from tests.support.item_promises import FreshItem, small
from tests.support.local_stack import LocalStack, Log

EVERY_ORDER = os.environ.get("EVERY_ORDER")


@pytest.fixture(autouse=True)
def _open_way() -> Iterator[None]:
    with outgoing_requests.hooks_installed():
        yield


# Names of one item; in the alphabet, the number comes before the id, and jpg before png.
RED, GREEN = SceneUpload("red"), SceneUpload("green", "png")
GREEN_OVER_RED, RED_TWICE = SceneUpload("green", meanwhile=True), SceneUpload("red", deliveries=2)
RED_BY_ID, GREEN_BY_ID, BLUE_BY_ID = (SceneUpload(colour, by_id=True) for colour in ("red", "green", "blue"))
RED_AS_PNG, RED_BY_ID_TWICE = SceneUpload("red", "png"), replace(RED_TWICE, by_id=True)


def later(upload: SceneUpload, seconds: int = 1) -> SceneUpload:
    return replace(upload, seconds_later=seconds)


TWO, IN_ONE_SECOND, OVERWRITTEN = (RED, later(GREEN)), (RED, GREEN), (RED, GREEN_OVER_RED)
THREE = (RED, later(GREEN), later(BLUE_BY_ID))
CASES = (
    Case("two names", TWO, "green", deaths=20),
    Case("two names, the older one last in the alphabet", (GREEN, later(RED)), "red"),
    Case("two names in one second", IN_ONE_SECOND, "green"),
    Case("two names in one second, the older one last in the alphabet", (GREEN, RED), "green"),
    Case("two names after an earlier upload", TWO, "green", before="an upload"),
    Case("two names after a picture by hand", TWO, "green", before="by hand", deaths=20),
    Case("by number, then by id", (RED, later(GREEN_BY_ID)), "green"),
    Case("by id, then by number", (RED_BY_ID, later(GREEN)), "green"),
    Case("one picture under two names", (RED, later(RED_AS_PNG)), "red", writes=1),
    Case("delivered twice", (RED_TWICE,), "red", sample=10, deaths=10),
    Case("delivered twice, by id", (RED_BY_ID_TWICE,), "red", sample=10),
    Case("delivered twice after a picture by hand", (RED_TWICE,), "red", before="by hand", sample=10),
    Case("overwritten", (RED, later(GREEN_OVER_RED)), "green", sample=10, deaths=10),
    Case("overwritten within a second", OVERWRITTEN, "green", sample=10),
    Case("overwritten after an earlier upload", OVERWRITTEN, "green", before="an upload", sample=10),
    Case("an unanswered PATCH", TWO, "green", unanswered=True, sample=10, deaths=10),
    Case("an unanswered PATCH within a second", IN_ONE_SECOND, "green", unanswered=True, sample=10),
    Case("an unanswered PATCH, overwritten", OVERWRITTEN, "green", unanswered=True, sample=10),
    Case("an unanswered PATCH that takes 16 minutes", TWO, "green", unanswered=True, lands_after=LANDS_AFTER),
    Case("three names", THREE, "blue", sample=10, deaths=10),
    Case("three names, an unanswered PATCH", THREE, "blue", unanswered=True, sample=10),
)


class Chance:
    """Chooses at random, the same for the same seed; up to ``deaths`` processes die before an effect."""

    def __init__(self, seed: int, deaths: int) -> None:
        self._random, self._deaths = Random(seed), deaths

    def choose(self, waiting: Mapping[str, Actor]) -> str | None:
        """Choose an actor that does not only read the record again, or any actor now and then."""
        alive = dict(waiting)
        mortal = [name for name, actor in alive.items() if actor.is_app]
        if self._deaths and mortal and self._random.random() < 0.1:
            self._deaths -= 1
            alive.pop(self._random.choice(mortal)).kill()
        going_on = [name for name, actor in alive.items() if not actor.only_reads_again]
        among = going_on if going_on and self._random.random() < 0.9 else list(alive)
        return self._random.choice(among) if among else None


class Stage:
    """Plays one case again and again, and asserts its promises each time."""

    def __init__(self, local: LocalStack, case: Case, log: Log, clear: Callable[[], None]) -> None:
        self._local, self._case, self._log, self._clear = local, case, log, clear
        self._workers = [local.pipeline() for _ in range(3)]
        self._minutes = 0.0
        self.played = self.abandoned = 0

    def play(self, choose: Choose) -> list[Event] | None:
        """Play the case in one order; returns what happened, or None if the uploads missed their second."""
        self._clear()
        scene = Scene(self._local, self._case, self._workers)
        actors = scene.actors()
        try:
            events, complete = run(actors, choose)
        except Diverged:
            if scene.arrived_as_planned:
                raise
        if any(actor.was_killed for actor in actors):
            self._workers = [self._local.pipeline() for _ in self._workers]
        if not scene.arrived_as_planned:
            self._reset()
            return None
        if complete:
            self._assert_promises(scene, events)
        else:
            self._reset()
        self.played += complete
        self.abandoned += not complete
        return events

    def _assert_promises(self, scene: Scene, events: list[Event]) -> None:
        try:
            self._minutes += scene.deliver_until_at_rest()
            scene.assert_promises(Counter(line["etag"] for line in self._log() if line["repeated"]))
        except BaseException as error:
            error.add_note("\n".join(str(event) for event in events))
            raise
        if self._minutes > 12 * 60:  # no token for BC lives longer than a day
            self._reset()

    def _reset(self) -> None:
        self._local.reset()
        self._minutes = 0.0


@pytest.fixture
def stage(local: LocalStack, log: Log, caplog: pytest.LogCaptureFixture) -> Callable[[Case], Stage]:
    """Return a function that makes the stage for a case."""
    return lambda case: Stage(local, case, log, caplog.clear)


def play_sample(stage: Stage, orders: int, deaths: int) -> None:
    """Play so many orders at random."""
    for seed in range(orders):
        while stage.play(Chance(seed, deaths).choose) is None:
            pass


def play_every_order(stage: Stage) -> None:
    """Play every order that could make a difference."""
    explorer = Explorer()
    events: list[Event] | None = []
    while events is None or not stage.played + stage.abandoned or explorer.next_order(events):
        decided = explorer.forks
        events = stage.play(explorer.choose)
        if events is None:
            explorer.again(decided)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_newest_upload_wins_in_every_order(stage: Callable[[Case], Stage], case: Case) -> None:
    """Tries every order that could make a difference; of a large case, a sample."""
    playing = stage(case)
    if case.sample and not EVERY_ORDER:
        play_sample(playing, case.sample, deaths=0)
    else:
        play_every_order(playing)
    print(f"{case.name}: {playing.played} orders, {playing.abandoned} abandoned")


@pytest.mark.parametrize("case", [case for case in CASES if case.deaths], ids=lambda case: case.name)
def test_newest_upload_wins_where_processes_die(stage: Callable[[Case], Stage], case: Case) -> None:
    playing = stage(case)
    play_sample(playing, case.deaths, deaths=2)
    assert playing.played == case.deaths


def test_writing_over_a_late_older_picture_is_reported(local: LocalStack, log: Log) -> None:
    """The older upload's PATCH got no answer; BC applied it when the newer picture was on the item already."""
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
