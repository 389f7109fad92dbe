"""Lists every kind of delivery: what comes before it, its outcome if nothing happens to it, and what holds at rest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from shared.errors import Transient
from shared.report import Outcome, Report
from shared.storage import names
from tests.support import outgoing_requests
from tests.support.item_promises import FreshItem, small
from tests.support.local_stack import LocalStack
from tests.support.outgoing_requests import Process

RED, GREEN, BLUE = small("red"), small("green"), small("blue", "PNG")
NOT_A_PICTURE = b"not a picture"
PNG = "png"  # another extension makes another name for the same item


@dataclass(frozen=True)
class AtRest:
    """The state at rest: ``writes`` counts the pictures that BC stored since the delivery began.

    ``before`` are the pictures that BC had before us and that were saved.
    """

    colour: str | None
    writes: int
    archived: list[bytes] = field(default_factory=list)
    quarantined: list[bytes] = field(default_factory=list)
    before: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Scenario:
    """A delivery: what comes before it, its outcome if nothing happens to it (None: it fails), and what holds at rest.

    ``arrange`` leaves the upload in incoming and returns its name; ``meanwhile`` happens before it is delivered again.
    """

    name: str
    arrange: Callable[[FreshItem], str]
    outcome: Outcome | None
    at_rest: AtRest
    item_exists: bool = True
    meanwhile: Callable[[FreshItem], None] = lambda _item: None


# --- deliver -------------------------------------------------------------------------------------------------------


def deliver(local: LocalStack, name: str, process: Process, **settings: str) -> Report | None:
    """Deliver to a new process; returns None if the delivery fails or the process dies."""
    pipeline = local.pipeline(**settings)
    with outgoing_requests.hooked(process):
        try:
            return pipeline.process(names.INCOMING, name)
        except (Transient, outgoing_requests.Crash):
            return None


def deliver_and_die(local: LocalStack, name: str, at: str, *, after: bool) -> None:
    """Deliver to a process that dies before or ``after`` its first effect that begins with ``at``."""
    process = Process(lambda effects: str(effects[-1]).startswith(at), after=after)
    deliver(local, name, process)
    assert process.died


# --- what comes before the delivery --------------------------------------------------------------------------------


def first(item: FreshItem, *, by_id: bool = False) -> str:
    name = item.name(by_id=by_id)
    item.upload(name, RED)
    return name


def over_a_picture_by_hand(item: FreshItem, *, by_id: bool = False) -> str:
    item.put_by_hand(BLUE)
    return first(item, by_id=by_id)


def changed(item: FreshItem, *, by_id: bool = False) -> str:
    item.deliver(first(item))
    item.local.pass_time(seconds=1)
    name = item.name(by_id=by_id)
    item.upload(name, GREEN)
    return name


def unchanged(item: FreshItem) -> str:
    item.deliver(first(item))
    item.local.pass_time(seconds=1)
    return first(item)


def older(item: FreshItem) -> str:
    item.upload(item.name(PNG), BLUE)
    item.local.pass_time(seconds=1)
    item.deliver(first(item))
    return item.name(PNG)


def not_a_picture(item: FreshItem) -> str:
    item.upload(item.name(), NOT_A_PICTURE)
    return item.name()


def refused_once(item: FreshItem) -> str:
    item.local.fault(400, method="PATCH", code="Application_DialogException", message="The item is blocked.")
    return first(item)


def unanswered(item: FreshItem, *, applied: bool) -> str:
    """The PATCH of this delivery gets no answer; BC has applied it or not."""
    item.local.fault(drop=True, method="PATCH", applied=applied)
    return first(item)


def in_doubt(item: FreshItem, *, applied: bool, minutes: float) -> str:
    """The PATCH of an earlier delivery got no answer, so many minutes ago."""
    name = unanswered(item, applied=applied)
    item.deliver(name)
    item.local.pass_time(minutes=minutes)
    return name


def after_a_death(item: FreshItem, *, applied: bool) -> str:
    """A process died before or after its PATCH took effect, and its claim is old."""
    name = first(item)
    deliver_and_die(item.local, name, "PATCH bc/", after=applied)
    item.local.pass_time(minutes=4)
    return name


_WRITTEN, _NOT_WRITTEN = AtRest("red", 1, [RED]), AtRest("red", 0, [RED])
_BEFORE_SAVED, _CHANGED = AtRest("red", 1, [RED], before=[BLUE]), AtRest("green", 1, [RED, GREEN])
UPDATED, WAITING = Outcome.UPDATED, Outcome.WAITING
SCENARIOS = (
    Scenario("first upload by number", first, UPDATED, _WRITTEN),
    Scenario("first upload by id", partial(first, by_id=True), UPDATED, _WRITTEN),
    Scenario("BC had a picture", over_a_picture_by_hand, UPDATED, _BEFORE_SAVED),
    Scenario("BC had a picture, by id", partial(over_a_picture_by_hand, by_id=True), UPDATED, _BEFORE_SAVED),
    Scenario("a changed picture", changed, UPDATED, _CHANGED),
    Scenario("a changed picture, by id", partial(changed, by_id=True), UPDATED, _CHANGED),
    Scenario("an unchanged picture", unchanged, Outcome.UNCHANGED, AtRest("red", 0, [RED, RED])),
    Scenario("an older upload", older, Outcome.SUPERSEDED, AtRest("red", 0, [RED, BLUE])),
    Scenario("not a picture", not_a_picture, Outcome.QUARANTINED, AtRest(None, 0, quarantined=[NOT_A_PICTURE])),
    Scenario("the item comes later", first, WAITING, _WRITTEN, item_exists=False, meanwhile=FreshItem.appear),
    Scenario("BC refuses once", refused_once, WAITING, _WRITTEN),
    Scenario("an unanswered PATCH, applied", partial(unanswered, applied=True), None, _WRITTEN),
    Scenario("an unanswered PATCH, not applied", partial(unanswered, applied=False), None, _WRITTEN),
    Scenario("in doubt, applied", partial(in_doubt, applied=True, minutes=0), WAITING, _NOT_WRITTEN),
    Scenario("in doubt, not applied", partial(in_doubt, applied=False, minutes=0), WAITING, _WRITTEN),
    Scenario("doubt over, applied", partial(in_doubt, applied=True, minutes=21), UPDATED, _NOT_WRITTEN),
    Scenario("doubt over, not applied", partial(in_doubt, applied=False, minutes=21), UPDATED, _WRITTEN),
    Scenario("a dead worker's claim, not applied", partial(after_a_death, applied=False), WAITING, _WRITTEN),
    Scenario("a dead worker's claim, applied", partial(after_a_death, applied=True), WAITING, _NOT_WRITTEN),
)
FIRST, BC_HAD_A_PICTURE, CHANGED = SCENARIOS[0], SCENARIOS[2], SCENARIOS[4]
