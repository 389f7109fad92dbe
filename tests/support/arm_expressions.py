"""Resolves what Bicep's compiler leaves as an expression: ``[format('ClientId={0}', reference(…).clientId)]``. Pure.

What only Azure knows becomes a mark of resource and property: ``</subscriptions/…/id-app#clientId>``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(\d+)|([A-Za-z_]\w*)|(.))")
_PUBLIC_CLOUD = {"suffixes": {"storage": "core.windows.net"}}


@dataclass(frozen=True)
class Mark:
    """Something of a resource that only Azure knows."""

    resource: str
    path: str = ""

    def property(self, name: str) -> "Mark":
        """Return what has this name in it."""
        return Mark(self.resource, f"{self.path}.{name}" if self.path else name)

    def __str__(self) -> str:
        return f"<{self.resource}#{self.path}>"


def resolved(value: Any) -> Any:
    """Return a value of a template with all its expressions resolved."""
    if isinstance(value, dict):
        return {str(resolved(name)): resolved(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner) for inner in value]
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        return _shown(_Expression(value[1:-1]).value())
    return value


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, Mark) else value


class _Expression:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = [match.groups() for match in _TOKEN.finditer(text)]
        self._next = 0

    def value(self) -> Any:
        text, number, name, _ = self._take()
        if text is not None:
            value: Any = text.replace("''", "'")
        elif number is not None:
            value = int(number)
        else:
            value = self._call(name)
        return self._inside(value)

    def _call(self, name: str) -> Any:
        arguments = []
        self._expect("(")
        while not self._is(")"):
            arguments.append(self.value())
            if self._is(","):
                self._expect(",")
        self._expect(")")
        return _FUNCTIONS[name](*arguments)

    def _inside(self, value: Any) -> Any:
        while self._is("."):
            self._expect(".")
            name = self._take()[2]
            value = value.property(name) if isinstance(value, Mark) else value[name]
        if self._is("["):
            self._expect("[")
            value = value[self.value()]
            self._expect("]")
            return self._inside(value)
        return value

    def _take(self) -> tuple[str | None, ...]:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _is(self, sign: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next][3] == sign

    def _expect(self, sign: str) -> None:
        assert self._is(sign), f"{sign} is missing"
        self._next += 1


def _formatted(template: str, *values: object) -> str:
    return re.sub(r"\{(\d+)\}", lambda match: str(values[int(match[1])]), template)


def _resource_id(subscription: str, group: str, kind: str, *names: str) -> str:
    namespace, *types = kind.split("/")
    path = "/".join(f"{each}/{name}" for each, name in zip(types, names, strict=True))
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}/{path}"


def _object(*pairs: Any) -> dict[str, Any]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


# The compiler takes the parts of a path that are not empty. Of the lambda, only that one is ever written.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "createObject": _object,
    "empty": lambda value: value,
    "environment": lambda: _PUBLIC_CLOUD,
    "filter": lambda values, _not_empty: [value for value in values if value],
    "format": _formatted,
    "lambda": lambda _variable, condition: condition,
    "lambdaVariables": lambda name: name,
    "listKeys": lambda resource, _version: Mark(resource),
    "not": lambda value: value,
    "reference": lambda resource, _version, _full="": Mark(resource),
    "resourceId": _resource_id,
    "split": lambda text, separator: text.split(separator),
}
