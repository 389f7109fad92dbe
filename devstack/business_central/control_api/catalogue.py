"""Routes the control API for companies, items and pictures, which change as if people worked in BC's client."""

from base64 import b64decode, b64encode
from uuid import UUID

from flask import Blueprint, Response, jsonify

from devstack.business_central.api import documents, responses
from devstack.business_central.catalogue.media import Medium
from devstack.business_central.catalogue.models import Item, PictureWrite
from devstack.business_central.control_api.body import body
from devstack.business_central.world import SANDBOX, World


def add_catalogue(api: Blueprint, world: World) -> None:
    """Add the routes of companies, items and pictures."""
    _add_companies(api, world)
    _add_items(api, world)

    @api.post("/items/<uuid:item_id>/pictures")
    def put_pictures(item_id: UUID) -> Response:
        contents = [b64decode(content, validate=True) for content in body()["contents"]]
        return jsonify(_describe(world.environment_of_item(item_id).set_pictures(item_id, contents)))

    @api.get("/items/<uuid:item_id>/writes")
    def read_writes(item_id: UUID) -> Response:
        writes = world.environment_of_item(item_id).writes(item_id)
        return jsonify(writes=[_describe_write(write) for write in writes])


def _add_companies(api: Blueprint, world: World) -> None:
    @api.post("/companies")
    def put_company() -> Response:
        fields = body()
        catalogue = world.environment(fields.get("environment", SANDBOX))
        name = fields["name"]
        company = catalogue.put_company(name, fields.get("displayName", name), _guid(fields.get("id")))
        return jsonify(documents.company(company))

    @api.delete("/companies/<uuid:company_id>")
    def delete_company(company_id: UUID) -> Response:
        world.environment_of_company(company_id).delete_company(company_id)
        return responses.no_content()

    @api.post("/companies/<uuid:company_id>/absence")
    def set_absent(company_id: UUID) -> Response:
        world.environment_of_company(company_id).set_absent(company_id, absent=bool(body()["absent"]))
        return responses.no_content()


def _add_items(api: Blueprint, world: World) -> None:
    @api.post("/items")
    def put_item() -> Response:
        fields = body()
        company_id = UUID(fields["company_id"])
        name, gtin = fields.get("displayName", ""), fields.get("gtin", "")
        catalogue = world.environment_of_company(company_id)
        return jsonify(_describe(catalogue.put_item(company_id, fields["number"], name, gtin, _guid(fields.get("id")))))

    @api.get("/items/<uuid:item_id>")
    def read_item(item_id: UUID) -> Response:
        item = world.environment_of_item(item_id).find_item(item_id)
        return jsonify(_describe(item)) if item else Response(status=404)

    @api.delete("/items/<uuid:item_id>")
    def delete_item(item_id: UUID) -> Response:
        world.environment_of_item(item_id).delete_item(item_id)
        return responses.no_content()


def _describe(item: Item) -> dict[str, object]:
    pictures = [_describe_picture(medium) for medium in item.media]
    first = pictures[0] if pictures else None
    return {**documents.item(item), "media_stored": item.media_stored, "picture": first, "pictures": pictures}


def _describe_picture(medium: Medium) -> dict[str, object]:
    return {
        "description": medium.description,
        "contentType": medium.content_type,
        "width": medium.width,
        "height": medium.height,
        "bytes": len(medium.content),
    }


def _describe_write(write: PictureWrite) -> dict[str, object]:
    content = b64encode(write.content).decode()
    return {"time": documents.timestamp(write.time), "client_request_id": write.client_request_id, "content": content}


def _guid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
