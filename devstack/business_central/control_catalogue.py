"""The part of the control API that changes the catalogue behind BC's back."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify

from devstack.business_central import responses
from devstack.business_central.media import Medium
from devstack.business_central.models import Item
from devstack.business_central.world import SANDBOX, World


def edit_catalogue(api: Blueprint, world: World, body: Callable[[], dict[str, Any]]) -> None:
    """Add the routes of companies and items; ``body`` reads a request's."""
    _companies(api, world, body)
    _items(api, world, body)

    @api.post("/items/<uuid:item_id>/pictures")
    def put_pictures(item_id: UUID) -> Response:
        contents = [b64decode(content, validate=True) for content in body()["contents"]]
        return jsonify(_facts(world.with_item(item_id).set_pictures(item_id, contents)))


def _companies(api: Blueprint, world: World, body: Callable[[], dict[str, Any]]) -> None:
    @api.post("/companies")
    def put_company() -> Response:
        said = body()
        catalogue = world.environment(said.get("environment", SANDBOX))
        company = catalogue.put_company(said["name"], said.get("displayName", said["name"]), _guid(said.get("id")))
        return jsonify(responses.company(company))

    @api.delete("/companies/<uuid:company_id>")
    def delete_company(company_id: UUID) -> Response:
        world.with_company(company_id).delete_company(company_id)
        return responses.no_content()


def _items(api: Blueprint, world: World, body: Callable[[], dict[str, Any]]) -> None:
    @api.post("/items")
    def put_item() -> Response:
        said = body()
        company_id = UUID(said["company_id"])
        name, gtin = said.get("displayName", ""), said.get("gtin", "")
        catalogue = world.with_company(company_id)
        return jsonify(_facts(catalogue.put_item(company_id, said["number"], name, gtin, _guid(said.get("id")))))

    @api.get("/items/<uuid:item_id>")
    def read_item(item_id: UUID) -> Response:
        item = world.with_item(item_id).find_item(item_id)
        return jsonify(_facts(item)) if item else Response(status=404)

    @api.delete("/items/<uuid:item_id>")
    def delete_item(item_id: UUID) -> Response:
        world.with_item(item_id).delete_item(item_id)
        return responses.no_content()


def _facts(item: Item) -> dict[str, object]:
    pictures = [_picture(medium) for medium in item.media]
    shown = pictures[0] if pictures else None
    return {**responses.item(item), "media_stored": item.media_stored, "picture": shown, "pictures": pictures}


def _picture(medium: Medium) -> dict[str, object]:
    return {
        "description": medium.description,
        "contentType": medium.content_type,
        "width": medium.width,
        "height": medium.height,
        "bytes": len(medium.content),
    }


def _guid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
