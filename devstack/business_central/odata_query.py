"""The part of OData's query language that the simulator understands. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from devstack.business_central import errors
from devstack.business_central.models import code

_TERM = r"(\w+)\s+eq\s+('(?:[^']|'')*'|[^\s']+)"
_FILTER = re.compile(rf"\s*{_TERM}(?:\s+or\s+{_TERM})*\s*")
_SUPPORTED = {"$filter", "$select", "$expand", "$top", "$skip", "$skiptoken"}


@dataclass(frozen=True)
class Property:
    """A property of an entity type; ``literal`` says how a filter writes its values.

    A ``code`` is what AL calls Code[n]: upper case, at most ``max_length`` characters; ``caption`` is its name in
    messages.
    """

    literal: str = "none"  # or "guid", "text", "code"
    max_length: int = 0
    caption: str = ""


@dataclass(frozen=True)
class EntityType:
    """The properties of an entity type, and whether ``$expand=picture`` works on it."""

    name: str
    properties: Mapping[str, Property]
    has_picture: bool = False


@dataclass(frozen=True)
class Query:
    """A parsed query: an entity matches if ``filter_property`` is among ``filter_values``."""

    filter_property: str | None = None
    filter_values: frozenset[str] = frozenset()
    select: frozenset[str] | None = None
    expand_picture: bool = False
    top: int | None = None
    skip: int = 0
    skip_token: int = 0


def parse(options: Mapping[str, str], entity_type: EntityType) -> Query:
    """Return the query that ``options`` (decoded) express, or raise what BC answers to a bad one."""
    for name in options:
        if name.startswith("$") and name not in _SUPPORTED:
            raise errors.unsupported(name)
    filter_property, filter_values = _filter(options.get("$filter"), entity_type)
    return Query(
        filter_property,
        filter_values,
        _select(options.get("$select"), entity_type),
        _expand(options.get("$expand"), entity_type),
        _count(options["$top"]) if "$top" in options else None,
        _count(options.get("$skip", "0")),
        _count(options.get("$skiptoken", "0")),
    )


def _without_parentheses(text: str) -> str:
    """Return a filter without what encloses all of it: many clients enclose every filter."""
    while text.startswith("(") and text.endswith(")"):
        inside = text[1:-1].strip()
        if re.search(r"[()]", re.sub(r"'(?:[^']|'')*'", "", inside)):
            return text
        text = inside
    return text


def _filter(text: str | None, entity_type: EntityType) -> tuple[str | None, frozenset[str]]:
    if text is None:
        return None, frozenset()
    text = _without_parentheses(text)
    if not _FILTER.fullmatch(text):
        raise errors.query_syntax()
    terms = re.findall(_TERM, text)
    names = {name for name, _ in terms}
    if len(names) > 1:
        raise errors.bad_request("The 'OR' operator is not supported between different fields.")
    name = names.pop()
    return name, frozenset(_value(literal, _property(name, entity_type)) for _, literal in terms)


def _value(literal: str, wanted: Property) -> str:
    quoted = literal.startswith("'")
    if wanted.literal == "none" or quoted is (wanted.literal == "guid"):
        raise errors.bad_request("A binary operator with incompatible types was detected.")
    if not quoted:
        return _guid(literal)
    text = literal[1:-1].replace("''", "'")
    if wanted.literal == "code" and len(text) > wanted.max_length:
        raise errors.filter_too_long(text, wanted.caption, wanted.max_length)
    return code(text) if wanted.literal == "code" else text


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise errors.query_syntax() from None


def _property(name: str, entity_type: EntityType) -> Property:
    if name not in entity_type.properties:
        message = f"Could not find a property named '{name}' on type 'Microsoft.NAV.{entity_type.name}'."
        raise errors.bad_request(message)
    return entity_type.properties[name]


def _select(text: str | None, entity_type: EntityType) -> frozenset[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    for name in names:
        _property(name, entity_type)
    return frozenset(names)


def _expand(text: str | None, entity_type: EntityType) -> bool:
    if text is None:
        return False
    if text.strip() != "picture" or not entity_type.has_picture:
        _property(text, EntityType(entity_type.name, {}))
    return True


def _count(text: str) -> int:
    if not text.isdecimal():
        raise errors.query_syntax()
    return int(text)
