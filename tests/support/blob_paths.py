"""Generates blob paths, harmless and hostile, for property tests."""

from datetime import UTC, datetime

from hypothesis import strategies as st

GUID = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
_PIECES = ["a", "", ".", "..", " ", "a.jpg", GUID]

# Any text, the characters that real and hostile names are made of, and paths with odd segments.
BLOB_PATHS = st.one_of(
    st.text(max_size=1024),
    st.text(alphabet="aA1-_./\\ {}~%?#\0\n\u0308ßÄ", max_size=1024),
    st.builds("/".join, st.lists(st.sampled_from(_PIECES), max_size=12)),
)
