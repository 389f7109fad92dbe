"""Parses the part of OData's query language that the simulator supports. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from devstack.business_central import errors
from devstack.business_central.catalogue.models import as_compared

_TERM = r"(\w+)\s+eq\s+('(?:[^']|'')*'|[^\s']+)"
_FILTER = re.compile(rf"\s*{_TERM}(?:\s+or\s+{_TERM})*\s*")
_SUPPORTED = {"$filter", "$select", "$expand", "$top", "$skip", "$skiptoken"}


@dataclass(frozen=True)
class Property:
    """Describes a property; ``literal`` is how a filter writes its values ("none": it cannot be filtered).

    ``code`` is AL's Code[n]: upper case, at most ``max_length`` characters. ``caption`` is its name in messages.
    """

    literal: str = "none"  # or "guid", "text", "code"
    max_length: int = 0
    caption: str = ""


@dataclass(frozen=True)
class EntityType:
    """Describes an entity type: its properties, and whether it supports ``$expand=picture``."""

    name: str
    properties: Mapping[str, Property]
    has_picture: bool = False


@dataclass(frozen=True)
class Query:
    """Selects entities: one matches if its ``filter_property`` is among ``filter_values``, codes ``as_compared``."""

    filter_property: str | None = None
    filter_values: frozenset[str] = frozenset()
    filters_code: bool = False
    select: frozenset[str] | None = None
    expand_picture: bool = False
    top: int | None = None
    skip: int = 0
    skip_token: int = 0


def parse(options: Mapping[str, str], entity_type: EntityType) -> Query:
    """Return the query in the decoded ``options``, or raise BC's answer to a bad one."""
    for name in options:
        if name.startswith("$") and name not in _SUPPORTED:
            raise errors.unsupported_option(name)
    filter_property, filter_values = _filter(options.get("$filter"), entity_type)
    return Query(
        filter_property,
        filter_values,
        filter_property is not None and entity_type.properties[filter_property].literal == "code",
        _select(options.get("$select"), entity_type),
        _expand(options.get("$expand"), entity_type),
        _whole_number(options["$top"]) if "$top" in options else None,
        _whole_number(options.get("$skip", "0")),
        _whole_number(options.get("$skiptoken", "0")),
    )


def _without_parentheses(text: str) -> str:
    """Return a filter without parentheses around all of it: many clients add them to every filter."""
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
        raise errors.malformed_query()
    terms = re.findall(_TERM, text)
    names = {name for name, _ in terms}
    if len(names) > 1:
        raise errors.bad_request("The 'OR' operator is not supported between different fields.")
    name = names.pop()
    return name, frozenset(_value(literal, _property(name, entity_type)) for _, literal in terms)


def _value(literal: str, target: Property) -> str:
    quoted = literal.startswith("'")
    if target.literal == "none" or quoted is (target.literal == "guid"):
        raise errors.bad_request("A binary operator with incompatible types was detected.")
    if not quoted:
        return _guid(literal)
    text = literal[1:-1].replace("''", "'")
    if target.literal == "code" and len(text) > target.max_length:
        raise errors.filter_too_long(text, target.caption, target.max_length)
    return as_compared(text) if target.literal == "code" else text


def _guid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise errors.malformed_query() from None


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


def _whole_number(text: str) -> int:
    if not text.isdecimal():
        raise errors.malformed_query()
    return int(text)
