"""Which URL of API v2.0 is answered by what, and the application as a whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from flask import Blueprint, Flask, Response, request

from devstack.business_central import catalogue_page, control, errors, odata_query, responses
from devstack.business_central.conditions import Conditions
from devstack.business_central.gateway import guard
from devstack.business_central.models import Catalogue, Item
from devstack.business_central.request_log import RequestLog
from devstack.business_central.tokens import KeyResolver

SEED = Path(__file__).with_name("catalogue.json")
LARGEST_BODY = 350 * 1024 * 1024

_API = "/v2.0/<tenant>/<environment>/api/v2.0"
_ITEMS = "/companies(<uuid:company_id>)/items"
_ITEM = _ITEMS + "(<uuid:item_id>)"


def create_app(signing_key: KeyResolver, seed: Mapping[str, object] | None = None) -> Flask:
    """Return the simulator as a WSGI application; ``seed`` is a catalogue in the shape of catalogue.json."""
    catalogue = Catalogue(seed or json.loads(SEED.read_text(encoding="utf-8")))
    conditions, log = Conditions(), RequestLog()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.config["TRUSTED_HOSTS"] = [
        "127.0.0.1",
        "localhost",
    ]  # no web site reaches it through a name of its own
    guard(app, conditions, log, signing_key)
    app.register_blueprint(_companies_and_items(catalogue, conditions), url_prefix=_API)
    app.register_blueprint(_pictures(catalogue), url_prefix=_API)
    app.register_blueprint(control.blueprint(catalogue, conditions, log), url_prefix="/_control")
    app.register_blueprint(catalogue_page.blueprint(catalogue))
    return app


def _companies_and_items(catalogue: Catalogue, conditions: Conditions) -> Blueprint:
    api = Blueprint("entities", __name__)

    @api.get("/companies")
    def companies(**_: str) -> Response:
        query = odata_query.parse(request.args, responses.COMPANY)
        documents = [responses.company(each) for each in catalogue.companies()]
        return _collection(_context("companies"), documents, query, conditions)

    @api.get("/companies(<uuid:company_id>)")
    def company(company_id: UUID, **_: str) -> Response:
        query = odata_query.parse(request.args, responses.COMPANY)
        document = responses.company(catalogue.company(company_id))
        return responses.answer(responses.entity(_context("companies/$entity"), document, query))

    @api.get(_ITEMS)
    def items(company_id: UUID, **_: str) -> Response:
        query = odata_query.parse(request.args, responses.ITEM)
        documents = [_item(each, company_id, query) for each in catalogue.items(company_id)]
        return _collection(_context(f"companies({company_id})/items"), documents, query, conditions)

    @api.get(_ITEM)
    def item(company_id: UUID, item_id: UUID, **_: str) -> Response:
        query = odata_query.parse(request.args, responses.ITEM)
        document = _item(catalogue.item(company_id, item_id), company_id, query)
        context = _context(f"companies({company_id})/items/$entity")
        return responses.answer(responses.entity(context, document, query))

    return api


def _pictures(catalogue: Catalogue) -> Blueprint:
    api = Blueprint("pictures", __name__)
    picture, content = f"{_ITEM}/picture", f"{_ITEM}/picture/pictureContent"

    @api.get(picture)
    def read(company_id: UUID, item_id: UUID, **_: str) -> Response:
        document = responses.picture(catalogue.item(company_id, item_id), _items_url(company_id))
        context = _context(f"companies({company_id})/items({item_id})/picture/$entity")
        return responses.answer({"@odata.context": context, **document})

    @api.delete(picture)
    def delete(company_id: UUID, item_id: UUID, **_: str) -> Response:
        catalogue.delete_picture(company_id, item_id, request.headers.get("If-Match"))
        return responses.no_content()

    @api.post(picture)
    def insert(company_id: UUID, item_id: UUID, **_: str) -> Response:
        catalogue.item(company_id, item_id)
        raise errors.insert_not_supported()

    @api.patch(picture)
    def modify(company_id: UUID, item_id: UUID, **_: str) -> Response:
        catalogue.item(company_id, item_id)
        if "If-Match" not in request.headers:
            raise errors.concurrency_token_missing()
        fields = request.get_json(force=True, silent=True)
        raise errors.control_read_only(next(iter(fields), "id") if isinstance(fields, dict) else "id")

    @api.get(content)
    def download(company_id: UUID, item_id: UUID, **_: str) -> Response:
        medium = catalogue.item(company_id, item_id).medium
        if medium is None:
            return responses.no_content()
        return Response(medium.content, content_type="application/octet-stream")

    @api.patch(content)
    def upload(company_id: UUID, item_id: UUID, **_: str) -> Response:
        if_match = request.headers.get("If-Match")
        catalogue.upload_picture(company_id, item_id, request.get_data(), if_match)
        return responses.no_content()

    @api.route("/pictures", methods=["GET", "POST"])
    @api.route("/companies(<uuid:company_id>)/pictures", methods=["GET", "POST"])
    def orphans(**_: object) -> Response:
        raise errors.parent_missing()

    return api


def _collection(
    context: str, documents: list[responses.Document], query: odata_query.Query, conditions: Conditions
) -> Response:
    preferred = _preferred_page_size()
    page = responses.Page(request.base_url, request.args, preferred or conditions.page_size)
    response = responses.answer(responses.collection(context, documents, query, page))
    if preferred:
        response.headers["Preference-Applied"] = f"odata.maxpagesize={preferred}"
    return response


def _preferred_page_size() -> int | None:
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.lower() in ("odata.maxpagesize", "maxpagesize") and value.isdecimal():
            return int(value)
    return None


def _item(item: Item, company_id: UUID, query: odata_query.Query) -> responses.Document:
    document = responses.item(item)
    if query.expand_picture:
        document["picture"] = responses.picture(item, _items_url(company_id))
    return document


def _base() -> str:
    values = request.view_args or {}
    return f"{request.url_root}v2.0/{values['tenant']}/{values['environment']}/api/v2.0"


def _items_url(company_id: UUID) -> str:
    return f"{_base()}/companies({company_id})/items"


def _context(fragment: str) -> str:
    return f"{_base()}/$metadata#{fragment}"
