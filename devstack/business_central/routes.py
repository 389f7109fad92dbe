"""Which URL of the API is answered by what, and the application as a whole."""

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, Flask, Response, g, request

from devstack.business_central import catalogue_page, control, metadata, odata_query, pictures, responses
from devstack.business_central.address import V1, V2, Address, Version
from devstack.business_central.assumptions import Assumption
from devstack.business_central.conditions import Conditions
from devstack.business_central.gateway import guard
from devstack.business_central.models import Item
from devstack.business_central.state import StateFile
from devstack.business_central.tokens import KeyResolver
from devstack.business_central.world import World

LARGEST_BODY = 350 * 1024 * 1024

_ADDRESSES = {
    "online": "/v2.0/<tenant>/<environment>/api",
    "online-without-tenant": "/v2.0/<environment>/api",
    "on-premises": "/<server_instance>/api",
}


def create_app(
    signing_key: KeyResolver, seed: Mapping[str, object] | None = None, state: StateFile | None = None
) -> Flask:
    """Return the simulator as a WSGI application; ``seed`` is a sandbox's catalogue in the shape of catalogue.json."""
    world = World(seed)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["TRUSTED_HOSTS"] = [
        "127.0.0.1",
        "localhost",
    ]  # no web site reaches it through a name of its own
    guard(app, world, signing_key)
    if state:
        state.keep(app, world)
    for place, prefix in _ADDRESSES.items():
        for version, name in ((V2, "v2"), (V1, "v1")):
            api = _api(version, world)
            app.register_blueprint(api, url_prefix=f"{prefix}/{version.name}", name=f"{place}-{name}")
    app.register_blueprint(control.blueprint(world), url_prefix="/_control")
    app.register_blueprint(catalogue_page.blueprint(world.sandbox))
    return app


def _api(version: Version, world: World) -> Blueprint:
    api, conditions = Blueprint("api", __name__), world.conditions

    @api.before_request
    def arrive() -> None:
        values = request.view_args or {}
        environment, _, _ = (values.pop(name, None) for name in ("environment", "tenant", "server_instance"))
        catalogue = world.environment(environment) if environment else world.sandbox
        api_path = f"{request.path.partition('/api/')[0]}/api/{version.name}"
        g.address = Address(version, catalogue, _on_origin_of_links(request.root_url, conditions) + api_path)

    _documents(api, version)
    _companies(api, conditions)
    _items(api, conditions)
    pictures.add_routes(api, version)
    return api


def _documents(api: Blueprint, version: Version) -> None:
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


def _companies(api: Blueprint, conditions: Conditions) -> None:
    @api.get("/companies")
    def companies() -> Response:
        query = odata_query.parse(request.args, responses.COMPANY)
        documents = [responses.company(each) for each in _address().catalogue.companies()]
        return _collection(_address().context("companies"), documents, query, conditions)

    @api.get("/companies(<uuid:company_id>)")
    def company(company_id: UUID) -> Response:
        query = odata_query.parse(request.args, responses.COMPANY)
        document = responses.company(_address().catalogue.company(company_id))
        return responses.answer(responses.entity(_address().context("companies/$entity"), document, query))


def _items(api: Blueprint, conditions: Conditions) -> None:
    @api.get("/companies(<uuid:company_id>)/items")
    def items(company_id: UUID) -> Response:
        query = odata_query.parse(request.args, responses.ITEM)
        documents = [_item(each, company_id, query) for each in _address().catalogue.items(company_id)]
        context = _address().context(f"companies({company_id})/items")
        return _collection(context, documents, query, conditions)

    @api.get("/companies(<uuid:company_id>)/items(<uuid:item_id>)")
    def item(company_id: UUID, item_id: UUID) -> Response:
        query = odata_query.parse(request.args, responses.ITEM)
        document = _item(_address().catalogue.item(company_id, item_id), company_id, query)
        context = _address().context(f"companies({company_id})/items/$entity")
        return responses.answer(responses.entity(context, document, query))


def _collection(
    context: str, documents: list[responses.Document], query: odata_query.Query, conditions: Conditions
) -> Response:
    preferred = _preferred_page_size()
    url = _on_origin_of_links(request.base_url, conditions)
    page = responses.Page(url, request.args, preferred or conditions.page_size)
    response = responses.answer(responses.collection(context, documents, query, page))
    if preferred:
        response.headers["Preference-Applied"] = f"odata.maxpagesize={preferred}"
    return response


def _on_origin_of_links(url: str, conditions: Conditions) -> str:
    """Return one of the request's URLs as links name it: on-premises may know itself by another name than its callers."""
    root = request.root_url.rstrip("/")
    return (conditions.link_origin or root) + url.removeprefix(root).rstrip("/")


def _preferred_page_size() -> int | None:
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.lower() in ("odata.maxpagesize", "maxpagesize") and value.isdecimal():
            return int(value)
    return None


def _item(item: Item, company_id: UUID, query: odata_query.Query) -> responses.Document:
    document = responses.item(item)
    if query.expand_picture:
        picture = responses.picture(item, company_id, _address())
        document["picture"] = [picture] if _address().version.is_collection else picture
    return document


def _address() -> Address:
    address: Address = g.address
    return address
