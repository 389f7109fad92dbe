"""Names and writes the files of exported pictures, so that every system can hold them."""

import os
import re
import unicodedata
from pathlib import Path

from shared.storage.names import picture_suffix

_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')  # on Windows; the stricter of the two
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


class NameTaken(Exception):
    """Another file has this name."""


def file_name(number: str, item_id: str, content: bytes) -> str:
    """Return the name of an item's picture: its number, else its id where a name cannot hold the number."""
    return f"{number if is_holdable(number) else item_id}{picture_suffix(content)}"


def is_holdable(number: str) -> bool:
    """Whether every file system takes ``number`` as a name and gives it back as it is."""
    return not (
        _FORBIDDEN.search(number)
        or _DEVICES.fullmatch(number)
        or number.startswith((".", "~$"))
        or number != number.strip(" .")
        or not number
        or unicodedata.normalize("NFC", number) != number
        or any(unicodedata.category(c) in ("Cc", "Cs") for c in number)
    )


def write(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Write the file as a whole or not at all; the same content may be there already.

    Raises:
        NameTaken: another file is there, and may not be overwritten.
    """
    if not overwrite and path.exists() and path.read_bytes() != content:
        raise NameTaken
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
