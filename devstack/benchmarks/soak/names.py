"""Names uploads in all the forms that a path may have. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from devstack.benchmarks.soak.spoilt import AMBIGUOUS_GTIN, Spoilt

if TYPE_CHECKING:
    import random

    from devstack.benchmarks.soak.plan import Item

TEMPLATE = "gtin/{gtin}.{extension}|{company}/{item}.{extension}|{company}/{item}/{name}.{extension}|{item}.{extension}"
NUMBERS = ("S{:05d}", "S{:05d}", "S{:05d}", "S{:05d}-A", "S{:05d} 50%", "Ä{:05d}", "S.{:05d}", "S{:05d}&Co #1")
_EXTENSIONS = ("jpg", "jpg", "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif")
_VIEWS = ("front", "from above", "Rückseite", "2026/03/IMG_0042")


def of_item(item: Item, chance: random.Random) -> str:
    """Return a name that means ``item``, in one of the many ways in which people write it."""
    extension = chance.choice(_EXTENSIONS)
    if item.company.is_default and chance.randrange(8) == 0:
        return f"gtin/{item.gtin}.{extension}"
    guid = str(item.id)
    spelling = chance.choice((item.number, item.number, item.number.lower(), guid, guid.upper(), f"{{{guid}}}"))
    if item.company.is_default and chance.randrange(4) == 0:
        return f"{spelling}.{extension}"
    company = chance.choice(item.company.spellings)
    if chance.randrange(4) == 0:
        return unicodedata.normalize("NFD", f"{company}/{spelling}/{chance.choice(_VIEWS)}.{extension}")
    return f"{company}/{spelling}.{extension}"


def of_spoilt(kind: Spoilt, name: str, number: int) -> str:
    """Return the name for a spoilt upload: ``name``, if it is the file and not its path that is bad."""
    return {
        Spoilt.NO_EXTENSION: name.rpartition(".")[0].replace(".", "_") + f"_{number}",
        Spoilt.LONG_NUMBER: f"{number:025d}.jpg",
        Spoilt.LEFT_BY_SYSTEM: f"folder {number}/Thumbs.db",
        Spoilt.AMBIGUOUS: f"gtin/{AMBIGUOUS_GTIN}.{'jpg' if number % 2 else 'png'}",
        Spoilt.NO_COMPANY: f"Nobody {number} Ltd/S1.jpg",
    }.get(kind, name)
