"""Says where the pages are that messages name: beside us in a checkout, else in the installed copy."""

import re
from pathlib import Path

_INSTALLED = Path(__file__).parent  # pyproject.toml puts the documents here


def located(text: str) -> str:
    """Return ``text`` with the whole path of each page that it names, unless this is a checkout."""
    if not (_INSTALLED / "docs").is_dir():
        return text
    return re.sub(r"\bdocs/[\w-]+\.md", lambda page: str(_INSTALLED / page[0]), text)
