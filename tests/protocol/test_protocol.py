"""Searches the protocol's model: no order of events makes an item show an older picture; without a safeguard, one does.

The model is in ``model.py``. These tests search it, show that it notices what would be wrong, and tie it to the code:
between two decisions it does what ``Placement.place`` does.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import pytest

from shared import item_record
from shared.business_central.client import BusinessCentral
from shared.business_central.companies import Company
from shared.business_central.items import Item
from shared.business_central.retries import Throttle
from shared.errors import Reason, Transient, Waiting
from shared.item_record import ItemRecord, Observed, Step, StoredRecord, Upload, released
from shared.placement import Placement, PlacementJob
from shared.report import Outcome, Report
from shared.storage.moves import Mover
from shared.storage.records import ItemRecords
from shared.storage.uploads import PictureStorage
from tests.protocol.decisions import APP_RULES, NOW, Rules
from tests.protocol.model import LANDS_LATE, REMOVED, TIME_PASSES, Model
from tests.protocol.search import Result, Search
from tests.protocol.states import (
    ANSWERED,
    MOVES,
    NONE,
    REFUSED,
    UNANSWERED,
    WRITES,
    At,
    Config,
    ModelUpload,
    Promise,
    State,
)

TWO = (ModelUpload("a", 0, "red"), ModelUpload("b", 1, "blue"))
SAME_SECOND = (ModelUpload("a", 0, "red"), ModelUpload("a", 0, "blue"))
SAME_PICTURE = (ModelUpload("a", 0, "red"), ModelUpload("b", 1, "red"))
OTHER_NAME = (ModelUpload("b", 0, "red"), ModelUpload("a", 0, "blue"), ModelUpload("b", 0, "green"))
BACK_AND_FORTH = (ModelUpload("a", 0, "red"), ModelUpload("b", 1, "blue"), ModelUpload("c", 2, "red"))
REPLAY = (*TWO, ModelUpload("a", 0, "red", replay_of=0))

CONFIGS = {
    "no fault but slowness": Config(TWO),
    "one name within a second": Config(SAME_SECOND),
    "an unanswered request": Config(TWO, unanswered=1),
    "a crash, the same picture twice": Config(SAME_PICTURE, crashes=1),
    "a lost answer of storage": Config(SAME_PICTURE, resent_writes=1),
    "the picture that BC had is saved": Config(TWO, keep_existing=True),
    "three one after another, crash and unanswered request": Config(BACK_AND_FORTH, 1, crashes=1, unanswered=1),
    "three within a second, crash and unanswered request": Config(OTHER_NAME, 1, crashes=1, unanswered=1),
    "a replay, two unanswered requests": Config(REPLAY, 1, unanswered=2),
    "a removal, a finer clock": Config(TWO, 1, unanswered=1, crashes=1, removals=1, ticks=3),
    "a picture by hand, saved": Config(TWO, 1, unanswered=1, crashes=1, manual_changes=1, keep_existing=True),
}


def search(config: Config, rules: Rules = APP_RULES, promises: Collection[Promise] = Promise) -> Result:
    return Search(Model(config, rules, promises)).run()


# Two thirds of the time; only --long searches them.
LARGE = {
    "an unanswered request",
    "the picture that BC had is saved",
    "three one after another, crash and unanswered request",
    "three within a second, crash and unanswered request",
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> dict[str, Result]:
    left_out = set() if request.config.getoption("--long") else LARGE
    assert CONFIGS.keys() > LARGE
    return {name: search(config) for name, config in CONFIGS.items() if name not in left_out}


def test_nothing_is_lost_stale_doubled_or_stuck(results: dict[str, Result]) -> None:
    for name, result in results.items():
        print(f"{result.states:9,} states {result.moves:9,} moves: {name}")
        assert (name, result.broken, result.trace) == (name, None, ())
    states, moves = (sum(numbers) for numbers in zip(*((r.states, r.moves) for r in results.values()), strict=True))
    print(f"{states:9,} states {moves:9,} moves: in all; with --long, as docs/protocol.md and README.md say")


def test_searches_reach_every_step_and_every_effect(results: dict[str, Result]) -> None:
    assert set(Step) == set().union(*(result.steps for result in results.values()))
    assert set(At) - {At.READ_RECORD} == set().union(*(result.effects for result in results.values()))


# --- the search notices a missing safeguard --------------------------------------------------------------------------


def writes_in_bc(result: Result) -> list[str]:
    """Return the events that changed the picture in BC, in order."""
    return [event for event in result.trace if event.endswith((ANSWERED, LANDS_LATE))]


def test_without_doubts_a_late_patch_restores_an_older_picture() -> None:
    forgetful = Rules(
        claimed=lambda stored, upload, nonce: replace(stored.claimed(upload, nonce), doubt=None),
        doubted=lambda claimed: released(claimed.record),
    )
    promises = [Promise.DONE_IS_FINAL, Promise.NEWEST_WINS]
    result = search(Config(TWO, workers=1, unanswered=1), forgetful, promises)
    assert result.broken is Promise.DONE_IS_FINAL
    assert "upload 0: no answer" in result.trace
    assert writes_in_bc(result) == ["upload 1: answered 204", "upload 0: PATCH takes effect late"]


def test_claims_that_drop_ended_doubts_restore_an_old_picture() -> None:
    hasty = Rules(
        claimed=lambda stored, upload, nonce: replace(stored.claimed(upload, nonce), doubt=stored.active_doubt)
    )
    result = search(Config(TWO, workers=1, unanswered=1), hasty)
    assert result.broken is Promise.DONE_IS_FINAL
    assert writes_in_bc(result) == ["upload 1: answered 204", "upload 0: PATCH takes effect late"]
    assert "upload 1: refused" in result.trace


def test_without_etags_two_workers_write_at_the_same_time() -> None:
    result = search(Config(TWO), Rules(has_etags=False), [Promise.DONE_IS_FINAL, Promise.NEWEST_WINS])
    assert result.broken is Promise.DONE_IS_FINAL
    claims = {"upload 0: writes StoredRecord.claimed", "upload 1: writes StoredRecord.claimed"}
    assert claims <= set(result.trace)
    assert TIME_PASSES not in result.trace, "no claim was old"
    assert writes_in_bc(result) == ["upload 1: answered 204", "upload 0: answered 204"]


def test_without_a_young_claim_another_uploads_picture_is_saved() -> None:
    """A worker that was stopped while it asked BC takes what another one has written for a picture set by hand."""
    result = search(Config(TWO, keep_existing=True), Rules(renews_before_keeping=False), [Promise.OURS_NOT_KEPT])
    assert result.broken is Promise.OURS_NOT_KEPT
    assert TIME_PASSES in result.trace
    assert len(writes_in_bc(result)) == 1


def test_without_the_order_an_older_upload_wins() -> None:
    def any_wins(stored: StoredRecord, upload: Upload, observed: Observed) -> Step:
        step = stored.next_step(upload, observed)
        unordered = replace(stored, record=replace(stored.record, on=None))
        return unordered.next_step(upload, observed) if step is Step.SUPERSEDED else step

    result = search(Config(TWO, workers=1), Rules(next_step=any_wins))
    assert result.broken is Promise.DONE_IS_FINAL
    assert writes_in_bc(result)[-2:] == ["upload 1: answered 204", "upload 0: answered 204"]


def test_what_settles_and_is_overwritten_is_lost_without_a_copy() -> None:
    """Bytes were on the item, and in the end BC shows an older picture that counts as superseded."""

    def superseded_in_doubt(stored: StoredRecord, upload: Upload, observed: Observed) -> Step:
        step, on = stored.next_step(upload, observed), stored.record.on
        return Step.SUPERSEDED if step is Step.SETTLE and on and not on.is_same_as(upload) else step

    careless = Rules(next_step=superseded_in_doubt, keeps_settling=False)
    config = Config(TWO, workers=1, unanswered=1, removals=1)
    assert search(config, careless).broken is Promise.NOTHING_LOST
    result = search(config, careless, [Promise.NEWEST_WINS])
    assert result.broken is Promise.NEWEST_WINS
    assert f"upload 1: {REMOVED}" in result.trace
    assert writes_in_bc(result) == ["upload 1: answered 204", "upload 0: PATCH takes effect late"]


# --- the model does what the code does -------------------------------------------------------------------------------

OWNERS = (ItemRecords, PictureStorage, BusinessCentral, Placement, StoredRecord, Mover, item_record)


@pytest.mark.parametrize("effect", At)
def test_every_effect_bears_the_name_of_a_function_of_the_app(effect: At) -> None:
    owner_name, _, name = effect.partition(".")
    (owner,) = [owner for owner in OWNERS if owner.__name__.rpartition(".")[2] == owner_name]
    assert callable(getattr(owner, name))


@dataclass
class World:
    """Stands in for storage and BC; ``log`` is what a worker did there."""

    model: Model
    state: State
    upload: int
    answer: str
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.record = self.model.decisions.records[self.state.record]
        self.age, self.bc_picture = self.state.age, self.state.bc_picture

    def read(self, _company: str, _item: str) -> StoredRecord:
        return self.model.decisions.stored(self.model.decisions.number(self.record), self.age)

    def write(self, _company: str, _item: str, _read: StoredRecord, record: ItemRecord) -> StoredRecord:
        self.log.append(f"write {summary(record)}")
        self.record, self.age = record, 0
        return StoredRecord(record, "etag", NOW, NOW)

    def is_current(self, _source: object) -> bool:
        if self.log[-1:] != ["is_current"]:  # while another upload's claim is young, the worker looks again and again
            self.log.append("is_current")
        return self.upload in self.state.incoming

    def picture(self, _item: Item, _upload_id: str, _begin_by: float) -> bytes:
        self.log.append("picture")
        return self.bc_picture.encode()

    def keep_existing(self, *_: object) -> None:
        """Nothing depends on it."""

    put = keep_settling = keep_existing

    def upload_picture(self, _item: Item, picture: bytes, _upload_id: str, _begin_by: float) -> None:
        self.log.append(f"upload_picture, {self.answer}")
        if self.answer == REFUSED:
            raise Transient(Reason.BC_UNAVAILABLE, "")
        if self.answer == UNANSWERED:
            raise Transient(Reason.BC_NO_ANSWER, "")
        self.bc_picture = picture.decode()


def summary(record: ItemRecord) -> str:
    doubtful = record.doubt.uploads if record.doubt else ()
    parts = (record.on, record.claim and record.claim.upload, *doubtful)
    return " ".join([str(record.outcome), *(str(part and part.etag) for part in parts)])


def situations(config: Config) -> Iterator[tuple[Model, State, int]]:
    """Yield each record that a delivery can meet once, with the picture in BC and the uploads in incoming."""
    model = Model(config)
    searched = Search(model)
    assert searched.run().broken is None
    seen = set()
    for s in searched.states:
        for upload in set(s.incoming) - {NONE}:
            key = (s.record, s.age, s.bc_picture, s.incoming, upload)
            if not s.workers and key not in seen:
                seen.add(key)
                yield model, s, upload


def effects_in_model(model: Model, s: State, upload: int, answer: str) -> tuple[list[str], bool]:
    """Return what a worker does in the model if BC answers so, and whether it moves the source then."""
    log: list[str] = []
    s = next(after for label, after in model.moves(s) if (label.event, label.upload) == (At.READ_RECORD, upload))
    while s.workers and s.workers[0].at not in MOVES:
        at = s.workers[0].at
        label, s = next(move for move in model.moves(s) if at is not At.ANSWER or move[0].event == answer)
        if at in WRITES:
            log.append(f"write {summary(model.decisions.records[s.record])}")
        elif at is At.ANSWER:
            log.append(f"upload_picture, {label.event}")
        elif at is not At.UPLOAD:
            log.append("is_current" if at is At.IS_CURRENT else "picture")
    return log, bool(s.workers and s.workers[0].at is not At.KEEP_SETTLING)


def effects_in_app(model: Model, s: State, upload: int, answer: str) -> tuple[list[str], bool]:
    """Return the same for ``Placement.place``."""
    world = World(model, s, upload, answer)
    throttle = Throttle(sleep=lambda _: None, clock=lambda: 0.0)
    placement = Placement(world, world, world, world, throttle, model.config.keep_existing, world)  # type: ignore[arg-type]
    item = Item(Company("company", "C", "C"), "item", "1000", None)
    entry = model.decisions.entries[upload]
    picture, report = model.promises.picture(upload).encode(), Report(entry.name, "id")
    job = PlacementJob(item, None, entry, picture, report)  # type: ignore[arg-type]
    try:
        outcome = placement.place(job, world.read("company", "item"))
    except (Transient, Waiting):
        return world.log, False
    return world.log, outcome is not Outcome.WAITING


@pytest.mark.parametrize("answer", [ANSWERED, REFUSED, UNANSWERED])
@pytest.mark.parametrize("keep_existing", [False, True])
@pytest.mark.parametrize("uploads", [TWO, SAME_SECOND, SAME_PICTURE])
def test_between_two_decisions_the_code_does_as_the_model(
    uploads: tuple[ModelUpload, ...], keep_existing: bool, answer: str
) -> None:
    compared = 0
    config = Config(uploads, workers=1, crashes=1, unanswered=1, keep_existing=keep_existing)
    for model, situation, upload in situations(config):
        s = situation._replace(budget=situation.budget._replace(unanswered=1))  # so that every answer is possible
        assert effects_in_model(model, s, upload, answer) == effects_in_app(model, s, upload, answer), (s, upload)
        compared += 1
    assert compared > 50
