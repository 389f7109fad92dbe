"""Uploads for one item have a total order, and the newest one wins however they are delivered."""

from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.item_record import ItemRecord, Observed, Step, Upload
from shared.storage.names import encode_metadata
from shared.storage.uploads import _source
from tests.support.item_records import NEW, NOON, OLD, SECOND, UPLOADS, stored, upload

IS_CURRENT, IS_GONE = Observed(is_current=True), Observed(is_current=False)


def step(on: Upload, one: Upload, observed: Observed = Observed()) -> Step:  # noqa: B008 - it cannot change
    return stored(ItemRecord("1", on)).next_step(one, observed)


def gives_way(on: Upload, one: Upload, observed: Observed = IS_CURRENT) -> bool:
    return step(on, one, observed) is Step.SUPERSEDED


@given(UPLOADS, UPLOADS)
def test_of_two_uploads_the_older_second_loses(one: Upload, other: Upload) -> None:
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
def test_the_order_of_three_uploads_has_no_cycle(three: list[Upload]) -> None:
    first, second, third = three
    seconds = {(one.name, one.uploaded_at.replace(microsecond=0), one.is_replay) for one in three}
    assume(len(seconds) == 3)
    if gives_way(first, second) and gives_way(second, third):
        assert gives_way(first, third)


@given(UPLOADS, UPLOADS)
def test_incoming_is_checked_only_when_nothing_else_decides(one: Upload, other: Upload) -> None:
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
def test_the_newest_upload_wins_in_any_order(uploads: list[Upload]) -> None:
    winners = set()
    for order in permutations(uploads):
        on = order[0]
        for one in order[1:]:
            on = on if gives_way(on, one) else one
        winners.add(on)
    assert len(winners) == 1


def test_within_a_second_a_replay_loses_whatever_its_name() -> None:
    assert gives_way(upload("a.jpg"), upload("z.jpg", "2", replay=True))
    assert not gives_way(upload("z.jpg", "2", replay=True), upload("a.jpg"))


def test_a_replay_loses_to_its_original_and_to_newer_uploads() -> None:
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
