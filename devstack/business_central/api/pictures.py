"""Routes requests for an item's picture: one resource in API v2.0, a collection of exactly one in v1.0."""

from uuid import UUID

from flask import Blueprint, Response, g, request

from devstack.business_central import errors
from devstack.business_central.api import documents, responses
from devstack.business_central.api.address import Address, Version
from devstack.business_central.assumptions import Assumption
from devstack.business_central.catalogue.models import Item

_ITEM = "/companies(<uuid:company_id>)/items(<uuid:item_id>)"


def add_routes(api: Blueprint, version: Version) -> None:
    """Add the routes of this version."""
    if version.is_collection:
        _add_collection(api)
        _add_picture(api, f"{_ITEM}/picture(<uuid:picture_id>)")
        _add_content(api, f"{_ITEM}/picture(<uuid:picture_id>)/{version.stream}")
    else:
        _add_picture(api, f"{_ITEM}/picture")
        _add_content(api, f"{_ITEM}/picture/{version.stream}")
    _add_refusals(api)


def _add_collection(api: Blueprint) -> None:
    @api.get(f"{_ITEM}/picture")
    def read_collection(company_id: UUID, item_id: UUID) -> Response:
        document = documents.picture(_item(company_id, item_id), company_id, g.address)
        context = g.address.context(f"companies({company_id})/items({item_id})/picture")
        return responses.answer({"@odata.context": context, "value": [document]})

    @api.route(f"{_ITEM}/picture", methods=["PATCH", "DELETE"])
    def write_collection(**_: UUID) -> Response:
        raise errors.method_not_allowed(request.method, Assumption.COLLECTION_WRITE)


def _add_picture(api: Blueprint, path: str) -> None:
    @api.get(path)
    def read(company_id: UUID, item_id: UUID, picture_id: UUID | None = None) -> Response:
        document = documents.picture(_item(company_id, item_id, picture_id), company_id, g.address)
        context = g.address.context(f"companies({company_id})/items({item_id})/picture/$entity")
        return responses.answer({"@odata.context": context, **document})

    @api.delete(path)
    def delete(company_id: UUID, item_id: UUID, picture_id: UUID | None = None) -> Response:
        _check_picture_id(item_id, picture_id)
        g.address.catalogue.delete_picture(company_id, item_id, request.headers.get("If-Match"))
        return responses.no_content()

    @api.patch(path)
    def modify(company_id: UUID, item_id: UUID, picture_id: UUID | None = None) -> Response:
        _item(company_id, item_id, picture_id)
        responses.assume(Assumption.TOKEN_FIRST)
        if "If-Match" not in request.headers:
            raise errors.concurrency_token_missing()
        fields = request.get_json(force=True, silent=True)
        raise errors.control_read_only(next(iter(fields), "id") if isinstance(fields, dict) else "id")


def _add_content(api: Blueprint, path: str) -> None:
    @api.get(path)
    def download(company_id: UUID, item_id: UUID, picture_id: UUID | None = None) -> Response:
        medium = _item(company_id, item_id, picture_id).medium
        if medium is None:
            return responses.no_content()
        responses.assume(Assumption.BYTES)
        return Response(medium.content, content_type="application/octet-stream")

    @api.patch(path)
    def upload(company_id: UUID, item_id: UUID, picture_id: UUID | None = None) -> Response:
        _check_picture_id(item_id, picture_id)
        if_match = request.headers.get("If-Match")
        sender = request.headers.get("client-request-id")
        medium = g.address.catalogue.upload_picture(company_id, item_id, request.get_data(), if_match, sender)
        if medium and not medium.complete:
            responses.assume(Assumption.HEADER_ONLY)
        return responses.no_content()


def _add_refusals(api: Blueprint) -> None:
    @api.post(f"{_ITEM}/picture")
    def insert(company_id: UUID, item_id: UUID) -> Response:
        _item(company_id, item_id)
        raise errors.insert_not_supported()

    @api.route("/pictures", methods=["GET", "POST"])
    @api.route("/companies(<uuid:company_id>)/pictures", methods=["GET", "POST"])
    def without_item(**_: UUID) -> Response:
        raise errors.parent_missing()


def _item(company_id: UUID, item_id: UUID, picture_id: UUID | None = None) -> Item:
    address: Address = g.address
    item = address.catalogue.item(company_id, item_id)
    _check_picture_id(item_id, picture_id)
    return item


def _check_picture_id(item_id: UUID, picture_id: UUID | None) -> None:
    if picture_id not in (None, item_id):
        raise errors.picture_not_found(picture_id or item_id)
