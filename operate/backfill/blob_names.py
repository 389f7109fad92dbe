"""Names the blob that makes the app put a picture on an item: BLOB_PATH_TEMPLATE, read backwards. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence

from shared.business_central.items import FoundItem
from shared.errors import Failure
from shared.paths import KeyKind, PathTemplate, is_temporary, parse_path

_TOKEN = re.compile(r"\{([^{}]*)\}")
_NAME = "picture"  # for {name}, where any text will do
_EXTENSION = re.compile(r"[a-z][a-z0-9]{0,4}", re.ASCII)


class Unnameable(Exception):
    """No path names this item; the message says why."""


def blob_name(
    found: FoundItem, extension: str, templates: Sequence[PathTemplate], company_of: Callable[[str | None], str]
) -> str:
    """Return a path that the app reads as this very item: by its number, else by its id, else by its GTIN.

    ``company_of`` returns the id of the company that a path spells so; None is a path without one. The GTIN is not
    checked to be the item's alone: BC does that at the upload.

    Raises:
        Unnameable: no template has room for any of them.
    """
    item = found.item
    spellings = (item.company.name.rstrip(" ."), item.company.id)
    for kind, value in ((KeyKind.NUMBER, item.number), (KeyKind.ID, item.id), (KeyKind.GTIN, found.gtin)):
        for template in templates:
            for path in _paths(template, kind, value, spellings, extension):
                if _is_stable(path) and _names(path, kind, value, item.company.id, templates, company_of):
                    return path
    forms = " | ".join(template.text for template in templates)
    raise Unnameable(f"BLOB_PATH_TEMPLATE ({forms}) has no path for this item")


def _paths(
    template: PathTemplate, kind: KeyKind, value: str, companies: Sequence[str], extension: str
) -> Iterator[str]:
    token = "gtin" if kind is KeyKind.GTIN else "item"
    if token not in template.pattern.groupindex or not value or not _EXTENSION.fullmatch(extension):
        return
    for company in companies if template.names_company else companies[:1]:
        values = {token: value, "company": company, "name": _NAME, "extension": extension}
        yield _TOKEN.sub(lambda match, values=values: values[match[1]], template.text)  # type: ignore[misc] # bound now


def _is_stable(path: str) -> bool:
    """Whether every client and every system on the way keeps the path as it is, and nobody waits for its end."""
    segments = path.split("/")
    return "\\" not in path and not is_temporary(path) and all(s == s.rstrip(" .") and s for s in segments)


def _names(
    path: str,
    kind: KeyKind,
    value: str,
    company_id: str,
    templates: Sequence[PathTemplate],
    company_of: Callable[[str | None], str],
) -> bool:
    """Whether the app takes ``path`` for this item."""
    try:
        key = parse_path(path, templates)
        return (key.kind, key.value) == (kind, value) and company_of(key.company) == company_id
    except Failure:
        return False
