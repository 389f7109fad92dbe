"""The control API under /_control: how a test sets the scene and reads what happened. README.md describes it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from devstack.business_central import responses
from devstack.business_central.conditions import Conditions, Fault, Latency
from devstack.business_central.models import Catalogue, Item
from devstack.business_central.request_log import RequestLog


def blueprint(catalogue: Catalogue, conditions: Conditions, log: RequestLog) -> Blueprint:
    """Return the routes; a body that they do not understand is answered with 400 and the reason."""
    api = Blueprint("control", __name__)
    api.register_error_handler(TypeError, _refuse)
    api.register_error_handler(ValueError, _refuse)
    api.register_error_handler(KeyError, _refuse)
    _arrange(api, catalogue, conditions, log)
    _edit_catalogue(api, catalogue)

    @api.get("/requests")
    def requests() -> Response:
        return jsonify(log.summary())

    @api.delete("/requests")
    def clear_requests() -> Response:
        log.clear()
        return responses.no_content()

    return api


def _arrange(api: Blueprint, catalogue: Catalogue, conditions: Conditions, log: RequestLog) -> None:
    @api.post("/reset")
    def reset() -> Response:
        conditions.reset()
        catalogue.reset()
        log.clear()
        return responses.no_content()

    @api.post("/latency")
    def latency() -> Response:
        conditions.add_latency(Latency(**_body()))
        return responses.no_content()

    @api.delete("/latency")
    def no_latency() -> Response:
        conditions.remove_latency()
        return responses.no_content()

    @api.post("/faults")
    def faults() -> Response:
        conditions.add_fault(Fault(**_body()))
        return responses.no_content()

    @api.post("/paging")
    def paging() -> Response:
        size = _body()["page_size"]
        conditions.page_size = size and int(size)
        return responses.no_content()


def _edit_catalogue(api: Blueprint, catalogue: Catalogue) -> None:
    @api.post("/companies")
    def put_company() -> Response:
        body = _body()
        company = catalogue.put_company(
            body["name"], body.get("displayName", body["name"]), _guid(body.get("id"))
        )
        return jsonify(responses.company(company))

    @api.post("/items")
    def put_item() -> Response:
        body = _body()
        company = catalogue.company(UUID(body["company_id"]))
        name, gtin = body.get("displayName", ""), body.get("gtin", "")
        item = catalogue.put_item(company.id, body["number"], name, gtin, _guid(body.get("id")))
        return jsonify(_facts(item))

    @api.get("/items/<uuid:item_id>")
    def read_item(item_id: UUID) -> Response:
        item = catalogue.find_item(item_id)
        return jsonify(_facts(item)) if item else Response(status=404)

    @api.delete("/items/<uuid:item_id>")
    def delete_item(item_id: UUID) -> Response:
        catalogue.delete_item(item_id)
        return responses.no_content()


def _facts(item: Item) -> dict[str, object]:
    medium = item.medium
    picture = medium and {
        "description": medium.description,
        "contentType": medium.content_type,
        "width": medium.width,
        "height": medium.height,
        "bytes": len(medium.content),
    }
    return {**responses.item(item), "media_stored": item.media_stored, "picture": picture}


def _body() -> dict[str, Any]:
    body = request.get_json()
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


def _guid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _refuse(problem: Exception) -> tuple[Response, int]:
    return jsonify(problem=f"{type(problem).__name__}: {problem}"), 400
