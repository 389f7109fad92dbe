"""Writes what tests need of the providers' published schemas: the resources that infra/terraform names.

CDK Terrain's packages on PyPI are generated from these schemas: one JavaScript module for each resource, with a class
for each block. A comment says of each attribute whether it is computed, optional, required; its type stands in the
code that writes HCL or, if it is computed only, in its getter. They do not say what defaults and limits there are.

As a program, downloads the packages and writes ``schemas/*.json`` anew.
"""

import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.machine.setup import ROOT

STACKS = ROOT / "infra" / "terraform"
SCHEMAS = Path(__file__).with_name("schemas")
ANEW = "python -m tests.support.terraform.schemas"
PACKAGES = {
    "azapi": "cdktn-provider-azapi==1.0.0",
    "azuread": "cdktn-provider-azuread==17.1.0",
    "azurerm": "cdktn-provider-azurerm==18.9.0",
}

_CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_TO_HCL = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_HCL = re.compile(r"(\w+): \{\n\s+value: .*\n\s+isBlock: (\w+),\n\s+type: \"(\w+)\",\n\s+storageClassType: \"(\w+)\"")
_FLAGS = re.compile(
    r"// (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n(.*?)(?=\n    // \w+ - computed|\Z)", re.DOTALL
)
_NESTED = re.compile(r"^\s+_\w+ = new (\w+)\(this, \"\w+\"(?:, (\w+))?\)")
_PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}

Block = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """What the code that writes HCL says about an attribute."""

    is_block: bool
    kind: str
    storage: str

    @property
    def type(self) -> object:
        """The type in Terraform's own notation."""
        element = re.sub(r"(List|Map|Set)+$", "", self.storage)
        if element == "any":
            return "dynamic"
        if self.kind == "simple":
            return _PRIMITIVES[self.storage]
        inner = _PRIMITIVES.get(element, "dynamic")
        # Lists in maps (stringListMap) are headers and queries of azapi.
        return [self.kind, ["list", inner]] if self.storage.endswith("ListMap") else [self.kind, inner]


class Module:
    """One JavaScript module of a provider: a resource, a data source, or the provider itself."""

    def __init__(self, text: str) -> None:
        self._classes = {match[1]: (match[2], match[3]) for match in _CLASS.finditer(text)}
        self._structs = {match[1].lower(): _declared(match[2]) for match in _TO_HCL.finditer(text)}

    def schema(self) -> Block:
        """Return the schema of the resource or data source."""
        return self._block(self._only("TerraformResource", "TerraformDataSource"))

    def provider(self) -> Block:
        """Return the schema of the provider's configuration, whose attributes have no flags: all count as optional."""
        attributes = _declared(self._classes[self._only("TerraformProvider")][1])
        return self._of_struct({name: each for name, each in attributes.items() if name != "alias"})

    def _only(self, *bases: str) -> str:
        (name,) = [name for name, (base, _) in self._classes.items() if base in bases]
        return name

    def _of_struct(self, attributes: dict[str, Declared]) -> Block:
        block: Block = {"attributes": {}, "block_types": {}}
        for name, declared in attributes.items():
            inner = re.sub("(List|Map|Set)$", "", declared.storage).lower()
            if declared.is_block and inner in self._structs:
                nested = self._of_struct(self._structs[inner])
                block["block_types"][name] = {"nesting_mode": "list", "max_items": 1, "block": nested}
            else:
                block["attributes"][name] = {"type": declared.type, "optional": True}
        return block

    def _block(self, name: str) -> Block:
        base, body = self._classes[name]
        is_top = base != "ComplexObject"
        declared = _declared(body) if is_top else self._structs.get(name.removesuffix("OutputReference").lower(), {})
        block: Block = {"attributes": {}, "block_types": {}}
        for attribute, computed, optional, required, code in _FLAGS.findall(body):
            words = {"computed": computed, "optional": optional, "required": required}
            flags = {flag: True for flag, word in words.items() if word == "true"}
            nested = _NESTED.match(code)
            if nested and "computed" not in flags:
                block["block_types"][attribute] = self._nested(nested, declared.get(attribute), flags)
            else:
                of = self._object_type(nested) if nested else _type(declared.get(attribute), code)
                block["attributes"][attribute] = {"type": of, **flags}
        return block

    def _inner(self, class_name: str) -> Block:
        is_many = self._classes[class_name][0] != "ComplexObject"
        return self._block(re.sub("(List|Map)$", "", class_name) + "OutputReference" if is_many else class_name)

    def _nested(self, nested: re.Match[str], declared: Declared | None, flags: dict[str, bool]) -> Block:
        is_many = self._classes[nested[1]][0] != "ComplexObject"
        if declared and declared.kind == "struct" and not is_many:
            return {"nesting_mode": "single", "block": self._inner(nested[1])}
        is_set = nested[2] == "true" or bool(declared and declared.kind == "set")
        limits = {"min_items": 1} if "required" in flags else {}
        limits |= {} if is_many else {"max_items": 1}
        return {"nesting_mode": "set" if is_set else "list", **limits, "block": self._inner(nested[1])}

    def _object_type(self, nested: re.Match[str]) -> object:
        return ["set" if nested[2] == "true" else "list", _as_object(self._inner(nested[1]))]


def _declared(body: str) -> dict[str, Declared]:
    return {name: Declared(block == "true", kind, storage) for name, block, kind, storage in _HCL.findall(body)}


def _as_object(block: Block) -> object:
    types = {name: attribute["type"] for name, attribute in block["attributes"].items()}
    nested = {name: ["list", _as_object(inner["block"])] for name, inner in block["block_types"].items()}
    return ["object", types | nested]


_GETTERS = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getStringMapAttribute": ["map", "string"],
    "cdktn.StringMap(": ["map", "string"],
    "getListAttribute": ["list", "string"],
}


def _type(declared: Declared | None, code: str) -> object:
    """Return the type that the code for HCL declares, or that of the getter of what is computed only."""
    getter = re.search(r"return (.*);", code)
    assert getter, code
    made_of = code if "new cdktn.StringMap(" in code else getter[1]
    kind = declared.type if declared else next((t for name, t in _GETTERS.items() if name in made_of), "dynamic")
    # A list that has to be made of it first is a set.
    return ["set", kind[1]] if isinstance(kind, list) and "tolist" in getter[1] else kind


def modules(package: Path) -> Callable[[str], Module]:
    """Return a function that reads a module out of a package by its folder there."""
    with zipfile.ZipFile(package) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".tgz")]
        archive = tarfile.open(fileobj=io.BytesIO(wheel.read(name)))  # noqa: SIM115 - in memory

    def read(folder: str) -> Module:
        file = archive.extractfile(f"package/lib/{folder}/index.js")
        assert file, folder
        return Module(file.read().decode())

    return read


def used(kind: str, provider: str) -> list[str]:
    """Return the types of resources (``resource``) or data sources (``data``) that the stacks take of a provider."""
    texts = [path.read_text(encoding="utf-8") for path in STACKS.rglob("*.tf")]
    found = {name for text in texts for name in re.findall(rf'^{kind} "({provider}_\w+)"', text, re.MULTILINE)}
    return sorted(found)


def schema(provider: str, read: Callable[[str], Module]) -> Block:
    """Return the part of a provider's schema that the stacks use, as ``terraform providers schema -json`` has it."""

    def folder(name: str) -> str:
        return name.removeprefix(f"{provider}_").replace("_", "-")

    return {
        "provider": read("provider").provider(),
        "resource_schemas": {name: read(folder(name)).schema() for name in used("resource", provider)},
        "data_source_schemas": {
            name: read(f"data-{provider}-{folder(name)}").schema() for name in used("data", provider)
        },
    }


def text(content: Block) -> str:
    """Return JSON with one attribute per line."""
    return _text(content, "") + "\n"


def _text(value: object, indent: str) -> str:
    if not isinstance(value, dict) or isinstance(value.get("type"), str | list) or not value:
        return json.dumps(value, sort_keys=True)
    inner = indent + " "
    lines = [f"{inner}{json.dumps(name)}: {_text(each, inner)}" for name, each in sorted(value.items())]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def version(package: Path) -> str:
    """Return the version of the provider from which a package was made."""
    with zipfile.ZipFile(package) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
        found = re.search(r"bindings for \S+ provider version ([\d.]+)", wheel.read(name).decode())
    assert found
    return found[1]


def _downloaded(folder: Path) -> Iterator[tuple[str, Path]]:
    for provider, package in PACKAGES.items():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
        subprocess.run(command, check=True)
        (wheel,) = folder.glob(f"cdktn_provider_{provider}-*.whl")
        yield provider, wheel


def main() -> None:
    """Write the schemas of all providers."""
    with tempfile.TemporaryDirectory() as folder:
        for provider, wheel in _downloaded(Path(folder)):
            content = {"version": version(wheel), **schema(provider, modules(wheel))}
            (SCHEMAS / f"{provider}.json").write_text(text(content), encoding="utf-8")
            print(f"{provider} {content['version']}: {', '.join(content['resource_schemas'])}")


if __name__ == "__main__":
    main()
