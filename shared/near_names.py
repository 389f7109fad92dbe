"""Guesses which name a misspelt one was meant to be, so that a note can say so. Pure.

Never used to choose a company or an item: a picture on the wrong item is worse than one that waits.
"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

from shared.paths import NUMBER_MAX

_EXTENSION = re.compile(r"\.(jpe?g|png|webp|tiff?|gif|bmp|avif|hei[cf]|jp2)$", re.IGNORECASE)
_COPY = re.compile(r"\s*\(\d{1,3}\)$")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return a name that differs from ``name`` only in case, blanks, punctuation and escapes; None otherwise."""
    wanted = _essence(name)
    return min((candidate for candidate in names if wanted and _essence(candidate) == wanted), default=None)


def number_variants(number: str) -> list[str]:
    """Return what ``number`` may stand for: without a second extension, a copy's suffix, escapes or odd blanks."""
    plain = _single_blanks(unquote(number))
    shorter = _EXTENSION.sub("", plain)
    variants = (plain, shorter, _COPY.sub("", plain), _COPY.sub("", shorter))
    usable = (variant.strip().upper() for variant in variants)
    return [variant for variant in dict.fromkeys(usable) if variant != number and 0 < len(variant) <= NUMBER_MAX]


def _essence(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", unquote(name)).casefold() if c.isalnum())


def _single_blanks(text: str) -> str:
    """Return ``text`` with every run of blanks, no-break and invisible ones included, as one space."""
    visible = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) != "Cf")
    return re.sub(" +", " ", visible).strip()
