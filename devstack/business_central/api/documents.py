"""Builds OData documents: companies, items and pictures, and collections with their pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from devstack.business_central.api.address import Address
from devstack.business_central.api.odata_query import EntityType, Property, Query
from devstack.business_central.api.responses import Document, assume
from devstack.business_central.assumptions import Assumption
from devstack.business_central.catalogue.models import Company, Item, as_compared

COMPANY = EntityType("company", {"id": Property("guid"), "name": Property("text"), "displayName": Property("text")})
ITEM = EntityType(
    "item",
    {
        "id": Property("guid"),
        "number": Property("code", 20, "No."),
        "displayName": Property(),
        "gtin": Property("code", 14, "GTIN"),
        "lastModifiedDateTime": Property(),
    },
    has_picture=True,
)

_LARGEST_PAGE = 20_000  # BC's own limit online


@dataclass(frozen=True)
class Page:
    """Describes a page of a collection: the request's URL and options, and how many entities fit into the answer."""

    url: str
    options: Mapping[str, str]
    size: int | None

    def link(self, skip_token: int) -> str:
        """Return the link to the page that begins at ``skip_token``."""
        options = {**self.options, "$skiptoken": str(skip_token)}
        return self.url + "?" + "&".join(f"{quote(name, safe='$')}={quote(value)}" for name, value in options.items())


def company(model: Company) -> Document:
    """Return a company's document."""
    return {"id": str(model.id), "name": model.name, "displayName": model.display_name}


def item(model: Item) -> Document:
    """Return an item's document."""
    return {
        "@odata.etag": model.etag,
        "id": str(model.id),
        "number": model.number,
        "displayName": model.display_name,
        "gtin": model.gtin,
        "lastModifiedDateTime": timestamp(model.modified),
    }


def picture(model: Item, company_id: UUID, address: Address) -> Document:
    """Return the document of an item's picture; an item without a picture has one too."""
    version, medium = address.version, model.medium
    content = f"{address.items(company_id)}({model.id})/{version.picture(model.id)}/{version.stream}"
    assume(Assumption.LINKS)
    if medium and medium.content_type != "image/jpeg":
        assume(Assumption.CONTENT_TYPE)
    return {
        "@odata.etag": model.picture_etag,
        "id": str(model.id),
        **({} if version.is_collection else {"parentType": "Item"}),
        "width": medium.width if medium else 0,
        "height": medium.height if medium else 0,
        "contentType": medium.content_type if medium else "",
        f"{version.stream}@odata.mediaEditLink": content,
        f"{version.stream}@odata.mediaReadLink": content,
    }


def collection(context: str, documents: Sequence[Document], query: Query, page: Page) -> Document:
    """Return one page of the matching documents, and the link to the next page if there is one."""
    matches = [document for document in documents if _matches(document, query)]
    requested = matches[query.skip :][: query.top]
    end = query.skip_token + min(page.size or _LARGEST_PAGE, _LARGEST_PAGE)
    body: Document = {
        "@odata.context": context,
        "value": [_select(document, query) for document in requested[query.skip_token : end]],
    }
    if end < len(requested):
        body["@odata.nextLink"] = page.link(end)
        assume(Assumption.SKIP_TOKEN)
    return body


def entity(context: str, document: Document, query: Query) -> Document:
    """Return a single entity."""
    return {"@odata.context": context, **_select(document, query)}


def timestamp(moment: datetime) -> str:
    """Return a moment as BC writes it: UTC, milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _matches(document: Document, query: Query) -> bool:
    if query.filter_property is None:
        return True
    value = str(document[query.filter_property])
    return (as_compared(value) if query.filters_code else value) in query.filter_values


def _select(document: Document, query: Query) -> Document:
    if query.select is None:
        return document
    always = {"@odata.etag", "picture"}
    return {name: value for name, value in document.items() if name in query.select | always}
