"""Uploads for one item have a total order, and the newest wins in whatever order they are delivered."""

from dataclasses import replace
from datetime import datetime
from itertools import permutations

from azure.storage.blob import BlobProperties
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.item_record import ItemRecord, Observed, Step, Upload
from shared.storage.names import encode_metadata
from shared.storage.uploads import _source
from tests.support.item_records import NEW, NOON, OLD, SECOND, UPLOADS, stored, upload

IS_CURRENT, IS_GONE = Observed(is_current=True), Observed(is_current=False)


def step(on: Upload, candidate: Upload, observed: Observed = Observed()) -> Step:  # noqa: B008 - it is immutable
    return stored(ItemRecord("1", on)).next_step(candidate, observed)


def loses(candidate: Upload, on: Upload, observed: Observed = IS_CURRENT) -> bool:
    """Whether ``candidate`` gives way to the upload that is ``on`` the item."""
    return step(on, candidate, observed) is Step.SUPERSEDED


def second_of(upload: Upload) -> datetime:
    return upload.uploaded_at.replace(microsecond=0)


@given(UPLOADS, UPLOADS)
def test_of_two_uploads_the_older_second_loses(first: Upload, second: Upload) -> None:
    """Of two with the same name and second, the one in incoming is newer; only one of them can be there."""
    assume(not first.is_same_as(second))
    results = {loses(second, first, IS_CURRENT), loses(first, second, IS_GONE)}
    are_replays_of_one_name = first.is_replay and second.is_replay and first.name == second.name
    if are_replays_of_one_name and second_of(first) == second_of(second):
        assert results == {True}, "the one that is on the item stays"
    else:
        assert results == {True, False}
    if second.uploaded_at - first.uploaded_at >= SECOND:
        assert not loses(second, first, IS_GONE)
        assert loses(first, second, IS_CURRENT)


@given(st.lists(UPLOADS, min_size=3, max_size=3, unique_by=lambda upload: upload.etag))
def test_the_order_of_three_uploads_has_no_cycle(uploads: list[Upload]) -> None:
    newest, middle, oldest = uploads
    assume(len({(upload.name, second_of(upload), upload.is_replay) for upload in uploads}) == 3)
    if loses(middle, newest) and loses(oldest, middle):
        assert loses(oldest, newest)


@given(UPLOADS, UPLOADS)
def test_incoming_is_checked_only_when_nothing_else_decides(first: Upload, second: Upload) -> None:
    assume(not first.is_same_as(second))
    is_tie = second_of(first) == second_of(second) and first.name == second.name
    is_needed = is_tie and not first.is_replay and not second.is_replay
    assert (step(first, second) is Step.CHECK_SOURCE) == is_needed


@given(
    st.lists(
        UPLOADS,
        min_size=2,
        max_size=4,
        unique_by=(lambda upload: upload.etag, lambda upload: (upload.name, upload.uploaded_at.second)),
    )
)
def test_the_newest_upload_wins_in_any_order(uploads: list[Upload]) -> None:
    winners = set()
    for order in permutations(uploads):
        on = order[0]
        for candidate in order[1:]:
            on = on if loses(candidate, on) else candidate
        winners.add(on)
    assert len(winners) == 1


def test_within_a_second_a_replay_loses_whatever_its_name() -> None:
    replay, original = upload("z.jpg", "2", replay=True), upload("a.jpg")
    assert loses(replay, original)
    assert not loses(original, replay)


def test_a_replay_loses_to_its_original_and_to_newer_uploads() -> None:
    replay = replace(OLD, etag="9", is_replay=True)
    assert loses(replay, OLD)
    assert loses(replay, NEW)


@given(st.integers(-3600, 3600), st.integers(-3600, 3600))
def test_nobody_uploads_from_the_future(original: int, newer: int) -> None:
    """Anybody can set the metadata that marks a replay: it makes a blob older, never newer than its own time."""
    metadata = {
        **encode_metadata({"source_name": "a.jpg", "uploaded_at": (NOON + original * SECOND).isoformat()}),
        "upload_id": "x",
    }
    properties = BlobProperties(**{"Last-Modified": NOON, "metadata": metadata, "ETag": '"9"', "Content-Length": 1})
    source = _source("a.jpg", properties, ["Sun, 01 Mar 2026 12:00:00 GMT"], None)
    assert source.is_replay
    assert source.uploaded_at == NOON + min(original, 0) * SECOND
    replay = Upload("a.jpg", "9", source.uploaded_at, source.is_replay, "red")
    assert loses(replay, upload("a.jpg", second=newer)) == (newer >= min(original, 0))
