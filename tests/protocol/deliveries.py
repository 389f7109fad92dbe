"""Every kind of delivery: what comes before it, how it ends if nothing happens to it, and what is so at rest."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.errors import Transient
from shared.report import Outcome, Report
from shared.storage import names
from tests.support import outgoing_requests
from tests.support.item_promises import FreshItem, small
from tests.support.local_stack import LocalStack
from tests.support.outgoing_requests import Process

RED, GREEN, BLUE = small("red"), small("green"), small("blue", "PNG")
NOT_A_PICTURE = b"not a picture"
PNG = "png"  # another extension is another name, and the same item


@dataclass(frozen=True)
class AtRest:
    """What has come of a delivery in the end; ``writes`` is how often BC stored a picture since it began."""

    shows: str | None
    writes: int
    archived: list[bytes] = field(default_factory=list)
    quarantined: list[bytes] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Scenario:
    """A delivery: what comes before it, how it ends if nothing happens (None: it fails), and what is so at rest.

    ``arrange`` leaves the upload in incoming and returns its name; ``then`` happens before it is delivered again.
    """

    name: str
    arrange: Callable[[FreshItem], str]
    ends: Outcome | None
    at_rest: AtRest
    exists: bool = True
    then: Callable[[FreshItem], None] = lambda _item: None


# --- how it is delivered -------------------------------------------------------------------------------------------


def deliver(local: LocalStack, name: str, process: Process, **settings: str) -> Report | None:
    """Deliver to a new process; the answer is None where the delivery failed or the process died."""
    pipeline = local.pipeline(**settings)
    with outgoing_requests.hooked(process):
        try:
            return pipeline.process(names.INCOMING, name)
        except (Transient, outgoing_requests.Crash):
            return None


def dies_at(local: LocalStack, name: str, at: str, *, after: bool) -> None:
    """Deliver to a process that dies at its first effect of this kind."""
    process = Process(lambda effects: str(effects[-1]).startswith(at), after=after)
    deliver(local, name, process)
    assert process.died


# --- what comes before the delivery ------------------------------------------------------------------------------


def first(item: FreshItem, *, by_id: bool = False) -> str:
    name = item.name(by_id=by_id)
    item.upload(name, RED)
    return name


def shows_another(item: FreshItem, *, by_id: bool = False) -> str:
    item.put_by_hand(BLUE)
    return first(item, by_id=by_id)


def follows_another(item: FreshItem, *, by_id: bool = False) -> str:
    item.deliver(first(item))
    item.local.pass_time(seconds=1)
    name = item.name(by_id=by_id)
    item.upload(name, GREEN)
    return name


def repeats(item: FreshItem) -> str:
    item.deliver(first(item))
    item.local.pass_time(seconds=1)
    return first(item)


def comes_late(item: FreshItem) -> str:
    item.upload(item.name(PNG), BLUE)
    item.local.pass_time(seconds=1)
    item.deliver(first(item))
    return item.name(PNG)


def is_bad(item: FreshItem) -> str:
    item.upload(item.name(), NOT_A_PICTURE)
    return item.name()


def is_refused(item: FreshItem) -> str:
    item.local.fault(400, method="PATCH", code="Application_DialogException", message="The item is blocked.")
    return first(item)


def loses_its_answer(item: FreshItem, *, applied: bool) -> str:
    item.local.fault(drop=True, method="PATCH", applied=applied)
    return first(item)


def lost_its_answer(item: FreshItem, *, applied: bool, minutes: float) -> str:
    name = loses_its_answer(item, applied=applied)
    item.deliver(name)
    item.local.pass_time(minutes=minutes)
    return name


def follows_a_death(item: FreshItem, *, applied: bool) -> str:
    """A process died before or after its PATCH took effect, and its claim is old."""
    name = first(item)
    dies_at(item.local, name, "PATCH bc/", after=applied)
    item.local.pass_time(minutes=4)
    return name


def so(arrange: Callable[..., str], **options: float) -> Callable[[FreshItem], str]:
    return lambda item: arrange(item, **options)


_ONCE, _NEVER = AtRest("red", 1, [RED]), AtRest("red", 0, [RED])
_KEPT, _CHANGED = AtRest("red", 1, [RED], kept=[BLUE]), AtRest("green", 1, [RED, GREEN])
UPDATED, WAITING = Outcome.UPDATED, Outcome.WAITING
SCENARIOS = (
    Scenario("first contact by number", first, UPDATED, _ONCE),
    Scenario("first contact by id", so(first, by_id=True), UPDATED, _ONCE),
    Scenario("BC had a picture", shows_another, UPDATED, _KEPT),
    Scenario("BC had a picture, by id", so(shows_another, by_id=True), UPDATED, _KEPT),
    Scenario("a changed picture", follows_another, UPDATED, _CHANGED),
    Scenario("a changed picture, by id", so(follows_another, by_id=True), UPDATED, _CHANGED),
    Scenario("an unchanged picture", repeats, Outcome.UNCHANGED, AtRest("red", 0, [RED, RED])),
    Scenario("an older upload", comes_late, Outcome.SUPERSEDED, AtRest("red", 0, [RED, BLUE])),
    Scenario("a bad picture", is_bad, Outcome.QUARANTINED, AtRest(None, 0, quarantined=[NOT_A_PICTURE])),
    Scenario("the item comes later", first, WAITING, _ONCE, exists=False, then=FreshItem.appear),
    Scenario("BC says no, and later yes", is_refused, WAITING, _ONCE),
    Scenario("an answer is lost", so(loses_its_answer, applied=True), None, _ONCE),
    Scenario("a write is lost", so(loses_its_answer, applied=False), None, _ONCE),
    Scenario("in doubt, written", so(lost_its_answer, applied=True, minutes=0), WAITING, _NEVER),
    Scenario("in doubt, not written", so(lost_its_answer, applied=False, minutes=0), WAITING, _ONCE),
    Scenario("doubt over, written", so(lost_its_answer, applied=True, minutes=21), UPDATED, _NEVER),
    Scenario("doubt over, not written", so(lost_its_answer, applied=False, minutes=21), UPDATED, _ONCE),
    Scenario("a claim of the dead, not written", so(follows_a_death, applied=False), WAITING, _ONCE),
    Scenario("a claim of the dead, written", so(follows_a_death, applied=True), WAITING, _NEVER),
)
MAIN, HAD_A_PICTURE, CHANGED = SCENARIOS[0], SCENARIOS[2], SCENARIOS[4]
