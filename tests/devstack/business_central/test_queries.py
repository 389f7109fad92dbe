"""The simulator answers OData queries for companies and items as Business Central does."""

from uuid import UUID

import pytest

from devstack.business_central.assumptions import Assumption
from tests.support.simulator_client import (
    CHAIR,
    CONTENT,
    CRONUS,
    DESK,
    ITEMS,
    UPLOAD_HEADERS,
    Client,
    assert_refused,
    assumptions,
    picture,
)

evidence = pytest.mark.evidence


@evidence("DOC")
def test_a_company_is_found_by_name_with_its_quotes_doubled(bc: Client) -> None:
    bc.control("POST", "/companies", name="Möbel 'Nord' & Söhne")
    query = {"$filter": "name eq 'Möbel ''Nord'' & Söhne'", "$select": "id,name"}
    (company,) = bc.get("/companies", params=query).json()["value"]
    assert {"id", "name"} == set(company)
    assert bc.get(f"/companies({company['id']})").json()["name"] == "Möbel 'Nord' & Söhne"


@evidence("DOC")
def test_a_company_is_found_by_id(bc: Client) -> None:
    (company,) = bc.get("/companies", params={"$filter": f"id eq {CRONUS}"}).json()["value"]
    assert company["name"] == "CRONUS USA, Inc."


@evidence("DOC")
@pytest.mark.parametrize(
    "expression",
    [
        "number eq '1896-S'",
        "number eq '1896-s'",
        "gtin eq '4000012424869'",
        f"id eq {DESK}",
        f"id eq {DESK.upper()}",
    ],
)
def test_an_item_is_found_with_its_picture_in_one_request(bc: Client, expression: str) -> None:
    bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS)
    query = {"$filter": expression, "$select": "id,number", "$expand": "picture"}
    (item,) = bc.get(ITEMS, params=query).json()["value"]
    assert {"@odata.etag", "id", "number", "picture"} == set(item)
    assert (item["id"], item["picture"]["width"]) == (DESK, 40)


@evidence("INF")
def test_a_code_in_another_width_is_the_same(bc: Client) -> None:
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in "1896-s")
    (item,) = bc.get(ITEMS, params={"$filter": f"number eq '{full_width}'"}).json()["value"]
    assert item["number"] == "1896-S"


@evidence("DOC")
def test_no_match_is_an_empty_collection(bc: Client) -> None:
    response = bc.get(ITEMS, params={"$filter": "number eq 'NONE'"})
    assert (response.status_code, response.json()["value"]) == (200, [])


@evidence("GT")
@pytest.mark.parametrize("number", ["A&B 50%", "70 061", "Ä-1100"])
def test_numbers_may_hold_any_character(bc: Client, number: str) -> None:
    (item,) = bc.get(ITEMS, params={"$filter": f"number eq '{number}'"}).json()["value"]
    assert number == item["number"]


@evidence("GT")
def test_a_gtin_is_not_unique(bc: Client) -> None:
    assert len(bc.get(ITEMS, params={"$filter": "gtin eq '4000013454339'"}).json()["value"]) == 2


@evidence("DOC")
def test_or_works_within_one_field_only(bc: Client) -> None:
    both = {"$filter": "number eq '1896-S' or number eq '1900-S'"}
    assert [item["id"] for item in bc.get(ITEMS, params=both).json()["value"]] == [DESK, CHAIR]
    mixed = {"$filter": f"number eq '1896-S' or id eq {DESK}"}
    assert_refused(bc.get(ITEMS, params=mixed), 400, "BadRequest")


@evidence("DOC")
def test_a_number_literal_over_20_characters_is_refused(bc: Client) -> None:
    query = {"$filter": f"number eq '{'A' * 21}'"}
    message = assert_refused(bc.get(ITEMS, params=query), 400, "Application_FilterErrorException")
    assert "The length of the string is 21, but it must be less than or equal to 20 characters." in message


@evidence("DOC")
@pytest.mark.parametrize(
    "query",
    [
        {"$filter": "number eq"},
        {"$filter": "number eq 'A"},
        {"$filter": "number eq 'A' or"},
        {"$top": "-1"},
        {"$filter": ""},
    ],
)
def test_a_malformed_query_is_not_found(bc: Client, query: dict[str, str]) -> None:
    message = assert_refused(bc.get(ITEMS, params=query), 404, "BadRequest_NotFound")
    assert message == "Bad Request - Error in query syntax."


@evidence("INF")
@pytest.mark.parametrize(
    "query",
    [
        {"$filter": "no eq 'A'"},
        {"$filter": "number eq 5"},
        {"$filter": f"id eq '{DESK}'"},
        {"$select": "no"},
        {"$expand": "pictures"},
    ],
)
def test_a_query_that_makes_no_sense_is_a_bad_request(bc: Client, query: dict[str, str]) -> None:
    assert_refused(bc.get(ITEMS, params=query), 400, "BadRequest")


@evidence("UNK")
@pytest.mark.parametrize("option", ["$search", "$orderby", "$count"])
def test_an_unsupported_query_option_is_refused(bc: Client, option: str) -> None:
    response = bc.get(ITEMS, params={option: "desk"})
    assert_refused(response, 400, "BadRequest")
    assert assumptions(response) == {Assumption.UNSUPPORTED}


@evidence("DOC")
def test_next_links_lead_through_every_item_once(bc: Client) -> None:
    everything = [item["id"] for item in bc.get(ITEMS).json()["value"]]
    bc.headers["Prefer"] = "odata.maxpagesize=4"
    link, pages = f"{bc.base}{ITEMS}?$select=id&$expand=picture", []
    while link:
        response = bc.get(link)
        assert response.headers["Preference-Applied"] == "odata.maxpagesize=4"
        pages.append([item["id"] for item in response.json()["value"]])
        link = response.json().get("@odata.nextLink")
    assert [len(page) for page in pages] == [4, 4, 4, 3]
    assert everything == [item_id for page in pages for item_id in page]


@evidence("UNK")
def test_the_form_of_a_next_link_is_assumed(bc: Client) -> None:
    response = bc.get(ITEMS, headers={"Prefer": "odata.maxpagesize=4"})
    assert response.json()["@odata.nextLink"].endswith("?$skiptoken=4")
    assert assumptions(response) == {Assumption.SKIP_TOKEN}
    assert assumptions(bc.get(ITEMS)) == set()


@evidence("INF")
def test_paging_stays_within_top_and_skip(bc: Client) -> None:
    everything = [item["number"] for item in bc.get(ITEMS).json()["value"]]
    bc.control("POST", "/paging", page_size=2)
    first = bc.get(ITEMS, params={"$top": "3", "$skip": "1"}).json()
    second = bc.get(first["@odata.nextLink"]).json()
    assert everything[1:4] == [item["number"] for item in first["value"] + second["value"]]
    assert "@odata.nextLink" not in second


@evidence("LIVE")
def test_answers_look_like_odata(bc: Client) -> None:
    response = bc.get("/companies")
    assert response.headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert response.headers["odata-version"] == "4.0"
    assert UUID(response.headers["request-id"])
    assert f"{bc.base}/$metadata#companies" == response.json()["@odata.context"]
