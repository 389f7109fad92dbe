"""What the API says: models as OData documents, collections with their paging, error envelopes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import UUID, uuid4

from flask import Response, g

from devstack.business_central.address import Address
from devstack.business_central.assumptions import Assumption
from devstack.business_central.errors import BusinessCentralError
from devstack.business_central.models import Company, Item
from devstack.business_central.odata_query import EntityType, Property, Query

Document = dict[str, object]

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

_CONTENT_TYPE = "application/json; odata.metadata=minimal"
_LARGEST_PAGE = 20_000  # BC's own limit online


@dataclass(frozen=True)
class Page:
    """Where in a collection an answer is: the URL of the request, how many entities fit, what was asked for."""

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
    """Return the document of an item's picture, which is there even where the picture is not."""
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
    """Return one page of the documents that match, and the link to the next one if there is one."""
    matching = [each for each in documents if _matches(each, query)]
    wanted = matching[query.skip :][: query.top]
    end = query.skip_token + min(page.size or _LARGEST_PAGE, _LARGEST_PAGE)
    body: Document = {
        "@odata.context": context,
        "value": [_selected(each, query) for each in wanted[query.skip_token : end]],
    }
    if end < len(wanted):
        body["@odata.nextLink"] = page.link(end)
        assume(Assumption.SKIP_TOKEN)
    return body


def entity(context: str, document: Document, query: Query) -> Document:
    """Return a single entity."""
    return {"@odata.context": context, **_selected(document, query)}


def answer(document: Document) -> Response:
    """Return the answer that carries a document."""
    return Response(json.dumps(document, ensure_ascii=False), content_type=_CONTENT_TYPE)


def no_content() -> Response:
    """Return the empty answer to a write, and to reading what is not there."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def refusal(error: BusinessCentralError) -> Response:
    """Return BC's error envelope."""
    message = f"{error.message}  CorrelationId:  {uuid4()}."
    if error.assumed:
        assume(error.assumed)
    response = answer({"error": {"code": error.code, "message": message}})
    response.status_code = error.status
    if error.code == "Authentication_InvalidCredentials":
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def assume(what: Assumption) -> None:
    """Note that the answer to the current request rests on an assumption."""
    g.setdefault("assumed", {})[what] = True


def state_assumptions(response: Response) -> None:
    """Say in the answer what it rests on."""
    if "assumed" in g:
        response.headers["x-simulator-assumed"] = "; ".join(g.assumed)


def timestamp(moment: datetime) -> str:
    """Return a moment as BC writes it: UTC, milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _matches(document: Document, query: Query) -> bool:
    return query.filter_property is None or document[query.filter_property] in query.filter_values


def _selected(document: Document, query: Query) -> Document:
    if query.select is None:
        return document
    always = {"@odata.etag", "picture"}
    return {name: value for name, value in document.items() if name in query.select | always}
