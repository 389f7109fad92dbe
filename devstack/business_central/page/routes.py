"""Routes the catalogue page at /: every item with its picture, live, for people to watch."""

from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from devstack.business_central.api.documents import timestamp
from devstack.business_central.catalogue.models import Company, Item
from devstack.business_central.catalogue.store import Catalogue
from devstack.pages import frame


def blueprint(catalogue: Catalogue) -> Blueprint:
    """Return the page's routes; they show the catalogue and change nothing."""
    page = frame.page("catalogue", Path(__file__).parent)

    @page.get("/catalogue/state")
    def state() -> Response:
        revision, companies = catalogue.snapshot()
        response = jsonify(companies=[_company(company, items) for company, items in companies])
        response.set_etag(f"{revision}")
        return response.make_conditional(request.environ)  # type: ignore[return-value]

    @page.get("/catalogue/pictures/<uuid:item_id>")
    def picture(item_id: UUID) -> Response:
        item = catalogue.find_item(item_id)
        if item is None or item.medium is None:
            return Response(status=404)
        response = Response(item.medium.content, content_type=item.medium.content_type)
        # Browsers may keep it: every new picture has a link of its own, with the item's revision.
        response.cache_control.max_age, response.cache_control.immutable = 86400, True
        return response

    return page


def _company(company: Company, items: list[Item]) -> dict[str, object]:
    return {"id": str(company.id), "name": company.display_name, "items": [_item(item) for item in items]}


def _item(item: Item) -> dict[str, object]:
    return {
        "id": str(item.id),
        "number": item.number,
        "name": item.display_name,
        "version": item.revision,
        "picture": item.medium
        and {
            "href": f"/catalogue/pictures/{item.id}?v={item.revision}",
            "width": item.medium.width,
            "height": item.medium.height,
            "bytes": len(item.medium.content),
            "changed": item.picture_changed and timestamp(item.picture_changed),
        },
    }
