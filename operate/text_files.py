"""Tells the encoding of a text file: people save tables and settings with whatever they have."""

import codecs
import io
from pathlib import Path

_BLOCK = 1024 * 1024
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def encoding_of(path: Path) -> str:
    """Return the encoding by its mark, else UTF-8 if the whole file is that, else what Windows writes."""
    with path.open("rb") as file:
        beginning = file.read(3)
        if marked := next((encoding for mark, encoding in _MARKS.items() if beginning.startswith(mark)), None):
            return marked
        file.seek(0)
        decoder = io.TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            while decoder.read(_BLOCK):
                pass
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"
