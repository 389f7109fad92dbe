"""Tests can arrange the simulator's catalogues and clock through the control API, and read its log."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.client import HTTPConnection

import pytest
import requests

from tests.support.simulator_client import (
    CONTENT,
    CRONUS,
    DESK,
    ITEMS,
    UPLOAD_HEADERS,
    Client,
    assert_refused,
    picture,
    token,
    wait_until,
)

evidence = pytest.mark.evidence


def test_concurrent_uploads_each_store_one_medium(bc: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS).status_code, range(24)))
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


def test_the_log_records_requests_but_never_the_token(bc: Client) -> None:
    headers = {"client-request-id": "1234", "User-Agent": "test", "Accept-Language": "en-US", **UPLOAD_HEADERS}
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


def test_peak_concurrency_counts_simultaneous_requests(bc: Client) -> None:
    bc.control("POST", "/latency", seconds=60)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(requests.get, bc.base + "/companies", timeout=10) for _ in range(3)]
        wait_until(lambda: bc.log()["in_flight"] == 3)
        assert bc.log()["peak_concurrency"] == 3
        bc.control("POST", "/reset")
        assert all(call.exception() for call in calls)


def test_an_item_can_appear_change_and_disappear(bc: Client) -> None:
    added = bc.control("POST", "/items", company_id=CRONUS, number="new-1", displayName="New", gtin="1").json()
    query = {"$filter": "number eq 'NEW-1'"}
    assert [added["id"]] == [item["id"] for item in bc.get(ITEMS, params=query).json()["value"]]
    bc.control("POST", "/items", company_id=CRONUS, number="NEW-1", displayName="Newer")
    assert [item["displayName"] for item in bc.get(ITEMS, params=query).json()["value"]] == ["Newer"]
    bc.control("DELETE", f"/items/{added['id']}")
    assert bc.get(ITEMS, params=query).json()["value"] == []


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/faults", {"status": 200}, "status must be an error (400 to 599), not 200"),
        ("/faults", {"status": 500, "drop": True}, "either status or drop"),
        ("/faults", {"status": 500, "colour": "red"}, "'colour'"),
        ("/faults", {"drop": "unread", "applied": True}, "a request whose body is not read cannot be applied"),
        ("/faults", {"status": 504, "applied": "sometimes"}, "not 'sometimes'"),
        ("/latency", {"seconds": "long"}, "'long'"),
        ("/speed", {"answer": -1}, "bytes per second cannot be negative"),
        ("/clock", {"advance": -1}, "cannot advance by -1.0 seconds"),
        ("/limits", {"running": -1}, "a limit cannot be negative"),
        ("/permissions", {"permission": "Fly"}, "not 'Fly'"),
        ("/paging", {"page_size": "small"}, "'small'"),
        ("/items", {"number": "1"}, "'company_id' is missing"),
    ],
)
def test_the_control_api_explains_invalid_bodies(bc: Client, path: str, body: dict[str, object], problem: str) -> None:
    response = bc.control("POST", path, **body)
    assert response.status_code == 400
    assert problem in response.json()["problem"]


def test_a_foreign_host_name_is_refused(bc: Client) -> None:
    assert bc.get(f"{bc.url}/_control/requests", headers={"Host": "attacker.example"}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("verb", "path"), [("POST", "/reset"), ("POST", "/late"), ("DELETE", "/requests")])
def test_a_foreign_page_changes_nothing(bc: Client, verb: str, path: str, headers: dict[str, str]) -> None:
    bc.control("POST", "/faults", status=504, applied="later", delay=None, method="PATCH")
    bc.upload(picture())
    assert bc.request(verb, f"{bc.url}/_control{path}", headers=headers).status_code == 403
    assert len(bc.control("GET", "/late").json()["pending"]) == 1
    assert len(bc.log()["requests"]) == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_bodies_that_any_page_may_send_are_refused(bc: Client, kind: str) -> None:
    url = f"{bc.url}/_control/clock"
    assert bc.post(url, b'{"advance": 60}', headers={"Content-Type": kind}).status_code == 415
    assert bc.post(f"{bc.url}/_control/reset", b"", headers={"Content-Type": kind}).status_code == 415
    assert bc.get(url).json()["ahead"] == 0


def test_own_pages_and_reading_stay_allowed(bc: Client) -> None:
    own = {"Origin": bc.url, "Sec-Fetch-Site": "same-origin"}
    assert bc.post(f"{bc.url}/_control/reset", headers=own).status_code == 204
    foreign = {"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site"}
    assert bc.get(f"{bc.url}/_control/requests", headers=foreign).status_code == 200


def test_a_company_can_disappear(bc: Client) -> None:
    bc.control("DELETE", f"/companies/{CRONUS}")
    assert_refused(bc.get(ITEMS), 404, "Internal_CompanyNotFound")
    bc.control("POST", "/reset")
    assert bc.get(ITEMS).status_code == 200


def test_companies_and_items_can_be_added_to_production(bc: Client) -> None:
    company = bc.control("POST", "/companies", name="New", environment="production").json()
    item = bc.control("POST", "/items", company_id=company["id"], number="1").json()
    path = f"/companies({company['id']})/items({item['id']})"
    assert_refused(bc.get(path), 404, "Internal_CompanyNotFound")
    assert bc.get(f"{bc.url}/v2.0/tenant/production/api/v2.0{path}").json()["number"] == "1"


@evidence("GT")
def test_the_first_picture_is_served_and_an_upload_leaves_one(bc: Client) -> None:
    item = bc.put_pictures(picture(size=(9, 9)), picture("PNG"), picture(colour="red")).json()
    assert [medium["contentType"] for medium in item["pictures"]] == ["image/jpeg", "image/png", "image/jpeg"]
    assert (bc.metadata()["width"], bc.content()) == (9, picture(size=(9, 9)))
    bc.upload(picture())
    item = bc.control("GET", f"/items/{DESK}").json()
    assert (item["media_stored"], len(item["pictures"]), item["picture"]["width"]) == (4, 1, 40)


def test_bcs_timestamps_follow_the_simulated_clock(bc: Client) -> None:
    before = datetime.fromisoformat(bc.item()["lastModifiedDateTime"])
    bc.advance(86_400 * 400)
    bc.headers["Authorization"] = f"Bearer {token(exp=int(time.time()) + 86_400 * 500)}"
    bc.upload(picture())
    after = datetime.fromisoformat(bc.item()["lastModifiedDateTime"])
    assert abs(after - before - timedelta(days=400)) < timedelta(minutes=1)
    assert bc.control("GET", "/clock").json()["ahead"] == 86_400 * 400
    bc.control("POST", "/reset")
    assert bc.control("GET", "/clock").json()["ahead"] == 0
    assert abs(datetime.fromisoformat(bc.item()["lastModifiedDateTime"]) - before) < timedelta(minutes=1)
