"""Uploads for one item that are delivered at once: whatever the order of their effects, the promises hold.

Real deliveries run in threads that stop before each effect; ``schedules`` chooses the orders. ``EVERY_ORDER=1`` tries all
of the large cases too: 5 minutes, and far more for three uploads.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

import pytest
from requests import RequestException, Response

from shared import naming
from shared.errors import Transient
from shared.pipeline import Pipeline
from shared.telemetry import Report
from tests import outside
from tests.local import Local, Log
from tests.outside import BC, Effect, Hook, Send
from tests.own_item import OwnItem, small
from tests.schedules import Actor, Choose, Diverged, Event, Explorer, run

KEPT = small("white", "PNG")
# Minutes. BC takes up to 16 for what nobody waits for any more; one of the sweeps comes shortly before that.
LANDS_AFTER = 16
SWEEPS = (0, 4, 4, 4, 3.5, 5, 21, 21)
EVERY_ORDER = os.environ.get("EVERY_ORDER")


@pytest.fixture(autouse=True)
def _open_way() -> Iterator[None]:
    with outside.opened():
        yield


@dataclass(frozen=True)
class Upload:
    """A picture: its name's extension and whether it names the item by id; ``meanwhile`` it comes while others are delivered."""

    colour: str
    extension: str = "jpg"
    by_id: bool = False
    meanwhile: bool = False
    deliveries: int = 1
    seconds_later: int = 0  # than the one before it


@dataclass(frozen=True)
class Case:
    """Uploads in the order in which they come, and which of them the item shows in the end.

    ``had`` is what the item had before: a picture of somebody else, an earlier upload, or nothing. ``lost`` has the
    first PATCH get no answer; its picture is written later, at any moment, or after so many minutes. ``writes`` is how
    many there are at most (0: one for each upload), without those that the log calls repeated. ``large``: with how many
    orders the usual run is content; ``dies``: how many it tries in which processes die.
    """

    name: str
    uploads: tuple[Upload, ...]
    shows: str
    had: str = ""
    lost: bool = False
    lost_minutes: float | None = None
    writes: int = 0
    large: int = 0
    dies: int = 0


class Book:
    """What deliveries read and wrote, by the ETag of the upload."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.written: Counter[str] = Counter()  # how often its picture was sent to BC

    def noting(self, hook: Hook) -> Hook:
        """Return a hook that notes what one delivery does."""
        current = ""

        def note(effect: Effect, send: Send) -> Response:
            nonlocal current
            try:
                answer = hook(effect, send)
            except RequestException:
                if (effect.method, effect.place) == ("PATCH", BC):
                    self.written[current] += 1
                raise
            if (effect.method, effect.place) == ("GET", naming.INCOMING) and answer.ok:
                current = answer.headers["ETag"]
            if (effect.method, effect.place) == ("PATCH", BC):
                self.written[current] += 1
            return answer

        return note

    def ends(self, report: Report) -> None:
        """Note that a delivery is done with its upload."""
        if report.moved_to:
            self.done.add(str(report.etag))


class Scene:
    """A case, for an item of its own."""

    def __init__(self, local: Local, case: Case, workers: list[Pipeline]) -> None:
        self.local, self.case, self.workers = local, case, workers
        self.item, self.book = OwnItem(local), Book()
        self.contents: dict[str, bytes] = {}  # by ETag
        self.etags: list[str] = []
        self.seconds: list[str] = []  # of their Last-Modified
        self._before()
        self._written_before = self.item.media_stored
        for upload in self.case.uploads:
            if not upload.meanwhile:
                self._upload(upload)
        if case.lost:
            late = {} if case.lost_minutes is None else {"delay": case.lost_minutes * 60}
            local.fault(drop=True, method="PATCH", applied="later", **late)

    def _before(self) -> None:
        if self.case.had == "by hand":
            self.item.show(KEPT)
        elif self.case.had == "an upload":
            name = self.item.name()
            self.item.upload(name, KEPT)
            self.workers[0].process(naming.INCOMING, name)
            self.local.pass_time(seconds=1)

    def _upload(self, upload: Upload) -> None:
        if upload.seconds_later:
            self.local.pass_time(seconds=upload.seconds_later)
        blob = self.local.incoming(self._name(upload))
        content = small(upload.colour)
        answer = blob.upload_blob(content, overwrite=True)
        self.etags.append(answer["etag"])
        self.seconds.append(str(answer["last_modified"]))
        self.contents[answer["etag"]] = content

    def _name(self, upload: Upload) -> str:
        return self.item.name(upload.extension, by_id=upload.by_id)

    @property
    def came_as_planned(self) -> bool:
        """Whether uploads that should come within one second did."""
        pairs = zip(self.seconds, self.seconds[1:], self.case.uploads[1:], strict=False)
        return all((a == b) == (not later.seconds_later) for a, b, later in pairs)

    def actors(self) -> list[Actor]:
        """Return the deliveries, and BC where it has something left to do."""
        made: list[Actor] = []
        for number, upload in enumerate(self.case.uploads):
            for delivery in range(upload.deliveries):
                name = f"{number}, {upload.colour}" + " again" * delivery
                made.append(Actor(name, self._delivery(upload, self.workers[number + delivery], delivery)))
        if self.case.lost and self.case.lost_minutes is None:
            made.append(Actor("BC", self._land, self._is_pending))
        return made

    def _delivery(self, upload: Upload, worker: Pipeline, number: int) -> Callable[[Actor], None]:
        name = self._name(upload)

        def deliver(actor: Actor) -> None:
            if upload.meanwhile and not number:
                actor.step(Effect("PUT", naming.INCOMING, name), lambda: self._upload(upload))
            with outside.hooked(self.book.noting(actor.hook)), suppress(Transient):
                self.book.ends(worker.process(naming.INCOMING, name))

        return deliver

    def _land(self, actor: Actor) -> None:
        actor.step(Effect("PATCH", BC, "late"), lambda: self.local.control("POST", "late"))

    def _is_pending(self) -> bool:
        return bool(self.local.control("GET", "late")["pending"])

    def deliver_until_at_rest(self) -> float:
        """Deliver what is still in incoming, as the sweep does, until nothing is; the answer is how many minutes that took."""
        passed = 0.0
        for minutes in SWEEPS:
            if not (names := self.local.names(naming.INCOMING)):
                break
            if minutes:
                self.local.pass_time(minutes=minutes)
            passed += minutes
            for name in names:
                with outside.hooked(self.book.noting(lambda _effect, send: send())), suppress(Transient):
                    self.book.ends(self.item.worker.process(naming.INCOMING, name))
        assert self.local.names(naming.INCOMING) == [], "it is still in incoming"
        if self._is_pending():
            self.local.pass_time(minutes=LANDS_AFTER)
            passed += LANDS_AFTER
        return passed

    def comes_to(self, repeated: Counter[str]) -> None:
        """Assert what is so at rest; ``repeated`` is how often the log tells of a second write, by ETag."""
        item = self.item
        assert item.shown() == self.case.shows
        archived = Counter(item.archived())
        earlier = Counter([KEPT] if self.case.had == "an upload" else [])
        assert self.etags[-1] in self.book.done
        assert earlier + Counter(self.contents[etag] for etag in self.book.done) <= archived
        assert archived <= earlier + Counter(self.contents.values()), "an original lies in two places"
        assert item.kept() == ([KEPT] if self.case.had == "by hand" else [])
        for etag, written in self.book.written.items():
            assert written <= 1 + repeated[etag], "it was written again, and nobody was told"
        assert item.media_stored - self._written_before == self.book.written.total()
        assert self.book.written.total() <= (self.case.writes or len(self.etags)) + repeated.total()
        assert not item.is_unsettled()


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

    def __init__(self, local: Local, case: Case, log: Log, clear: Callable[[], None]) -> None:
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
def stage(local: Local, log: Log, caplog: pytest.LogCaptureFixture) -> Callable[[Case], Stage]:
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


def test_a_picture_that_is_written_again_over_an_older_one_is_told(local: Local, log: Log) -> None:
    """The older one's answer was lost, and BC wrote it when the newer one was on the item already."""
    item = OwnItem(local)
    older, newer = item.name("jpg"), item.name("png")
    item.upload(older, small("red"))
    local.fault(drop=True, method="PATCH", applied="later")
    item.deliver(older)
    local.pass_time(seconds=1)
    item.upload(newer, small("green"))
    item.deliver(newer)
    local.control("POST", "late")
    assert item.shown() == "red"
    local.pass_time(minutes=21)
    item.deliver(newer)
    assert item.shown() == "green"
    assert [line["repeated"] for line in log() if line["blob"] == newer] == [False, True]
