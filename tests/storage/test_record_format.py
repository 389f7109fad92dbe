"""A record survives storage unchanged, and reading refuses any other text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.item_record import Claim, ItemRecord
from shared.storage.record_format import from_json, to_json
from tests.support.item_records import DOUBT, NEW, OLD, RECORDS


@given(RECORDS)
def test_a_record_survives_storage_unchanged(record: ItemRecord) -> None:
    assert from_json(to_json(record)) == record


FULL = json.loads(to_json(ItemRecord("1", NEW, "updated", Claim("n", OLD), DOUBT)))


@pytest.mark.parametrize("field", FULL)
def test_a_record_without_one_of_its_fields_is_refused(field: str) -> None:
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
def test_anything_but_a_record_of_this_version_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for people who read the log
        from_json(text)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_text_makes_reading_fail_in_another_way(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        from_json(text)
