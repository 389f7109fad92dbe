"""Generates blob paths, harmless and hostile, and parses them."""

from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st

from shared.config import DEFAULT_TEMPLATE
from shared.errors import Permanent, Reason
from shared.paths import ItemKey, parse_path, parse_templates

GUID = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
_PIECES = ["a", "", ".", "..", " ", "a.jpg", GUID]

# Any text, the characters that real and hostile names are made of, and paths with odd segments.
BLOB_PATHS = st.one_of(
    st.text(max_size=1024),
    st.text(alphabet="aA1-_./\\ {}~%?#\0\n\u0308ßÄ", max_size=1024),
    st.builds("/".join, st.lists(st.sampled_from(_PIECES), max_size=12)),
)

DEFAULT = parse_templates(DEFAULT_TEMPLATE)
TEMPLATES = (
    DEFAULT_TEMPLATE,
    "{gtin}.{extension}",
    "{name}/{item}.{extension}",
    "{company}/{item}-{name}.{extension}",
    "{item} ({name}).jpg|{company}/{gtin}_{name}.{extension}",
)


def key(path: str, template: str = DEFAULT_TEMPLATE) -> ItemKey:
    return parse_path(path, parse_templates(template))


def refused(path: str, template: str = DEFAULT_TEMPLATE) -> str:
    """Return the reason that we give for refusing ``path``."""
    with pytest.raises(Permanent) as failure:
        key(path, template)
    assert failure.value.reason is Reason.BAD_PATH
    return failure.value.detail
