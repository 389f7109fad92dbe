"""Conditions that last for a while, end without a reset, and leave a history behind."""

from base64 import b64decode

import pytest

from tests.support.simulator_client import CONTENT, CRONUS, DESK, ITEMS, UPLOAD_HEADERS, Client, assert_refused, picture

NORDWIND = "1bf1090c-4e3d-538c-879b-a3a4bfde73af"


def test_faults_end_without_a_reset(bc: Client) -> None:
    bc.put_pictures(picture())
    bc.control("POST", "/faults", status=503, count=None)
    assert bc.get("/companies").status_code == 503
    bc.control("DELETE", "/faults")
    assert bc.content() == picture()


def test_an_absent_company_comes_back_with_its_pictures(bc: Client) -> None:
    bc.put_pictures(picture())
    bc.control("POST", f"/companies/{CRONUS}/absence", absent=True)
    assert_refused(bc.get(CONTENT), 404, "Internal_CompanyNotFound")
    assert CRONUS not in {company["id"] for company in bc.get("/companies").json()["value"]}
    bc.control("POST", f"/companies/{CRONUS}/absence", absent=False)
    assert bc.content() == picture()


def test_a_permission_is_denied_at_one_path_only(bc: Client) -> None:
    bc.control("POST", "/permissions", permission="Read", status=403, path=CRONUS)
    assert bc.get(ITEMS).status_code == 403
    assert bc.get(ITEMS.replace(CRONUS, NORDWIND)).status_code == 200


def test_every_write_of_a_picture_is_remembered(bc: Client) -> None:
    first, second = picture(colour="red"), picture(colour="blue")
    bc.put_pictures(first)
    bc.patch(CONTENT, second, headers={**UPLOAD_HEADERS, "client-request-id": "mine"})
    bc.patch(CONTENT, b"no picture", headers=UPLOAD_HEADERS)
    writes = bc.control("GET", f"/items/{DESK}/writes").json()["writes"]
    stored = [(write["client_request_id"], b64decode(write["content"])) for write in writes]
    assert stored == [(None, first), ("mine", second)]


@pytest.mark.parametrize(("after", "paths"), [(0, 3), (1, 2), (3, 0), (9, 0)])
def test_the_log_can_be_read_on_from_a_number(bc: Client, after: int, paths: int) -> None:
    before = bc.control("GET", "/requests").json()["requests"]
    start = before[-1]["number"] if before else 0
    bc.control("DELETE", "/requests")
    for _ in range(3):
        bc.get("/companies")
    numbers = [request["number"] for request in bc.log()["requests"]]
    base = numbers[0] - 1
    assert base >= start
    assert numbers == [base + 1, base + 2, base + 3]
    later = bc.control("GET", f"/requests?after={base + after}").json()["requests"]
    assert [request["number"] for request in later] == numbers[after:][:paths]
