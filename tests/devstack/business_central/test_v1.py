"""API v1.0 and on-premises addresses differ from API v2.0 online as Microsoft documents."""

from uuid import uuid4

import pytest

from devstack.business_central.assumptions import Assumption
from tests.support.simulator_client import (
    DESK,
    ITEMS,
    ON_PREMISES_V1,
    ON_PREMISES_V2,
    PICTURE,
    UPLOAD_HEADERS,
    V1,
    V2,
    Client,
    assert_refused,
    assumptions,
    picture,
)

evidence = pytest.mark.evidence
in_v1 = pytest.mark.parametrize("bc", [V1, ON_PREMISES_V1], ids=["online", "on-premises"], indirect=True)
everywhere = pytest.mark.parametrize(
    "bc",
    [V2, V1, ON_PREMISES_V2, ON_PREMISES_V1],
    ids=["v2.0", "v1.0", "on-premises v2.0", "on-premises v1.0"],
    indirect=True,
)


@evidence("DOC")
@in_v1
def test_the_picture_document_matches_the_documentation(bc: Client) -> None:
    bc.upload(picture())
    link = f"{bc.base}{PICTURE}({DESK})/content"
    (document,) = bc.get(PICTURE).json()["value"]
    assert document.pop("@odata.etag")
    assert document == {
        "id": DESK,
        "width": 40,
        "height": 30,
        "contentType": "image/jpeg",
        "content@odata.mediaEditLink": link,
        "content@odata.mediaReadLink": link,
    }
    assert document == {name: bc.get(bc.api.picture).json()[name] for name in document}


@evidence("GT")
@in_v1
def test_an_expanded_picture_is_a_collection(bc: Client) -> None:
    query = {"$filter": "number eq '1896-S'", "$expand": "picture", "$select": "id"}
    (item,) = bc.get(ITEMS, params=query).json()["value"]
    assert [picture["id"] for picture in item["picture"]] == [DESK]


@evidence("UNK")
@in_v1
def test_the_collection_cannot_be_written(bc: Client) -> None:
    for method in ("PATCH", "DELETE"):
        response = bc.request(method, PICTURE, json={}, headers={"If-Match": "*"})
        assert_refused(response, 405, "BadRequest_MethodNotAllowed")
        assert assumptions(response) == {Assumption.COLLECTION_WRITE}


@evidence("UNK")
@in_v1
def test_a_picture_has_its_items_id(bc: Client) -> None:
    unknown = f"{PICTURE}({uuid4()})"
    answers = [
        bc.get(unknown),
        bc.delete(unknown),
        bc.get(f"{unknown}/content"),
        bc.patch(f"{unknown}/content", picture(), headers=UPLOAD_HEADERS),
    ]
    for response in answers:
        assert_refused(response, 404, "BadRequest_ResourceNotFound")
        assert assumptions(response) == {Assumption.FOREIGN_PICTURE}


@evidence("INF")
@in_v1
def test_an_upload_needs_if_match_and_a_picture(bc: Client) -> None:
    assert_refused(bc.patch(bc.api.content, picture()), 400, "BadRequest_InvalidToken")
    stale = {"If-Match": bc.metadata()["@odata.etag"]}
    bc.upload(picture())
    assert_refused(bc.patch(bc.api.content, picture(), headers=stale), 409, "Request_EntityChanged")
    assert_refused(bc.upload(b"not a picture"), 400, "Application_DialogException")
    assert_refused(bc.post(PICTURE, json={}), 405, "BadRequest_MethodNotAllowed")


@evidence("DOC")
@pytest.mark.parametrize("bc", [V1], indirect=True)
def test_each_version_has_only_its_own_resources(bc: Client) -> None:
    assert_refused(bc.get(f"{PICTURE}/pictureContent"), 404, "BadRequest_NotFound")
    assert_refused(bc.get(f"{bc.url}{V2.base}{V1.content}"), 404, "BadRequest_NotFound")


@evidence("3P")
@everywhere
def test_links_may_name_an_internal_host(bc: Client) -> None:
    bc.control("POST", "/links", origin="https://nav-01.corp.example:7048")
    internal = f"https://nav-01.corp.example:7048{bc.api.base}"
    document = bc.metadata()
    assert document[f"{bc.api.stream}@odata.mediaEditLink"] == internal + bc.api.content
    assert document[f"{bc.api.stream}@odata.mediaReadLink"] == internal + bc.api.content
    next_link = bc.get(ITEMS, headers={"Prefer": "odata.maxpagesize=4"}).json()["@odata.nextLink"]
    assert next_link.startswith(f"{internal}{ITEMS}?")
    bc.control("POST", "/links", origin=None)
    assert bc.metadata()[f"{bc.api.stream}@odata.mediaEditLink"] == bc.base + bc.api.content


@evidence("UNK")
@everywhere
def test_links_lead_to_the_content_by_assumption(bc: Client) -> None:
    link = bc.metadata()[f"{bc.api.stream}@odata.mediaEditLink"]
    assert bc.patch(link, picture(), headers=UPLOAD_HEADERS).status_code == 204
    assert bc.get(link).content == picture()
    assert assumptions(bc.get(PICTURE)) == {Assumption.LINKS}
    assert assumptions(bc.get(link)) == {Assumption.BYTES}
