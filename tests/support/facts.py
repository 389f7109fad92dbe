"""One model of what would exist, whichever tool describes it: a fact for each property of each resource. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]
Facts = dict[str, object]  # "Web/sites func-…: properties.httpsOnly" → True

_LEFT_OUT = {"id", "name", "type", "apiVersion"}  # the first says the next two; the last is each tool's own
# Lists whose names are only labels, which azurerm gives itself.
_LABELLED = {"privateDnsZoneConfigs", "allOf"}
# Azure's own, from its list of built-in roles.
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "73c42c96-874c-492b-b04d-ab87d138a893": "Log Analytics Reader",
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
}


@dataclass(frozen=True)
class Place:
    """Where an installation is; each tool makes the token that tells its names from any other's in its own way."""

    group: str  # the resource group's id
    token: str

    @classmethod
    def of(cls, resources: list[Resource]) -> "Place":
        """Return the place of resources, of which one is the host account."""
        accounts = [str(each["id"]) for each in resources if each["type"] == "Microsoft.Storage/storageAccounts"]
        (host,) = [account for account in accounts if "/sthost" in account]
        group, _, name = host.partition("/providers/Microsoft.Storage/storageAccounts/sthost")
        return cls(group, name)

    def short(self, value: Any) -> Any:
        """Return a value without what is the same, or different, everywhere."""
        if isinstance(value, tuple):
            return tuple(self.short(each) for each in value)
        if not isinstance(value, str):
            return value
        text = value.replace(f"{self.group}/providers/Microsoft.", "").replace(self.group, "the group")
        return text.replace(self.token, "{token}").replace(f"-{self.token[:6]}", "-{tok}")


def facts(resources: list[Resource], outputs: Mapping[str, Any]) -> Facts:
    """Return all facts about the resources of an installation, and about what its deployment puts out."""
    place, found = Place.of(resources), Facts()
    for resource in [*resources, {"id": "the outputs", "type": "", **outputs}]:
        name = _name(resource)
        found[place.short(name)] = "exists"
        for path, value in _flat({key: value for key, value in resource.items() if key not in _LEFT_OUT}):
            fact = place.short(f"{name}: {path}")
            assert found.get(fact, place.short(value)) == place.short(value), f"{fact} is there twice"
            found[fact] = place.short(value)
    return found


def _name(resource: Resource) -> str:
    """Return what identifies a resource; a role assignment is what it gives, because its own name is random."""
    if resource["type"] != "Microsoft.Authorization/roleAssignments":
        return str(resource["id"])
    scope = str(resource["id"]).rpartition("/providers/Microsoft.Authorization/")[0]
    role, who = (str(resource["properties"][part]) for part in ("roleDefinitionId", "principalId"))
    return f"{scope} gives {ROLES.get(role.rpartition('/')[2], role)} to {who}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value with its path; elements of lists go by their names, if they have any."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        is_named = path.rpartition(".")[2] not in _LABELLED and all("name" in each for each in value)
        for index, each in enumerate(value):
            label = each["name"] if is_named else index
            yield from _flat({key: inner for key, inner in each.items() if key != "name"}, f"{path}[{label}]")
    elif isinstance(value, list):
        if value:
            yield path, tuple(sorted(value))
    elif value is not None and not (value == {} and path in {"", "properties"}):
        yield path, int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True)
class Difference:
    """What one side says and the other does not, or says otherwise."""

    fact: str
    bicep: object
    terraform: object

    def __str__(self) -> str:
        return f"{self.fact}\n    Bicep:     {self.bicep!r}\n    Terraform: {self.terraform!r}"


def differences(bicep: Facts, terraform: Facts) -> list[Difference]:
    """Return all differences, in order; a resource that is on one side only counts once."""
    names = sorted(bicep.keys() | terraform.keys())
    alone = {name for name in names if ": " not in name and (name in bicep) != (name in terraform)}
    return [
        Difference(name, bicep.get(name), terraform.get(name))
        for name in names
        if name.partition(": ")[0] not in alone - {name} and not _same(bicep.get(name), terraform.get(name))
    ]


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other
