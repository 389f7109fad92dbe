"""Describes items as Business Central tells of them, and what it means if none matches, or several do."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from shared.business_central import odata
from shared.business_central.companies import Company
from shared.errors import Failure, Permanent, Reason, Waiting
from shared.paths import ItemKey, KeyKind


@dataclass(frozen=True)
class Item:
    """Identifies an item in BC; ``has_picture`` is as of ``read_at`` (client's clock), None if we did not read it."""

    company: Company
    id: str
    number: str
    has_picture: bool | None
    read_at: float = field(default=-inf, compare=False)


@dataclass(frozen=True)
class FoundItem:
    """An item as a search for many finds it; without its name, if nobody asked for that."""

    item: Item
    gtin: str
    name: str = ""


def filter_for(key: ItemKey) -> str:
    """Return the condition under which BC finds the item of ``key``."""
    if key.kind is KeyKind.ID:
        return f"id eq {key.value}"
    return f"{key.kind} eq {odata.text_literal(key.value)}"


def found(company: Company, entity: Mapping[str, Any]) -> FoundItem:
    """Return one of many items that BC found."""
    # Whether it has a picture is not asked: it may have got one by the time its upload has its turn.
    item = Item(company, odata.entity_id(entity), str(entity.get("number", "")), None)
    return FoundItem(item, str(entity.get("gtin", "")))


def described(company: Company, entity: Mapping[str, Any]) -> FoundItem:
    """Return an item of which BC also told the name, and whether it has a picture."""
    one = found(company, entity)
    item = replace(one.item, has_picture=odata.has_picture(entity))
    return replace(one, item=item, name=str(entity.get("displayName", "")))


def matched(company: Company, key: ItemKey, entity: Mapping[str, Any]) -> Item:
    """Return the item if it is the one that we asked for: its picture is about to be replaced."""
    item_id, number = odata.entity_id(entity), str(entity.get("number", ""))
    actual = {KeyKind.ID: item_id, KeyKind.NUMBER: number}.get(key.kind, key.value)
    if not _may_be_equal(actual, key.value):
        raise odata.foreign_answer(f"asked for the {_WORDS[key.kind]} {key.value!r}, got {actual!r}")
    return Item(company, item_id, number, odata.has_picture(entity))


def plain(code: str) -> str:
    """Return a form that codes share if databases may take them for equal: without case, width and accents."""
    letters = unicodedata.normalize("NFKD", code).casefold().translate(_EXPANDED)
    return "".join(c for c in letters if not unicodedata.combining(c))


def _may_be_equal(code: str, other: str) -> bool:
    """Whether BC's database may take two codes for equal; beyond ASCII, only its collation tells."""
    return plain(code) == plain(other) or not (code.isascii() or other.isascii())


def not_found(company: Company, key: ItemKey, near: str | None) -> Waiting:
    """Return what it means that BC has no such item; ``near`` is the number of one that may be meant."""
    detail = f"{company.name} has no item with the {_WORDS[key.kind]} {key.value!r}."
    if near and "/" in near:
        return Waiting(Reason.ITEM_NOT_FOUND, f"{detail} A path cannot hold {near!r}: use the item's id instead.")
    if near:
        return Waiting(
            Reason.ITEM_NOT_FOUND, f"{detail} Did you mean {near!r}? Then upload the picture under that number."
        )
    return Waiting(Reason.ITEM_NOT_FOUND, f"{detail} Create the item, or upload the picture again under another path.")


_EXPANDED = str.maketrans({"æ": "ae", "œ": "oe", "þ": "th"})  # as Windows collations do
_WORDS = {KeyKind.ID: "id", KeyKind.NUMBER: "number", KeyKind.GTIN: "GTIN"}


def ambiguous(key: ItemKey, matches: list[Item]) -> Failure:
    """Return what it means that several items match: only a GTIN may be shared."""
    numbers = " and ".join(repr(item.number) for item in matches)
    detail = f"{matches[0].company.name} has more than one item with the {_WORDS[key.kind]} {key.value!r}: {numbers}"
    if key.kind is not KeyKind.GTIN:
        return odata.foreign_answer(detail)
    return Permanent(Reason.ITEM_AMBIGUOUS, f"{detail}. Upload the picture under the item's number.")
