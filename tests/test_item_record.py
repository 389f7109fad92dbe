"""The record decides by a total order of uploads, remembers every doubt until somebody has looked, and survives storage."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.item_record import (
    CLAIM_LIFE,
    DOUBT_LASTS,
    Claim,
    Doubt,
    ItemRecord,
    Observed,
    Step,
    StoredRecord,
    Upload,
    confirmed,
    doubted,
    released,
)
from shared.storage.names import encode_metadata
from shared.storage.record_format import from_json, to_json
from shared.storage.uploads import _source

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
IS_CURRENT, IS_GONE = Observed(is_current=True), Observed(is_current=False)

NAMES = st.sampled_from(["C/1896-S.jpg", "C/1896-S.png", "1896-S.jpg", "Ä.jpg"])
TIMES = st.integers(0, 2500).map(lambda ms: NOON + timedelta(milliseconds=ms))
ETAGS, HASHES = st.sampled_from(["1", "2", "3", "4"]), st.sampled_from(["red", "blue"])
UPLOADS = st.builds(Upload, NAMES, ETAGS, TIMES, st.booleans(), HASHES)
RECORDS = st.builds(
    ItemRecord,
    st.text(max_size=20),
    st.none() | UPLOADS,
    st.sampled_from([None, "updated", "unchanged"]),
    st.none() | st.builds(Claim, st.text(max_size=32), UPLOADS),
    st.none() | st.builds(Doubt, TIMES, st.lists(UPLOADS, max_size=3).map(tuple)),
)


def upload(name: str = "a.jpg", etag: str = "1", second: int = 0, shows: str = "red", replay: bool = False) -> Upload:
    return Upload(name, etag, NOON + second * SECOND, replay, shows)


OLD, NEW = upload("a.jpg"), upload("b.jpg", "2", 1, "blue")
DOUBT = Doubt(NOON + timedelta(minutes=10), (OLD,))


def read(record: ItemRecord, age: timedelta = timedelta(0), at: datetime = NOON) -> StoredRecord:
    return StoredRecord(record, "etag", at - age, at)


def step(on: Upload, one: Upload, observed: Observed = Observed()) -> Step:  # noqa: B008 - it cannot change
    return read(ItemRecord("1", on)).next_step(one, observed)


def gives_way(on: Upload, one: Upload, observed: Observed = IS_CURRENT) -> bool:
    return step(on, one, observed) is Step.SUPERSEDED


# --- which of two uploads is newer ---------------------------------------------------------------------------------


@given(UPLOADS, UPLOADS)
def test_of_two_uploads_at_least_one_gives_way_and_never_the_newer_second(one: Upload, other: Upload) -> None:
    """Of one name and second, the one that is in incoming is newer; both of them cannot be there."""
    assume(not one.is_same_as(other))
    ways = {gives_way(one, other, IS_CURRENT), gives_way(other, one, IS_GONE)}
    both_replays_of_one = one.is_replay and other.is_replay and one.name == other.name
    if both_replays_of_one and one.uploaded_at.replace(microsecond=0) == other.uploaded_at.replace(microsecond=0):
        assert ways == {True}, "whichever came first stays"
    else:
        assert ways == {True, False}
    if other.uploaded_at - one.uploaded_at >= SECOND:
        assert not gives_way(one, other, IS_GONE)
        assert gives_way(other, one, IS_CURRENT)


@given(st.lists(UPLOADS, min_size=3, max_size=3, unique_by=lambda one: one.etag))
def test_the_order_of_three_uploads_has_no_circle(three: list[Upload]) -> None:
    first, second, third = three
    seconds = {(one.name, one.uploaded_at.replace(microsecond=0), one.is_replay) for one in three}
    assume(len(seconds) == 3)
    if gives_way(first, second) and gives_way(second, third):
        assert gives_way(first, third)


@given(UPLOADS, UPLOADS)
def test_incoming_is_looked_at_only_where_nothing_else_tells_two_uploads_apart(one: Upload, other: Upload) -> None:
    assume(not one.is_same_as(other))
    same_second = one.uploaded_at.replace(microsecond=0) == other.uploaded_at.replace(microsecond=0)
    is_needed = same_second and one.name == other.name and not one.is_replay and not other.is_replay
    assert (step(one, other) is Step.CHECK_SOURCE) == is_needed


@given(
    st.lists(
        UPLOADS,
        min_size=2,
        max_size=4,
        unique_by=(lambda one: one.etag, lambda one: (one.name, one.uploaded_at.second)),
    )
)
def test_the_newest_upload_wins_whatever_the_order(uploads: list[Upload]) -> None:
    winners = set()
    for order in permutations(uploads):
        on = order[0]
        for one in order[1:]:
            on = on if gives_way(on, one) else one
        winners.add(on)
    assert len(winners) == 1


def test_within_a_second_a_replay_gives_way_whatever_its_name() -> None:
    assert gives_way(upload("a.jpg"), upload("z.jpg", "2", replay=True))
    assert not gives_way(upload("z.jpg", "2", replay=True), upload("a.jpg"))


def test_a_replay_gives_way_to_the_upload_that_it_repeats_and_to_every_newer_one() -> None:
    assert gives_way(OLD, replace(OLD, etag="9", is_replay=True))
    assert gives_way(NEW, replace(OLD, etag="9", is_replay=True))


@given(st.integers(-3600, 3600), st.integers(-3600, 3600))
def test_nobody_uploads_from_the_future(original: int, newer: int) -> None:
    """The metadata that make a blob a replay can be set by hand: they make it older, never newer than its second."""
    found = {
        **encode_metadata({"source_name": "a.jpg", "uploaded_at": (NOON + original * SECOND).isoformat()}),
        "upload_id": "x",
    }
    properties = SimpleNamespace(last_modified=NOON, metadata=found, etag='"9"', size=1)
    source = _source("a.jpg", properties, ["Sun, 01 Mar 2026 12:00:00 GMT"], None)
    assert source.is_replay
    assert source.uploaded_at == NOON + min(original, 0) * SECOND
    replayed = Upload("a.jpg", "9", source.uploaded_at, source.is_replay, "red")
    assert gives_way(upload("a.jpg", second=newer), replayed) == (newer >= min(original, 0))


# --- what a step promises -------------------------------------------------------------------------------------------


def test_a_young_claim_holds_everybody_and_an_old_one_nobody() -> None:
    claimed = ItemRecord("1", claim=Claim("n", OLD))
    assert read(claimed, CLAIM_LIFE - SECOND).next_step(NEW, Observed()) is Step.WAIT
    assert read(claimed, CLAIM_LIFE - SECOND).next_step(OLD, Observed()) is Step.WAIT
    assert read(claimed, CLAIM_LIFE).next_step(NEW, Observed()) is Step.WRITE
    assert read(claimed, CLAIM_LIFE).next_step(OLD, Observed()) is Step.COMPARE, "the dead one may have written it"


def test_an_upload_that_is_on_the_item_stays_in_incoming_until_a_doubt_is_over_and_bc_was_looked_at() -> None:
    record = ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT)
    assert read(record).next_step(NEW, Observed()) is Step.SETTLE
    over = read(record, at=DOUBT.until)
    assert over.next_step(NEW, Observed()) is Step.COMPARE
    assert over.next_step(NEW, Observed(picture_sha256="red")) is Step.WRITE
    assert over.next_step(NEW, Observed(picture_sha256="blue")) is Step.ADOPT
    assert read(over.adopted(NEW, Observed(picture_sha256="blue"))).next_step(NEW, Observed()) is Step.DONE


def test_a_claim_keeps_every_doubt_and_so_does_its_release() -> None:
    """Also one that is over: if this write is refused, nobody has looked yet what came of the doubtful one."""
    for at in (NOON, DOUBT.until):
        before = ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT)
        claimed = read(before, at=at).claimed(NEW, "n")
        assert claimed.doubt == DOUBT
        assert released(claimed) == before


def test_an_upload_whose_second_write_is_refused_does_not_count_as_done() -> None:
    over = read(ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT), at=DOUBT.until)
    assert over.next_step(NEW, Observed(picture_sha256="red")) is Step.WRITE
    again = read(released(over.claimed(NEW, "n")), at=DOUBT.until)
    assert again.next_step(NEW, Observed()) is Step.COMPARE


def test_confirming_keeps_a_doubt_that_could_come_after_the_write_and_ends_one_that_could_not() -> None:
    pending = read(read(ItemRecord("1", doubt=DOUBT)).claimed(NEW, "n"))
    assert confirmed(pending, NEW, "updated") == ItemRecord("1", on=NEW, outcome="updated", doubt=DOUBT)
    over = read(pending.record, at=DOUBT.until)
    assert confirmed(over, NEW, "updated") == ItemRecord("1", on=NEW, outcome="updated")
    slow = read(pending.record, age=timedelta(minutes=15), at=DOUBT.until)
    assert confirmed(slow, NEW, "updated").doubt == DOUBT, "over by now, but not when the request began"


def test_looking_at_bc_ends_a_doubt_that_is_over_and_no_other() -> None:
    record = ItemRecord("1", doubt=DOUBT)
    assert read(record).adopted(OLD, Observed(picture_sha256="red")).doubt == DOUBT
    assert read(record, at=DOUBT.until).adopted(OLD, Observed(picture_sha256="red")).doubt is None


def test_a_write_without_an_answer_is_in_doubt_from_its_claim_on() -> None:
    claimed = read(ItemRecord("1", claim=Claim("n", NEW), doubt=DOUBT), age=timedelta(minutes=2))
    until = NOON - timedelta(minutes=2) + DOUBT_LASTS
    assert doubted(claimed) == ItemRecord("1", doubt=Doubt(until, (OLD, NEW)))


def test_who_takes_a_dead_claim_over_doubts_its_write() -> None:
    dead = read(ItemRecord("1", claim=Claim("n", OLD)), age=CLAIM_LIFE)
    taken = dead.claimed(NEW, "m")
    assert taken.claim == Claim("m", NEW)
    assert taken.doubt == Doubt(NOON - CLAIM_LIFE + DOUBT_LASTS, (OLD,))
    assert dead.has_tried(OLD)
    assert not dead.has_tried(NEW)


def test_a_doubt_remembers_every_upload_that_was_written_without_an_answer() -> None:
    claimed = read(ItemRecord("1", doubt=DOUBT, claim=Claim("other", NEW)))
    after = read(doubted(claimed))
    assert after.has_tried(OLD)
    assert after.has_tried(NEW)
    assert after.has_written(OLD.picture_sha256)
    again = replace(after, record=replace(after.record, claim=Claim("again", OLD)))
    assert doubted(again).doubt == Doubt(again.written_at + DOUBT_LASTS, after.record.doubt.uploads)  # type: ignore[union-attr]


def test_a_write_is_known_to_be_a_repeated_one_also_where_another_picture_came_between() -> None:
    assert read(ItemRecord("1", on=NEW, doubt=DOUBT)).has_tried(NEW)
    assert not read(ItemRecord("1", on=OLD)).has_tried(NEW)


def test_an_outcome_stays_what_it_was_when_bc_is_looked_at_again() -> None:
    for outcome in ("updated", "unchanged"):
        record = ItemRecord("1", on=NEW, outcome=outcome, doubt=DOUBT)
        assert read(record, at=DOUBT.until).adopted(NEW, Observed(picture_sha256="blue")).outcome == outcome
    assert read(ItemRecord("1", on=OLD)).adopted(NEW, Observed(picture_sha256="blue")).outcome == "unchanged"
    assert read(ItemRecord("1", doubt=DOUBT)).adopted(OLD, Observed(picture_sha256="red")).outcome == "updated"


def test_a_picture_of_an_earlier_version_of_the_app_need_not_be_written_again() -> None:
    on = replace(NEW, picture_sha256="blue, as it was rendered then")
    over = read(ItemRecord("1", on=on, doubt=DOUBT), at=DOUBT.until)
    observed = Observed(picture_sha256=on.picture_sha256)
    assert over.next_step(NEW, observed) is Step.ADOPT
    assert over.adopted(NEW, observed).on == on


# --- how it is stored -----------------------------------------------------------------------------------------------


@given(RECORDS)
def test_a_record_comes_back_as_it_was_stored(record: ItemRecord) -> None:
    assert from_json(to_json(record)) == record


FULL = json.loads(to_json(ItemRecord("1", NEW, "updated", Claim("n", OLD), DOUBT)))


@pytest.mark.parametrize("field", FULL)
def test_a_record_with_a_field_missing_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        from_json(json.dumps({key: value for key, value in FULL.items() if key != field}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b"[" * 100_000,
        json.dumps({**FULL, "version": 2}).encode(),
        json.dumps({**FULL, "on": "a.jpg"}).encode(),
        json.dumps({**FULL, "on": {"name": "a.jpg"}}).encode(),
        json.dumps({**FULL, "on": {**FULL["on"], "more": 1}}).encode(),
        json.dumps({**FULL, "on": {**FULL["on"], "uploaded_at": "2026-03-01T12:00:00"}}).encode(),
        json.dumps({**FULL, "on": {**FULL["on"], "uploaded_at": 7}}).encode(),
        json.dumps({**FULL, "claim": {"nonce": "n"}}).encode(),
        json.dumps({**FULL, "doubt": {**FULL["doubt"], "until": "soon"}}).encode(),
    ],
)
def test_what_is_no_record_of_this_version_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for whoever reads the log
        from_json(text)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_text_at_all_makes_reading_a_record_fail_in_another_way(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        from_json(text)
