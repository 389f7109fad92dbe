"""Writes ``$metadata`` and the service document: the entity types as served, in OData's CSDL. Pure."""

from collections.abc import Iterator, Mapping

from devstack.business_central.api.address import Version

_ID, _TEXT, _NUMBER = 'Type="Edm.Guid" Nullable="false"', 'Type="Edm.String"', 'Type="Edm.Int32"'
_COMPANY = {"id": _ID, "name": _TEXT, "displayName": _TEXT}
_ITEM = {
    "id": _ID,
    "number": f'{_TEXT} MaxLength="20"',
    "displayName": _TEXT,
    "gtin": f'{_TEXT} MaxLength="14"',
    "lastModifiedDateTime": 'Type="Edm.DateTimeOffset"',
}
_PICTURE = {"id": _ID, "parentType": _TEXT, "width": _NUMBER, "height": _NUMBER, "contentType": _TEXT}
_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
  <edmx:DataServices>
    <Schema Namespace="Microsoft.NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">"""
_TAIL = """    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
"""


def entity_sets(version: Version) -> list[dict[str, str]]:
    """Return the list in the service document."""
    names = ("companies", "items", _picture_set(version))
    return [{"name": name, "kind": "EntitySet", "url": name} for name in names]


def document(version: Version) -> str:
    """Return the EDMX document of a version."""
    picture_type = "Collection(Microsoft.NAV.picture)" if version.is_collection else "Microsoft.NAV.picture"
    lines = [
        _HEAD,
        *_entity("company", _COMPANY, {"items": "Collection(Microsoft.NAV.item)"}),
        *_entity("item", _ITEM, {"picture": picture_type}),
        *_entity("picture", _picture_properties(version), {}),
        *_container(version),
        _TAIL,
    ]
    return "\n".join(lines)


def _picture_properties(version: Version) -> dict[str, str]:
    properties = {**_PICTURE, version.stream: 'Type="Edm.Stream"'}
    if version.is_collection:
        del properties["parentType"]
    return properties


def _entity(name: str, properties: Mapping[str, str], links: Mapping[str, str]) -> Iterator[str]:
    yield f'      <EntityType Name="{name}">'
    yield '        <Key><PropertyRef Name="id" /></Key>'
    for property_name, attributes in properties.items():
        yield f'        <Property Name="{property_name}" {attributes} />'
    for link_name, edm in links.items():
        yield f'        <NavigationProperty Name="{link_name}" Type="{edm}" ContainsTarget="true" />'
    yield "      </EntityType>"


def _container(version: Version) -> Iterator[str]:
    pictures = _picture_set(version)
    yield '      <EntityContainer Name="NAV">'
    yield from _entity_set("companies", "company", {"items": "items"})
    yield from _entity_set("items", "item", {"picture": pictures})
    yield from _entity_set(pictures, "picture", {})
    yield "      </EntityContainer>"


def _entity_set(name: str, entity: str, links: Mapping[str, str]) -> Iterator[str]:
    yield f'        <EntitySet Name="{name}" EntityType="Microsoft.NAV.{entity}">'
    for path, target in links.items():
        yield f'          <NavigationPropertyBinding Path="{path}" Target="{target}" />'
    yield "        </EntitySet>"


def _picture_set(version: Version) -> str:
    return "picture" if version.is_collection else "pictures"
