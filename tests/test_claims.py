"""A worker claims an item before it writes; a dead worker's claim expires, and an old claim never starts a request."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from math import inf

import pytest

from shared.business_central.http import Timeouts
from shared.business_central.retries import WAIT_TOTAL
from shared.errors import Reason, Transient
from shared.item_record import BEGIN_WITHIN, CLAIM_LIFE, DOUBT_LASTS
from shared.paths import ItemKey, KeyKind
from shared.report import Outcome
from shared.storage import names
from tests.support.faulty_storage import Answer, storage_proxy
from tests.support.item_pictures import (
    BLUE,
    GREEN,
    PNG,
    RED,
    colour_in_bc,
    deliver,
    deliver_after_doubt,
    kept_pictures,
    picture_of,
    put_by_hand,
    storage_requests,
)
from tests.support.local_stack import DESK, DESK_ID, LocalStack, ManualClock


def worker_dies_while_writing(local: LocalStack, colour: str, path: str = DESK) -> None:
    """Upload a picture, and leave the claim of a worker that died while writing it."""

    class Killed(BaseException):
        pass

    def kill(_seconds: float) -> None:
        raise Killed

    local.upload(path, picture_of(colour))
    local.fault(429, method="PATCH")  # the worker dies while it waits to repeat the request
    clock = ManualClock()
    clock.sleep = kill  # type: ignore[method-assign] # this test's own clock
    with pytest.raises(Killed):
        local.pipeline(clock=clock).process(names.INCOMING, path)


def test_a_claimed_item_makes_other_uploads_wait_a_minute(local: LocalStack) -> None:
    worker_dies_while_writing(local, BLUE)
    clock = ManualClock()
    report = local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.WAITING, Reason.ITEM_BUSY)
    assert sum(clock.slept) == 60
    assert local.requests("PATCH")[1:] == []


def test_a_dead_workers_claim_expires_after_three_minutes(local: LocalStack) -> None:
    worker_dies_while_writing(local, BLUE)
    local.pass_time(minutes=4)
    report = deliver(local)
    assert (report.outcome, report.reason, report.repeated) == (Outcome.WAITING, "settling", True)
    assert colour_in_bc(local) == BLUE
    assert deliver_after_doubt(local).outcome is Outcome.UPDATED


# --- a request starts soon after its claim, or not at all --------------------------------------------------------


def test_no_request_starts_too_long_after_its_claim(local: LocalStack) -> None:
    """It could take effect after the doubt about it has expired."""
    clock = ManualClock()
    bc = local.pipeline(clock=clock).business_central
    desk = bc.item(bc.company("CRONUS USA, Inc.", "x"), ItemKey(None, KeyKind.NUMBER, "1896-S"), "x")
    with pytest.raises(Transient) as failure:
        bc.upload_picture(desk, picture_of(BLUE), "x", begin_by=clock.now - 1)
    assert failure.value.reason is Reason.BC_UNAVAILABLE
    assert local.requests("PATCH") == []


@contextmanager
def acting_during_save(local: LocalStack, meanwhile: Callable[[], None]) -> Iterator[str]:
    """Yield a connection string; ``meanwhile`` runs while the app saves the picture that BC had."""

    def hook(method: str, path: str, _headers: HTTPMessage) -> None:
        if method == "PUT" and ".before." in path:
            meanwhile()

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], hook) as connection:
        yield connection


def test_a_claim_that_expires_during_a_save_is_renewed(local: LocalStack) -> None:
    put_by_hand(local, GREEN)
    local.upload(content=picture_of(BLUE))
    clock, claims = ManualClock(), list[str]()

    def pass_a_minute() -> None:
        (record,) = local.names(names.RECORDS)
        claims.append(local.storage.get_blob_client(names.RECORDS, record).get_blob_properties().etag)
        clock.now += 60

    with acting_during_save(local, pass_a_minute) as connection:
        pipeline = local.pipeline(clock=clock, PICTURE_STORAGE=connection)
        with storage_requests() as storage:
            assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len(claims) == 1
    assert len(storage.methods) == 8, "one more than usual when a picture is kept"


def test_a_claim_lost_to_another_worker_is_not_used(local: LocalStack) -> None:
    put_by_hand(local, GREEN)
    local.upload(content=picture_of(BLUE))
    clock = ManualClock()

    def let_another_worker_write() -> None:
        if not local.requests("PATCH"):
            clock.now += 300
            local.pass_time(minutes=5)
            assert deliver(local).reason == "settling"

    with acting_during_save(local, let_another_worker_write) as connection:
        report = local.pipeline(clock=clock, PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "settling")
    assert len(local.requests("PATCH")) == 1
    assert deliver_after_doubt(local).outcome is Outcome.UPDATED


# --- nobody waits long for BC with a claim -----------------------------------------------------------------------


class ClaimWatch(ManualClock):
    """Notes how old claims get while their owner sleeps; ``then`` happens before the first sleep after ``seconds``."""

    def __init__(self, local: LocalStack, seconds: float, then: Callable[[], object]) -> None:
        super().__init__()
        self._local, self._seconds, self._then = local, seconds, then
        self._first_seen: dict[str, float] = {}
        self.oldest = 0.0

    def sleep(self, seconds: float) -> None:
        if self.now >= self._seconds:
            self._seconds = inf
            self._then()
        claim = self._claim()
        super().sleep(seconds)
        if claim:
            self.oldest = max(self.oldest, self.now - self._first_seen.setdefault(claim["nonce"], self.now - seconds))

    def _claim(self) -> dict[str, str] | None:
        (record,) = [name for name in self._local.names(names.RECORDS) if name.endswith(f"{DESK_ID}.json")]
        claim: dict[str, str] | None = json.loads(self._local.read(names.RECORDS, record) or b"{}")["claim"]
        return claim


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "7"}, {"Retry-After": "86400"}], ids=str)
@pytest.mark.parametrize("of", [{"path": "pictureContent"}, {"query": "id eq"}], ids=["save", "conflict"])
def test_a_claim_is_given_back_while_bc_refuses_reads(
    local: LocalStack, of: dict[str, str], headers: dict[str, str]
) -> None:
    """It used to be held for up to five minutes: others took it over, and left doubts about a PATCH never sent."""
    (by_hand,) = put_by_hand(local, GREEN)
    local.upload(content=picture_of(BLUE))
    local.fault(409, method="PATCH", code="Request_EntityChanged", count=None)
    local.fault(429, method="GET", count=None, headers=headers, **of)
    clock = ClaimWatch(local, 200, lambda: local.control("DELETE", "faults"))
    report = local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert (report.outcome, report.repeated) == (Outcome.UPDATED, False)
    assert clock.now > 200
    assert 0 < clock.oldest <= BEGIN_WITHIN
    assert kept_pictures(local) == [by_hand]


def test_a_worker_that_was_stopped_saves_nobody_elses_upload(local: LocalStack) -> None:
    """Its claim is taken over while it waits for the picture that BC shows; BC then shows another upload's."""
    (by_hand,) = put_by_hand(local, GREEN)
    local.upload(content=picture_of(BLUE))
    local.pass_time(seconds=5)
    local.upload(PNG, picture_of(RED))
    local.fault(429, method="GET", path="pictureContent")

    def stop_for_minutes() -> None:
        clock.now += 240
        local.pass_time(minutes=4)
        assert deliver(local, PNG).reason == "settling"

    clock = ClaimWatch(local, 0, stop_for_minutes)
    report = local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "settling")
    assert colour_in_bc(local) == RED
    assert kept_pictures(local) == [by_hand]


def test_a_claim_that_is_slow_to_write_is_renewed(local: LocalStack) -> None:
    """Its age counts from the moment before we send it."""
    local.upload(content=picture_of(BLUE))
    clock, claims = ManualClock(), list[str]()

    def hook(method: str, path: str, _headers: HTTPMessage) -> None:
        if method == "PUT" and f"/{names.RECORDS}/" in path:
            claims.append(path)
            clock.now += 60 if len(claims) == 1 else 0

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], hook) as connection:
        pipeline = local.pipeline(clock=clock, PICTURE_STORAGE=connection)
        assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len(claims) == 3, "claimed, claimed again, confirmed"


@pytest.mark.parametrize("lost", [1, 2], ids=["claim", "confirmation"])
def test_a_record_change_with_a_lost_answer_is_known_as_ours(local: LocalStack, lost: int) -> None:
    """The SDK repeats the request, and storage answers that the record has changed: we changed it."""
    local.upload(content=picture_of(BLUE))
    changes = []

    def hook(method: str, path: str, _headers: HTTPMessage) -> Answer | None:
        if method == "PUT" and f"/{names.RECORDS}/" in path:
            changes.append(path)
            return Answer.LOST if len(changes) == lost else None
        return None

    clock = ManualClock()
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], hook) as connection:
        report = local.pipeline(clock=clock, PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert (report.outcome, report.repeated) == (Outcome.UPDATED, False)
    assert clock.slept == [], "it recognised its own claim"
    assert len(local.requests("PATCH")) == 1
    assert local.names(names.INCOMING) == []


def test_claim_and_doubt_outlast_every_request() -> None:
    """A claim outlives its worker's write, and a doubt the 16 minutes that BC may take for a request sent in time."""
    assert CLAIM_LIFE.total_seconds() >= BEGIN_WITHIN + Timeouts().write
    reading = Timeouts().connect + 2 * Timeouts().read  # until the answer begins, and until it ends
    assert CLAIM_LIFE.total_seconds() >= BEGIN_WITHIN + WAIT_TOTAL + reading
    assert DOUBT_LASTS.total_seconds() >= BEGIN_WITHIN + WAIT_TOTAL + 6 * Timeouts().connect + 16 * 60
