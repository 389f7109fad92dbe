"""Makes uploads and item records, for examples and for property tests."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from shared.item_record import Claim, Doubt, ItemRecord, StoredRecord, Upload

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

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


def upload(name: str = "a.jpg", etag: str = "1", second: int = 0, picture: str = "red", replay: bool = False) -> Upload:
    return Upload(name, etag, NOON + second * SECOND, replay, picture)


def stored(record: ItemRecord, age: timedelta = timedelta(0), at: datetime = NOON) -> StoredRecord:
    """Return the record as a worker reads it at this time, written ``age`` before."""
    return StoredRecord(record, "etag", at - age, at)


OLD, NEW = upload("a.jpg"), upload("b.jpg", "2", 1, "blue")
DOUBT = Doubt(NOON + timedelta(minutes=10), (OLD,))
