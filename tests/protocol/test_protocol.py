"""No order of events, crashes and lost answers makes an item show an older picture; without its safeguards, one does.

The model is in ``tests/protocol/model.py``. Here it is searched, shown to notice what would be wrong, and tied to the
code: what it does between two decisions is what ``Placement.place`` does.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import pytest

from shared import item_record
from shared.business_central.client import BusinessCentral, Company, Item
from shared.business_central.retries import Throttle
from shared.errors import Reason, Transient
from shared.item_record import ItemRecord, Observed, Step, StoredRecord, Upload, released
from shared.placement import Placement, PlacementJob
from shared.report import Outcome, Report
from shared.storage.moves import Mover
from shared.storage.records import ItemRecords
from shared.storage.uploads import PictureStorage
from tests.protocol.model import Model
from tests.protocol.search import Found, Search
from tests.protocol.states import (
    AS_THEY_ARE,
    MOVES,
    NONE,
    NOW,
    WRITES,
    At,
    Config,
    Picture,
    Promise,
    Rules,
    State,
)

TWO = (Picture("a", 0, "red"), Picture("b", 1, "blue"))
SAME_SECOND = (Picture("a", 0, "red"), Picture("a", 0, "blue"))
SAME_PICTURE = (Picture("a", 0, "red"), Picture("b", 1, "red"))
OTHER_NAME = (Picture("b", 0, "red"), Picture("a", 0, "blue"), Picture("b", 0, "green"))
BACK_AND_FORTH = (Picture("a", 0, "red"), Picture("b", 1, "blue"), Picture("c", 2, "red"))
REPLAY = (Picture("a", 0, "red"), Picture("b", 1, "blue"), Picture("a", 0, "red", replay_of=0))

CONFIGS = {
    "nothing goes wrong but slowness": Config(TWO),
    "one name, within a second": Config(SAME_SECOND),
    "a request without an answer": Config(TWO, silences=1),
    "a crash, the same picture twice": Config(SAME_PICTURE, crashes=1),
    "a lost answer of storage": Config(SAME_PICTURE, losses=1),
    "what BC had before is kept": Config(TWO, keep_existing=True),
    "three, one after another, with all faults": Config(BACK_AND_FORTH, 1, crashes=1, silences=1),
    "three within a second, with all faults": Config(OTHER_NAME, 1, crashes=1, silences=1),
    "a replay, two requests without an answer": Config(REPLAY, 1, silences=2),
    "a removal, a finer clock": Config(TWO, 1, silences=1, crashes=1, removals=1, ticks=3),
    "a picture by hand, kept": Config(TWO, 1, silences=1, crashes=1, hands=1, keep_existing=True),
}


def search(config: Config, rules: Rules = AS_THEY_ARE, promises: Collection[Promise] = Promise) -> Found:
    return Search(Model(config, rules, promises)).run()


@pytest.fixture(scope="module")
def searched() -> dict[str, Found]:
    return {name: search(config) for name, config in CONFIGS.items()}


def test_nothing_is_lost_stale_doubled_or_stuck_in_any_order_of_events(searched: dict[str, Found]) -> None:
    for name, found in searched.items():
        print(f"{found.states:9,} states {found.moves:9,} moves: {name}")
        assert (name, found.broken, found.trace) == (name, None, ())


def test_the_searches_reach_every_step_and_every_effect(searched: dict[str, Found]) -> None:
    assert set(Step) == set().union(*(found.steps for found in searched.values()))
    assert set(At) - {At.READ_RECORD} == set().union(*(found.effects for found in searched.values()))


# --- it would notice -------------------------------------------------------------------------------------------------


def effects(found: Found) -> list[str]:
    """Return what happened to the picture that BC shows, in order."""
    return [event for event in found.trace if event.startswith(("answered 204", "lands late"))]


def test_without_the_doubt_a_late_request_leaves_an_older_picture() -> None:
    forgetful = Rules(
        claimed=lambda read, upload, nonce: replace(read.claimed(upload, nonce), doubt=None),
        doubted=lambda claimed: released(claimed.record),
    )
    found = search(Config(TWO, workers=1, silences=1), forgetful, [Promise.FOR_GOOD, Promise.NEWEST])
    assert found.broken is Promise.FOR_GOOD
    assert "no answer (0)" in found.trace
    assert effects(found) == ["answered 204 (1)", "lands late (0)"]


def test_a_doubt_that_a_claim_drops_once_it_is_over_leaves_an_older_picture() -> None:
    hasty = Rules(claimed=lambda read, upload, nonce: replace(read.claimed(upload, nonce), doubt=read.active_doubt))
    found = search(Config(TWO, workers=1, silences=1), hasty)
    assert found.broken is Promise.FOR_GOOD
    assert effects(found) == ["answered 204 (1)", "lands late (0)"]
    assert "refused (1)" in found.trace


def test_without_etags_two_workers_write_at_the_same_time() -> None:
    found = search(Config(TWO), Rules(has_etags=False), [Promise.FOR_GOOD, Promise.NEWEST])
    assert found.broken is Promise.FOR_GOOD
    assert {"write StoredRecord.claimed (0)", "write StoredRecord.claimed (1)"} <= set(found.trace)
    assert "time passes" not in found.trace, "no claim was old"
    assert effects(found) == ["answered 204 (1)", "answered 204 (0)"]


def test_without_the_order_an_older_upload_wins() -> None:
    def any_wins(read: StoredRecord, upload: Upload, observed: Observed) -> Step:
        step = read.next_step(upload, observed)
        unordered = replace(read, record=replace(read.record, on=None))
        return unordered.next_step(upload, observed) if step is Step.SUPERSEDED else step

    found = search(Config(TWO, workers=1), Rules(next_step=any_wins))
    assert found.broken is Promise.FOR_GOOD
    assert effects(found)[-2:] == ["answered 204 (1)", "answered 204 (0)"]


# --- it is the code's ------------------------------------------------------------------------------------------------

OWNERS = (ItemRecords, PictureStorage, BusinessCentral, Placement, StoredRecord, Mover, item_record)


@pytest.mark.parametrize("effect", At)
def test_a_worker_s_effects_bear_the_names_of_the_code(effect: At) -> None:
    owner, _, name = effect.partition(".")
    (found,) = [one for one in OWNERS if one.__name__.rpartition(".")[2] == owner]
    assert callable(getattr(found, name))


@dataclass
class World:
    """What a worker meets, in the place of storage and BC; ``log`` tells what it did there."""

    model: Model
    state: State
    upload: int
    answer: str
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.record = self.model.decisions.records[self.state.record]
        self.age, self.shown = self.state.age, self.state.shown

    def read(self, _company: str, _item: str) -> StoredRecord:
        return self.model.decisions.reading(self.model.decisions.number(self.record), self.age)

    def write(self, _company: str, _item: str, _read: StoredRecord, record: ItemRecord) -> StoredRecord:
        self.log.append(f"write {told(record)}")
        self.record, self.age = record, 0
        return StoredRecord(record, "etag", NOW, NOW)

    def is_current(self, _source: object) -> bool:
        if self.log[-1:] != ["is_current"]:  # held by another upload's claim, it looks again and again
            self.log.append("is_current")
        return self.upload in self.state.incoming

    def picture(self, _item: Item, _upload_id: str) -> bytes:
        self.log.append("picture")
        return self.shown.encode()

    def keep_existing(self, *_: object) -> None:
        """Nothing depends on it."""

    def upload_picture(self, _item: Item, picture: bytes, _upload_id: str, _begin_by: float) -> None:
        self.log.append(f"upload_picture, {self.answer}")
        if self.answer == "refused":
            raise Transient(Reason.BC_UNAVAILABLE, "")
        if self.answer == "no answer":
            raise Transient(Reason.BC_NO_ANSWER, "")
        self.shown = picture.decode()


def told(record: ItemRecord) -> str:
    doubtful = record.doubt.uploads if record.doubt else ()
    parts = (record.on, record.claim and record.claim.upload, *doubtful)
    return " ".join([str(record.outcome), *(str(part and part.etag) for part in parts)])


def situations(config: Config) -> Iterator[tuple[Model, State, int]]:
    """Yield each record that a delivery can find, with what BC shows and what is in incoming, once."""
    model = Model(config)
    searched = Search(model)
    assert searched.run().broken is None
    seen = set()
    for s in searched.states:
        for upload in set(s.incoming) - {NONE}:
            key = (s.record, s.age, s.shown, s.incoming, upload)
            if not s.workers and key not in seen:
                seen.add(key)
                yield model, s, upload


def by_the_model(model: Model, s: State, upload: int, answer: str) -> tuple[list[str], bool]:
    """Return what a worker does in the model when BC answers so, and whether the upload is to be moved then."""
    log: list[str] = []
    s = next(after for label, after in model.moves(s) if (label.event, label.upload) == (At.READ_RECORD, upload))
    while s.workers and s.workers[0].at not in MOVES:
        at = s.workers[0].at
        label, s = next(
            (label, after) for label, after in model.moves(s) if at is not At.ANSWER or label.event.startswith(answer)
        )
        if at in WRITES:
            log.append(f"write {told(model.decisions.records[s.record])}")
        elif at is At.ANSWER:
            log.append(f"upload_picture, {label.event}")
        elif at is not At.UPLOAD:
            log.append("is_current" if at is At.IS_CURRENT else "picture")
    return log, bool(s.workers)


def by_the_code(model: Model, s: State, upload: int, answer: str) -> tuple[list[str], bool]:
    """Return the same of ``Placement.place``."""
    world = World(model, s, upload, answer)
    throttle = Throttle(sleep=lambda _: None, clock=lambda: 0.0)
    placement = Placement(world, world, world, world, throttle, model.config.keep_existing)  # type: ignore[arg-type]
    item = Item(Company("company", "C", "C"), "item", "1000", None)
    one: Upload = model.decisions.uploads[upload]
    job = PlacementJob(item, None, one, model.config.pictures[upload].shows.encode(), Report(one.name, "id"))  # type: ignore[arg-type]
    try:
        outcome = placement.place(job, world.read("company", "item"))
    except Transient:
        return world.log, False
    return world.log, outcome is not Outcome.WAITING


@pytest.mark.parametrize("answer", ["answered 204", "refused", "no answer"])
@pytest.mark.parametrize("keep_existing", [False, True])
@pytest.mark.parametrize("pictures", [TWO, SAME_SECOND, SAME_PICTURE])
def test_between_two_decisions_the_code_does_what_the_model_does(
    pictures: tuple[Picture, ...], keep_existing: bool, answer: str
) -> None:
    tried = 0
    config = Config(pictures, workers=1, crashes=1, silences=1, keep_existing=keep_existing)
    for model, s, upload in situations(config):
        s = s._replace(left=s.left._replace(silences=1))  # noqa: PLW2901 - so that each answer can be given
        assert by_the_model(model, s, upload, answer) == by_the_code(model, s, upload, answer), (s, upload)
        tried += 1
    assert tried > 50
