"""Routes the API's URLs: the root, ``$metadata``, companies and items; pictures.py has those of an item's picture."""

from uuid import UUID

from flask import Blueprint, Response, g, request

from devstack.business_central.api import documents, metadata, odata_query, pictures, responses
from devstack.business_central.api.address import Address, Version
from devstack.business_central.assumptions import Assumption
from devstack.business_central.catalogue.models import Item
from devstack.business_central.scenario.conditions import Conditions
from devstack.business_central.world import World


def blueprint(version: Version, world: World) -> Blueprint:
    """Return the routes of one version; each request finds its own ``Address`` in ``g.address``."""
    api, conditions = Blueprint("api", __name__), world.conditions

    @api.before_request
    def set_address() -> None:
        values = request.view_args or {}
        environment, _, _ = (values.pop(name, None) for name in ("environment", "tenant", "server_instance"))
        catalogue = world.environment(environment) if environment else world.sandbox
        api_path = f"{request.path.partition('/api/')[0]}/api/{version.name}"
        g.address = Address(version, catalogue, _with_link_origin(request.root_url, conditions) + api_path)

    _add_metadata(api, version)
    _add_companies(api, conditions)
    _add_items(api, conditions)
    pictures.add_routes(api, version)
    return api


def _add_metadata(api: Blueprint, version: Version) -> None:
    @api.get("")
    @api.get("/")
    def service() -> Response:
        responses.assume(Assumption.SERVICE_DOCUMENT)
        return responses.answer(
            {"@odata.context": f"{_address().base}/$metadata", "value": metadata.entity_sets(version)}
        )

    @api.get("/$metadata")
    def schema() -> Response:
        responses.assume(Assumption.METADATA)
        return Response(metadata.document(version), content_type="application/xml")


def _add_companies(api: Blueprint, conditions: Conditions) -> None:
    @api.get("/companies")
    def companies() -> Response:
        query = odata_query.parse(request.args, documents.COMPANY)
        entities = [documents.company(company) for company in _address().catalogue.companies()]
        return _collection(_address().context("companies"), entities, query, conditions)

    @api.get("/companies(<uuid:company_id>)")
    def company(company_id: UUID) -> Response:
        query = odata_query.parse(request.args, documents.COMPANY)
        document = documents.company(_address().catalogue.company(company_id))
        return responses.answer(documents.entity(_address().context("companies/$entity"), document, query))


def _add_items(api: Blueprint, conditions: Conditions) -> None:
    @api.get("/companies(<uuid:company_id>)/items")
    def items(company_id: UUID) -> Response:
        query = odata_query.parse(request.args, documents.ITEM)
        entities = [_item(item, company_id, query) for item in _address().catalogue.items(company_id)]
        context = _address().context(f"companies({company_id})/items")
        return _collection(context, entities, query, conditions)

    @api.get("/companies(<uuid:company_id>)/items(<uuid:item_id>)")
    def item(company_id: UUID, item_id: UUID) -> Response:
        query = odata_query.parse(request.args, documents.ITEM)
        document = _item(_address().catalogue.item(company_id, item_id), company_id, query)
        context = _address().context(f"companies({company_id})/items/$entity")
        return responses.answer(documents.entity(context, document, query))


def _collection(
    context: str, entities: list[responses.Document], query: odata_query.Query, conditions: Conditions
) -> Response:
    preferred = _preferred_page_size()
    url = _with_link_origin(request.base_url, conditions)
    page = documents.Page(url, request.args, preferred or conditions.page_size)
    response = responses.answer(documents.collection(context, entities, query, page))
    if preferred:
        response.headers["Preference-Applied"] = f"odata.maxpagesize={preferred}"
    return response


def _with_link_origin(url: str, conditions: Conditions) -> str:
    """Return one of the request's URLs as links show it: on-premises may use another host name than its callers."""
    root = request.root_url.rstrip("/")
    return (conditions.link_origin or root) + url.removeprefix(root).rstrip("/")


def _preferred_page_size() -> int | None:
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.lower() in ("odata.maxpagesize", "maxpagesize") and value.isdecimal():
            return int(value)
    return None


def _item(item: Item, company_id: UUID, query: odata_query.Query) -> responses.Document:
    document = documents.item(item)
    if query.expand_picture:
        picture = documents.picture(item, company_id, _address())
        document["picture"] = [picture] if _address().version.is_collection else picture
    return document


def _address() -> Address:
    address: Address = g.address
    return address
