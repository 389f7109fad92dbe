"""What the simulator of Business Central promises; ``evidence`` says how sure we are that the real one does the same."""

import io
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from PIL import Image

from devstack.business_central.routes import LARGEST_BODY, create_app
from devstack.business_central.server import Server

CRONUS = "ed8c4463-bbf3-5e8d-8254-829373e2e2dd"
DESK = "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"
CHAIR = "7a289e48-0fa0-52f8-a4c7-6d69e90e2ab5"
ANYTHING = {"If-Match": "*", "Content-Type": "application/octet-stream"}

ITEMS = f"/companies({CRONUS})/items"
PICTURE = f"{ITEMS}({DESK})/picture"
CONTENT = f"{PICTURE}/pictureContent"

evidence = pytest.mark.evidence
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(key: rsa.RSAPrivateKey = KEY, **claims: object) -> str:
    """Return a token that the simulator accepts, except for what ``claims`` change."""
    now = int(time.time())
    valid = {"aud": "https://api.businesscentral.dynamics.com", "nbf": now, "exp": now + 3600}
    return jwt.encode({**valid, **claims}, key, "RS256")


def picture(image_format: str = "JPEG", size: tuple[int, int] = (40, 30), colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, image_format)
    return buffer.getvalue()


class Client(requests.Session):
    """Calls the API by path, with a valid token; ``control`` calls the control API."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.base = f"{url}/v2.0/tenant/production/api/v2.0"
        self.headers["Authorization"] = f"Bearer {token()}"

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Call a path of the API, or any whole URL."""
        return super().request(method, self.base + url if url.startswith("/") else url, timeout=10, **options)

    def control(self, verb: str, where: str, **body: object) -> requests.Response:
        """Call the control API; ``body`` is what a POST says."""
        return self.request(verb, f"{self.url}/_control{where}", json=body if verb == "POST" else None)

    def log(self) -> dict:
        """Return the request log."""
        return self.control("GET", "/requests").json()

    def metadata(self) -> dict:
        """Return the metadata of the desk's picture."""
        return self.get(PICTURE).json()

    def item(self) -> dict:
        """Return the desk."""
        return self.get(f"{ITEMS}({DESK})").json()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server(create_app(lambda _: KEY.public_key())) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.fixture
def bc(url: str) -> Iterator[Client]:
    with Client(url) as client:
        client.control("POST", "/reset")
        yield client


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never happened"


def refused(response: requests.Response, status: int, code: str) -> str:
    """Assert the error envelope and return the message without its correlation id."""
    assert (status, code) == (response.status_code, response.json()["error"]["code"])
    message, correlation_id = response.json()["error"]["message"].split("  CorrelationId:  ")
    assert UUID(correlation_id.removesuffix("."))
    return message


# The upload


@evidence("GT")
def test_an_upload_is_answered_204_and_comes_back_byte_for_byte(bc: Client) -> None:
    response = bc.patch(CONTENT, picture(), headers=ANYTHING)
    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Type" not in response.headers
    assert picture() == bc.get(CONTENT).content


@evidence("GT")
def test_an_item_without_a_picture_has_metadata_of_size_zero_and_no_content(bc: Client) -> None:
    metadata = bc.metadata()
    assert tuple(metadata[name] for name in ("width", "height", "contentType", "id", "parentType")) == (
        0,
        0,
        "",
        DESK,
        "Item",
    )
    assert (bc.get(CONTENT).status_code, bc.get(CONTENT).content) == (204, b"")


@evidence("3P")
def test_the_links_lead_to_the_content_with_and_without_a_picture(bc: Client) -> None:
    for _ in range(2):
        metadata = bc.metadata()
        assert bc.base + CONTENT == metadata["pictureContent@odata.mediaEditLink"]
        assert bc.base + CONTENT == metadata["pictureContent@odata.mediaReadLink"]
        bc.patch(metadata["pictureContent@odata.mediaEditLink"], picture(), headers=ANYTHING)


@pytest.mark.parametrize(
    ("image_format", "content_type"),
    [
        pytest.param("JPEG", "image/jpeg", marks=evidence("GT")),
        pytest.param("PNG", "image/png", marks=evidence("UNK")),
        pytest.param("GIF", "image/gif", marks=evidence("UNK")),
        pytest.param("BMP", "image/bmp", marks=evidence("UNK")),
        pytest.param("TIFF", "image/tiff", marks=evidence("UNK")),
    ],
)
def test_size_and_type_are_read_from_the_bytes(bc: Client, image_format: str, content_type: str) -> None:
    bc.patch(CONTENT, picture(image_format, (64, 48)), headers=ANYTHING)
    metadata = bc.metadata()
    assert (64, 48, content_type) == (metadata["width"], metadata["height"], metadata["contentType"])


@evidence("GT")
def test_an_upload_replaces_what_was_there_and_is_named_after_the_item(bc: Client) -> None:
    bc.patch(CONTENT, picture("PNG"), headers=ANYTHING)
    bc.patch(CONTENT, picture(size=(7, 5)), headers=ANYTHING)
    facts = bc.control("GET", f"/items/{DESK}").json()
    assert tuple(facts["picture"][name] for name in ("description", "width", "height")) == (
        "1896-S Harbour Desk, oak.jpg",
        7,
        5,
    )


@evidence("GT")
def test_identical_bytes_still_change_the_item_and_store_another_medium(bc: Client) -> None:
    bc.patch(CONTENT, picture(), headers=ANYTHING)
    item, metadata = bc.item(), bc.metadata()
    bc.patch(CONTENT, picture(), headers=ANYTHING)
    assert item["lastModifiedDateTime"] < bc.item()["lastModifiedDateTime"]
    assert item["@odata.etag"] != bc.item()["@odata.etag"]
    assert metadata["@odata.etag"] != bc.metadata()["@odata.etag"]
    assert bc.control("GET", f"/items/{DESK}").json()["media_stored"] == 2


@evidence("GT")
def test_a_deleted_picture_leaves_metadata_of_size_zero(bc: Client) -> None:
    bc.patch(CONTENT, picture(), headers=ANYTHING)
    assert bc.delete(PICTURE, headers={"If-Match": "*"}).status_code == 204
    assert (bc.metadata()["width"], bc.get(CONTENT).status_code) == (0, 204)


@evidence("3P")
def test_deleting_needs_no_if_match(bc: Client) -> None:
    assert bc.delete(PICTURE).status_code == 204


@evidence("INF")
def test_an_upload_to_an_unknown_item_is_passed_over_in_silence(bc: Client) -> None:
    unknown = f"{ITEMS}({uuid4()})/picture/pictureContent"
    assert bc.patch(unknown, picture(), headers=ANYTHING).status_code == 204
    refused(bc.get(unknown), 404, "BadRequest_ResourceNotFound")


@pytest.mark.parametrize("body", [b"", b"no picture", b"RIFF\x1a\0\0\0WEBPVP8L", b"\xff\xd8\xff"])
@evidence("UNK")
def test_what_is_no_picture_that_bc_knows_is_refused_and_changes_nothing(bc: Client, body: bytes) -> None:
    bc.patch(CONTENT, picture(), headers=ANYTHING)
    refused(bc.patch(CONTENT, body, headers=ANYTHING), 400, "Application_DialogException")
    assert picture() == bc.get(CONTENT).content


@evidence("DOC")
def test_a_body_over_the_limit_is_refused_before_it_is_read(bc: Client) -> None:
    connection = HTTPConnection(bc.base.split("/")[2], timeout=10)
    headers = {**ANYTHING, "Authorization": bc.headers["Authorization"], "Content-Length": LARGEST_BODY + 1}
    connection.putrequest("PATCH", bc.base.partition(bc.url)[2] + CONTENT)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.sock.shutdown(socket.SHUT_WR)  # nothing follows
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_may_come_in_chunks(bc: Client) -> None:
    halves = iter([picture()[:100], picture()[100:]])
    assert bc.patch(CONTENT, halves, headers=ANYTHING).status_code == 204
    assert picture() == bc.get(CONTENT).content


# Concurrency tokens


@evidence("LIVE")
def test_an_upload_without_if_match_is_refused(bc: Client) -> None:
    message = refused(bc.patch(CONTENT, picture()), 400, "BadRequest_InvalidToken")
    assert message == (
        "Could not validate the client concurrency token required by the service. "
        "Please provide a valid token in the client request."
    )


@evidence("GT")
def test_the_pictures_own_etag_is_accepted_once(bc: Client) -> None:
    current = {"If-Match": bc.metadata()["@odata.etag"]}
    assert bc.patch(CONTENT, picture(), headers=current).status_code == 204
    message = refused(bc.patch(CONTENT, picture(), headers=current), 409, "Request_EntityChanged")
    assert message == "Another user has already changed the record."


@evidence("DOC")
def test_the_items_etag_is_not_the_pictures(bc: Client) -> None:
    of_the_item = {"If-Match": bc.item()["@odata.etag"]}
    refused(bc.patch(CONTENT, picture(), headers=of_the_item), 409, "Request_EntityChanged")


@evidence("INF")
def test_a_stale_etag_does_not_delete(bc: Client) -> None:
    stale = {"If-Match": bc.metadata()["@odata.etag"]}
    bc.patch(CONTENT, picture(), headers=ANYTHING)
    refused(bc.delete(PICTURE, headers=stale), 409, "Request_EntityChanged")


@evidence("3P")
def test_etags_are_weak_and_opaque(bc: Client) -> None:
    assert re.fullmatch(r'W/"JzIw[A-Za-z0-9+/]+=*"', bc.metadata()["@odata.etag"])


# Refusals


@evidence("3P")
def test_a_picture_cannot_be_inserted(bc: Client) -> None:
    message = refused(bc.post(PICTURE, json={}), 405, "BadRequest_MethodNotAllowed")
    assert message == "Entity does not support insert."


@evidence("GT")
def test_pictures_are_reached_through_their_item_only(bc: Client) -> None:
    for path in ("/pictures", f"/companies({CRONUS})/pictures"):
        message = refused(bc.get(path), 400, "Application_DialogException")
        assert message == "You must get to the parent first to get to the picture."


@evidence("INF")
def test_the_properties_of_a_picture_are_read_only(bc: Client) -> None:
    response = bc.patch(PICTURE, json={"width": 5}, headers={"If-Match": "*"})
    assert refused(response, 400, "BadRequest_InvalidOperation") == "Control 'width' is read-only."


@evidence("UNK")
def test_an_unknown_item_is_not_found(bc: Client) -> None:
    for path in (f"{ITEMS}({uuid4()})", f"{ITEMS}({uuid4()})/picture"):
        refused(bc.get(path), 404, "BadRequest_ResourceNotFound")


@evidence("DOC")
def test_an_unknown_company_is_not_found_whatever_is_asked_of_it(bc: Client) -> None:
    items = f"/companies({uuid4()})/items"
    refused(bc.get(items), 404, "Internal_CompanyNotFound")
    content = f"{items}({DESK})/picture/pictureContent"
    refused(bc.patch(content, picture(), headers=ANYTHING), 404, "Internal_CompanyNotFound")


@evidence("DOC")
def test_an_unknown_segment_is_not_found(bc: Client) -> None:
    refused(bc.get("/companys"), 404, "BadRequest_NotFound")
    refused(bc.get("/companies(CRONUS)/items"), 404, "BadRequest_NotFound")


@evidence("DOC")
def test_a_method_that_a_resource_does_not_take_is_refused(bc: Client) -> None:
    refused(bc.put(CONTENT, picture(), headers=ANYTHING), 405, "BadRequest_MethodNotAllowed")


# Bearer tokens


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic dXNlcjprZXk=",
        "Bearer ",
        "Bearer not.a.token",
        "Bearer " + token(aud="https://storage.azure.com"),
        "Bearer " + token(exp=int(time.time()) - 1),
        "Bearer " + token(nbf=int(time.time()) + 600),
        "Bearer " + token(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "Bearer " + jwt.encode({"aud": "https://api.businesscentral.dynamics.com"}, "", "none"),
    ],
    ids=["none", "basic", "empty", "garbage", "audience", "expired", "early", "foreign key", "unsigned"],
)
@evidence("LIVE")
def test_only_a_valid_token_is_accepted(bc: Client, authorization: str | None) -> None:
    bc.headers["Authorization"] = authorization
    response = bc.get("/companies")
    message = refused(response, 401, "Authentication_InvalidCredentials")
    assert message == "The server has rejected the client credentials."
    assert response.headers["WWW-Authenticate"] == "Bearer"


# Companies and items


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
    bc.patch(CONTENT, picture(), headers=ANYTHING)
    query = {"$filter": expression, "$select": "id,number", "$expand": "picture"}
    (item,) = bc.get(ITEMS, params=query).json()["value"]
    assert {"@odata.etag", "id", "number", "picture"} == set(item)
    assert (item["id"], item["picture"]["width"]) == (DESK, 40)


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
    refused(bc.get(ITEMS, params=mixed), 400, "BadRequest")


@evidence("DOC")
def test_a_literal_that_no_number_can_be_is_an_application_error(bc: Client) -> None:
    query = {"$filter": f"number eq '{'A' * 21}'"}
    message = refused(bc.get(ITEMS, params=query), 400, "Application_FilterErrorException")
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
    message = refused(bc.get(ITEMS, params=query), 404, "BadRequest_NotFound")
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
        {"$search": "desk"},
    ],
)
def test_a_query_that_makes_no_sense_is_a_bad_request(bc: Client, query: dict[str, str]) -> None:
    refused(bc.get(ITEMS, params=query), 400, "BadRequest")


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


# Many at once


def test_uploads_at_once_each_leave_one_medium(bc: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: bc.patch(CONTENT, picture(), headers=ANYTHING).status_code, range(24))
        )
    assert answers == [204] * 24
    assert bc.control("GET", f"/items/{DESK}").json()["media_stored"] == 24


def test_a_connection_stays_open_between_requests(bc: Client) -> None:
    connection = HTTPConnection(bc.base.split("/")[2], timeout=10)
    ports = set()
    for _ in range(3):
        connection.request("POST", "/_control/reset", b"", {"Content-Type": "application/json"})
        ports.add(connection.sock.getsockname())
        connection.getresponse().read()
    connection.close()
    assert len(ports) == 1


# The control API


def test_a_fault_meets_as_many_matching_requests_as_it_says(bc: Client) -> None:
    headers = {"Retry-After": "7"}
    bc.control("POST", "/faults", status=503, count=2, method="PATCH", path="pictureContent", headers=headers)
    assert bc.get(CONTENT.replace("/pictureContent", "")).status_code == 200
    for _ in range(2):
        response = bc.patch(CONTENT, picture(), headers=ANYTHING)
        refused(response, 503, "Internal_TenantUnavailable")
        assert response.headers["Retry-After"] == "7"
    assert (bc.metadata()["width"], bc.patch(CONTENT, picture(), headers=ANYTHING).status_code) == (0, 204)


def test_a_fault_without_count_lasts_until_the_reset(bc: Client) -> None:
    bc.control("POST", "/faults", status=429, count=None)
    assert [bc.get("/companies").status_code for _ in range(3)] == [429] * 3
    bc.control("POST", "/reset")
    assert bc.get("/companies").status_code == 200


def test_an_applied_fault_takes_effect_although_the_answer_says_otherwise(bc: Client) -> None:
    bc.control("POST", "/faults", status=504, code="GatewayTimeout", applied=True)
    refused(bc.patch(CONTENT, picture(), headers=ANYTHING), 504, "GatewayTimeout")
    assert picture() == bc.get(CONTENT).content


@pytest.mark.parametrize(("applied", "width"), [(True, 40), (False, 0)])
def test_a_dropped_connection_has_no_answer_and_the_effect_that_was_asked_for(
    bc: Client, applied: bool, width: int
) -> None:
    bc.control("POST", "/faults", drop=True, applied=applied, method="PATCH")
    with pytest.raises(requests.ConnectionError):
        bc.patch(CONTENT, picture(), headers=ANYTHING)
    assert width == bc.metadata()["width"]
    assert None is bc.log()["requests"][0]["status"]


def test_a_late_request_takes_effect_after_its_client_gave_up(bc: Client) -> None:
    bc.control("POST", "/latency", seconds=60, method="PATCH", path="picture")
    with pytest.raises(requests.ReadTimeout):
        requests.patch(bc.base + CONTENT, picture(), headers={**bc.headers, **ANYTHING}, timeout=(10, 0.05))
    until(lambda: bc.log()["in_flight"] == 1)
    bc.control("POST", "/latency", seconds=0)
    bc.patch(CONTENT, picture(size=(7, 5)), headers=ANYTHING)
    assert bc.metadata()["width"] == 7
    bc.control("DELETE", "/latency")
    until(lambda: bc.log()["in_flight"] == 0)
    assert bc.metadata()["width"] == 40


def test_a_reset_drops_the_requests_that_still_wait(bc: Client) -> None:
    bc.control("POST", "/latency", seconds=60, method="PATCH")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(
            requests.patch, bc.base + CONTENT, picture(), headers={**bc.headers, **ANYTHING}, timeout=10
        )
        until(lambda: bc.log()["in_flight"] == 1)
        bc.control("POST", "/reset")
        assert isinstance(late.exception(), requests.ConnectionError)
    assert bc.metadata()["width"] == 0


def test_the_log_tells_what_was_asked_and_never_the_token(bc: Client) -> None:
    headers = {"client-request-id": "1234", "User-Agent": "test", "Accept-Language": "en-US", **ANYTHING}
    bc.patch(CONTENT, picture(), headers=headers)
    bc.get(ITEMS, params={"$filter": "number eq 'A&B 50%'"})
    upload, search = bc.log()["requests"]
    assert ("PATCH", 204, "1234", "test", "en-US", "*", "application/octet-stream", len(picture())) == tuple(
        upload[name]
        for name in (
            "method", "status", "client_request_id", "user_agent", "accept_language", "if_match", "content_type",
            "content_length",
        )
    )  # fmt: skip
    assert search["query"] == {"$filter": "number eq 'A&B 50%'"}
    assert bc.headers["Authorization"].split()[1] not in bc.control("GET", "/requests").text
    bc.control("DELETE", "/requests")
    assert bc.log()["requests"] == []


def test_peak_concurrency_is_how_many_ran_at_once(bc: Client) -> None:
    bc.control("POST", "/latency", seconds=60)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(requests.get, bc.base + "/companies", timeout=10) for _ in range(3)]
        until(lambda: bc.log()["in_flight"] == 3)
        assert bc.log()["peak_concurrency"] == 3
        bc.control("POST", "/reset")
        assert all(call.exception() for call in calls)


def test_an_item_can_appear_change_and_disappear(bc: Client) -> None:
    added = bc.control(
        "POST", "/items", company_id=CRONUS, number="new-1", displayName="New", gtin="1"
    ).json()
    query = {"$filter": "number eq 'NEW-1'"}
    assert [added["id"]] == [item["id"] for item in bc.get(ITEMS, params=query).json()["value"]]
    bc.control("POST", "/items", company_id=CRONUS, number="NEW-1", displayName="Newer")
    assert [item["displayName"] for item in bc.get(ITEMS, params=query).json()["value"]] == ["Newer"]
    bc.control("DELETE", f"/items/{added['id']}")
    assert bc.get(ITEMS, params=query).json()["value"] == []


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("/faults", {"status": 200}),
        ("/faults", {"status": 500, "drop": True}),
        ("/faults", {"status": 500, "colour": "red"}),
        ("/latency", {"seconds": "long"}),
        ("/paging", {"page_size": "small"}),
        ("/items", {"number": "1"}),
    ],
)
def test_the_control_api_explains_what_it_does_not_understand(
    bc: Client, where: str, body: dict[str, object]
) -> None:
    response = bc.control("POST", where, **body)
    assert response.status_code == 400
    assert response.json()["problem"]


def test_no_web_site_reaches_the_simulator_through_a_name_of_its_own(bc: Client) -> None:
    assert bc.get(f"{bc.url}/_control/requests", headers={"Host": "attacker.example"}).status_code == 400
