"""The record remembers every doubt until somebody has looked at the item, and holds an upload until it is safe."""

from dataclasses import replace
from datetime import timedelta

from shared.item_record import (
    CLAIM_LIFE,
    DOUBT_LASTS,
    Claim,
    Doubt,
    ItemRecord,
    Observed,
    Step,
    confirmed,
    doubted,
    released,
)
from tests.support.item_records import DOUBT, NEW, NOON, OLD, SECOND, stored

IS_RED, IS_BLUE = Observed(picture_sha256="red"), Observed(picture_sha256="blue")


def test_a_young_claim_blocks_every_upload_and_an_old_one_none() -> None:
    claimed = ItemRecord("1", claim=Claim("n", OLD))
    assert stored(claimed, CLAIM_LIFE - SECOND).next_step(NEW, Observed()) is Step.WAIT
    assert stored(claimed, CLAIM_LIFE - SECOND).next_step(OLD, Observed()) is Step.WAIT
    assert stored(claimed, CLAIM_LIFE).next_step(NEW, Observed()) is Step.WRITE
    assert stored(claimed, CLAIM_LIFE).next_step(OLD, Observed()) is Step.COMPARE, "the dead worker may have written it"


def test_an_upload_stays_until_a_doubt_expires_and_bc_is_checked() -> None:
    record = ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT)
    assert stored(record).next_step(NEW, Observed()) is Step.SETTLE
    expired = stored(record, at=DOUBT.until)
    assert expired.next_step(NEW, Observed()) is Step.COMPARE
    assert expired.next_step(NEW, IS_RED) is Step.WRITE
    assert expired.next_step(NEW, IS_BLUE) is Step.ADOPT
    assert stored(expired.adopted(NEW, IS_BLUE)).next_step(NEW, Observed()) is Step.DONE


def test_a_claim_and_its_release_keep_every_doubt() -> None:
    """They keep even an expired doubt: if this write is refused, nobody has checked yet what BC shows."""
    for at in (NOON, DOUBT.until):
        before = ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT)
        claimed = stored(before, at=at).claimed(NEW, "n")
        assert claimed.doubt == DOUBT
        assert released(claimed) == before


def test_an_upload_is_not_done_after_a_refused_second_write() -> None:
    expired = stored(ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT), at=DOUBT.until)
    assert expired.next_step(NEW, IS_RED) is Step.WRITE
    again = stored(released(expired.claimed(NEW, "n")), at=DOUBT.until)
    assert again.next_step(NEW, Observed()) is Step.COMPARE


def test_confirming_keeps_doubts_that_outlast_the_claim() -> None:
    pending = stored(stored(ItemRecord("1", doubt=DOUBT)).claimed(NEW, "n"))
    assert confirmed(pending, NEW, "updated") == ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT)
    expired = stored(pending.record, at=DOUBT.until)
    assert confirmed(expired, NEW, "updated") == ItemRecord("1", on=NEW, outcome="updated")
    slow = stored(pending.record, age=timedelta(minutes=15), at=DOUBT.until)
    assert confirmed(slow, NEW, "updated").doubt == DOUBT, "it has expired by now, but had not when the request began"


def test_checking_bc_ends_only_an_expired_doubt() -> None:
    record = ItemRecord("1", doubt=DOUBT)
    assert stored(record).adopted(OLD, IS_RED).doubt == DOUBT
    assert stored(record, at=DOUBT.until).adopted(OLD, IS_RED).doubt is None


def test_an_unanswered_write_is_in_doubt_from_its_claim_on() -> None:
    claimed = stored(ItemRecord("1", claim=Claim("n", NEW), doubt=DOUBT), age=timedelta(minutes=2))
    until = NOON - timedelta(minutes=2) + DOUBT_LASTS
    assert doubted(claimed) == ItemRecord("1", doubt=Doubt(until, (OLD, NEW)))


def test_taking_over_a_dead_claim_doubts_its_write() -> None:
    dead = stored(ItemRecord("1", claim=Claim("n", OLD)), age=CLAIM_LIFE)
    successor = dead.claimed(NEW, "m")
    assert successor.claim == Claim("m", NEW)
    assert successor.doubt == Doubt(NOON - CLAIM_LIFE + DOUBT_LASTS, (OLD,))
    assert dead.has_tried(OLD)
    assert not dead.has_tried(NEW)


def test_a_doubt_remembers_every_unanswered_upload() -> None:
    claimed = stored(ItemRecord("1", doubt=DOUBT, claim=Claim("other", NEW)))
    after = stored(doubted(claimed))
    assert after.has_tried(OLD)
    assert after.has_tried(NEW)
    assert after.has_written(OLD.picture_sha256)
    again = replace(after, record=replace(after.record, claim=Claim("again", OLD)))
    assert doubted(again).doubt == Doubt(again.written_at + DOUBT_LASTS, after.record.doubt.uploads)  # type: ignore[union-attr]


def test_a_repeated_write_is_recognised_after_another_picture() -> None:
    assert stored(ItemRecord("1", on=NEW, doubt=DOUBT)).has_tried(NEW)
    assert not stored(ItemRecord("1", on=OLD)).has_tried(NEW)


def test_checking_bc_again_keeps_the_outcome() -> None:
    for outcome in ("updated", "unchanged"):
        record = ItemRecord("1", on=NEW, outcome=outcome, doubt=DOUBT)
        assert stored(record, at=DOUBT.until).adopted(NEW, IS_BLUE).outcome == outcome
    assert stored(ItemRecord("1", on=OLD)).adopted(NEW, IS_BLUE).outcome == "unchanged"
    assert stored(ItemRecord("1", doubt=DOUBT)).adopted(OLD, IS_RED).outcome == "updated"


def test_a_picture_from_an_earlier_app_version_is_not_rewritten() -> None:
    on = replace(NEW, picture_sha256="blue, as an earlier version rendered it")
    expired = stored(ItemRecord("1", on=on, doubt=DOUBT), at=DOUBT.until)
    observed = Observed(picture_sha256=on.picture_sha256)
    assert expired.next_step(NEW, observed) is Step.ADOPT
    assert expired.adopted(NEW, observed).on == on
