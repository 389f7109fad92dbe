"""Reads one resource of Terraform's plan, and knows what has not been read, so that nothing stays unseen. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# How azurerm and azapi call what Resource Manager calls otherwise; the first has nothing, it is the id itself.
_EXPORTED = {
    "role_definition_resource_id": "",
    "client_id": "clientId",
    "connection_string": "ConnectionString",
    "identity.principal_id": "identity.principalId",
    "primary_blob_endpoint": "primaryEndpoints.blob",
    "primary_queue_endpoint": "primaryEndpoints.queue",
    "principal_id": "principalId",
    "properties.defaultHostName": "defaultHostName",
}
_MARK = re.compile(r"<([^<>#]+)#([^<>]+)>")
UNKNOWN = "(known after apply)"


class Planned:
    """The values of a resource as it is after the plan; each one that is asked for counts as read."""

    def __init__(self, change: Mapping[str, Any]) -> None:
        self.address: str = change["address"]
        self.kind: str = change["type"]
        self._values: Mapping[str, Any] = _with_unknown(change["change"]["after"], change["change"]["after_unknown"])
        self._read = {"id", "resource_group_name"}  # the id names the group

    @property
    def id(self) -> str:
        """The resource's id in Azure."""
        return str(self._values["id"])

    def __getitem__(self, path: str) -> Any:
        """Return what stands at a path like ``network_rules.bypass``; of a block, the only one."""
        self._read.add(path)
        return self._known(_at(self._values, path))

    def all(self, path: str) -> list[Any]:
        """Return all blocks of a name."""
        self._read.add(path)
        return list(self._known(_at(self._values, path, only=False)) or [])

    def resource(self, kind: str, /, **facts: Any) -> dict[str, Any]:
        """Return the resource as a template of Resource Manager has it."""
        return {"id": self.id, "type": f"Microsoft.{kind}", **facts}

    def placed(self, kind: str, /, **facts: Any) -> dict[str, Any]:
        """Return a resource that also has a name, a place and tags."""
        self._read.add("name")
        return self.resource(kind, location=self["location"], tags=self["tags"], **facts)

    def unread(self) -> list[str]:
        """Return the paths of values that say something and nobody has asked for, with the type before each."""
        paths = [path for path, value in _leaves(self._values) if value not in (None, [], {}, "") and self._says(value)]
        return sorted({f"{self.kind}.{path}" for path in paths if not self._is_read(path)})

    def _says(self, value: object) -> bool:
        return not (isinstance(value, str) and value.startswith(f"<{self.id}#"))  # the provider alone sets it

    def _is_read(self, path: str) -> bool:
        parts = path.split(".")
        return any(".".join(parts[:end]) in self._read for end in range(1, len(parts) + 1))

    def _known(self, value: Any) -> Any:
        """Return a value in Resource Manager's words; nothing if the provider alone sets it."""
        return in_arms_words(value) if self._says(value) else None


def in_arms_words(value: Any) -> Any:
    """Return a value whose marks are in Resource Manager's words."""
    if isinstance(value, Mapping):
        return {name: in_arms_words(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [in_arms_words(inner) for inner in value]
    return _MARK.sub(_word, value) if isinstance(value, str) else value


def _word(mark: re.Match[str]) -> str:
    resource, path = mark.groups()
    arms_word = _EXPORTED.get(path, path)
    return f"<{resource}#{arms_word}>" if arms_word else resource


def _with_unknown(after: Any, unknown: Any) -> Any:
    """Return the planned values with a word for those that are not known yet."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping):
        known = after or {}
        return {**known, **{name: _with_unknown(known.get(name), inner) for name, inner in unknown.items()}}
    if isinstance(unknown, list):
        return [_with_unknown(*pair) for pair in zip(after, unknown, strict=True)]
    return after


def _at(values: Mapping[str, Any], path: str, *, only: bool = True) -> Any:
    value: Any = values
    for name in path.split("."):
        if value is None:
            return None
        value = value[name]
        if only and isinstance(value, list) and value and isinstance(value[0], Mapping):
            assert len(value) == 1, f"{path} is there {len(value)} times"
            value = value[0]
        elif only and value == []:
            return None
    return value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value
