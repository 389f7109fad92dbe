"""The simulator delays, refuses, drops and slows down requests, or applies them late, as a test says."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests

from tests.support.simulator_client import (
    CONTENT,
    DESK,
    ITEMS,
    UPLOAD_HEADERS,
    USER,
    Client,
    assert_refused,
    picture,
    token,
    wait_until,
)

evidence = pytest.mark.evidence


def test_a_fault_strikes_its_count_of_matching_requests(bc: Client) -> None:
    headers = {"Retry-After": "7"}
    bc.control("POST", "/faults", status=503, count=2, method="PATCH", path="pictureContent", headers=headers)
    assert bc.get(CONTENT.replace("/pictureContent", "")).status_code == 200
    for _ in range(2):
        response = bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS)
        assert_refused(response, 503, "Internal_TenantUnavailable")
        assert response.headers["Retry-After"] == "7"
    assert (bc.metadata()["width"], bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS).status_code) == (0, 204)


def test_a_fault_without_count_lasts_until_the_reset(bc: Client) -> None:
    bc.control("POST", "/faults", status=429, count=None)
    assert [bc.get("/companies").status_code for _ in range(3)] == [429] * 3
    bc.control("POST", "/reset")
    assert bc.get("/companies").status_code == 200


def test_a_fault_strikes_the_query_that_it_names(bc: Client) -> None:
    bc.control("POST", "/faults", status=500, query="eq '1896-S'", count=None)
    found = {number: bc.get(ITEMS, params={"$filter": f"number eq '{number}'"}) for number in ("1896-S", "1900-S")}
    assert {number: answer.status_code for number, answer in found.items()} == {"1896-S": 500, "1900-S": 200}


def test_an_applied_fault_takes_effect_despite_its_status(bc: Client) -> None:
    bc.control("POST", "/faults", status=504, code="GatewayTimeout", applied=True)
    assert_refused(bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS), 504, "GatewayTimeout")
    assert picture() == bc.get(CONTENT).content


@pytest.mark.parametrize(("applied", "width"), [(True, 40), (False, 0)])
def test_a_dropped_request_takes_effect_only_if_applied(bc: Client, applied: bool, width: int) -> None:
    bc.control("POST", "/faults", drop=True, applied=applied, method="PATCH")
    with pytest.raises(requests.ConnectionError):
        bc.patch(CONTENT, picture(), headers=UPLOAD_HEADERS)
    assert width == bc.metadata()["width"]
    assert None is bc.log()["requests"][0]["status"]


def test_a_slow_request_takes_effect_after_its_client_gave_up(bc: Client) -> None:
    bc.control("POST", "/latency", seconds=60, method="PATCH", path="picture")
    with pytest.raises(requests.ReadTimeout):
        requests.patch(bc.base + CONTENT, picture(), headers={**bc.headers, **UPLOAD_HEADERS}, timeout=(10, 0.05))
    wait_until(lambda: bc.log()["in_flight"] == 1)
    bc.control("POST", "/latency", seconds=0)
    bc.patch(CONTENT, picture(size=(7, 5)), headers=UPLOAD_HEADERS)
    assert bc.metadata()["width"] == 7
    bc.control("DELETE", "/latency")
    wait_until(lambda: bc.log()["in_flight"] == 0)
    assert bc.metadata()["width"] == 40


def test_a_reset_drops_waiting_requests(bc: Client) -> None:
    bc.control("POST", "/latency", seconds=60, method="PATCH")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            requests.patch, bc.base + CONTENT, picture(), headers={**bc.headers, **UPLOAD_HEADERS}, timeout=10
        )
        wait_until(lambda: bc.log()["in_flight"] == 1)
        bc.control("POST", "/reset")
        assert isinstance(slow.exception(), requests.ConnectionError)
    assert bc.metadata()["width"] == 0


@pytest.mark.parametrize(
    ("headers", "expected"), [({"Retry-After": "7"}, "7"), ({}, None), ({"Retry-After": "-1e9"}, "-1e9")]
)
def test_a_fault_sends_retry_after_as_set_or_not_at_all(
    bc: Client, headers: dict[str, str], expected: str | None
) -> None:
    bc.control("POST", "/faults", status=503, headers=headers)
    assert bc.get("/companies").headers.get("Retry-After") == expected


def test_chance_strikes_the_same_requests_for_the_same_seed(bc: Client) -> None:
    runs = []
    for seed in (1, 1, 2):
        bc.control("POST", "/reset")
        bc.control("POST", "/faults", status=503, count=None, probability=0.3, seed=seed)
        runs.append([bc.get("/companies").status_code for _ in range(40)])
    assert runs[0] == runs[1] != runs[2]
    assert 4 < runs[0].count(503) < 20


def test_a_connection_can_be_dropped_before_the_body_is_read(bc: Client) -> None:
    bc.control("POST", "/faults", drop="unread", method="PATCH")
    body = HesitantBody(bc, 1 << 20)
    with pytest.raises(requests.ConnectionError):
        bc.patch(CONTENT, body, headers=UPLOAD_HEADERS)
    assert bc.log()["requests"][-1]["status"] is None
    assert bc.upload(picture()).status_code == 204


class HesitantBody:
    """Sends the first part of a body at once, and the rest only after the request was answered or dropped."""

    def __init__(self, bc: Client, size: int) -> None:
        self._url, self._size = bc.url, size

    def __iter__(self) -> Iterator[bytes]:
        with Client(self._url) as second:
            yield bytes(self._size)
            wait_until(lambda: second.log()["requests"])
            for _ in range(64):
                yield bytes(self._size)


# Slow bodies


def test_a_slow_answer_arrives_as_the_clock_advances(bc: Client) -> None:
    bc.put_pictures(picture())
    bc.control("POST", "/speed", answer=100, method="GET")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(bc.get, bc.api.content)
        with Client(bc.url) as second:
            wait_until(lambda: second.log()["requests"])
            assert not slow.done()
            while not slow.done():
                second.advance(1)
        assert slow.result().content == picture()


def test_a_slow_request_is_not_handled_before_it_is_read(bc: Client) -> None:
    bc.control("POST", "/speed", request=100, method="PATCH")
    with ThreadPoolExecutor(1) as pool, Client(bc.url) as second:
        slow = pool.submit(bc.upload, picture())
        wait_until(lambda: second.log()["in_flight"] == 1)
        assert second.metadata()["width"] == 0
        while not slow.done():
            second.advance(1)
        assert (slow.result().status_code, second.metadata()["width"]) == (204, 40)


# Late writes


@pytest.mark.parametrize("answer", [{"status": 504}, {"drop": True}], ids=["answered", "dropped"])
def test_a_late_write_applies_minutes_after_its_answer(bc: Client, answer: dict[str, object]) -> None:
    bc.control("POST", "/faults", **answer, applied="later", delay=300, method="PATCH")
    with suppress(requests.ConnectionError):
        assert bc.upload(picture()).status_code == 504
    assert bc.upload(picture(size=(7, 5))).status_code == 204
    bc.advance(299)
    assert bc.metadata()["width"] == 7
    bc.advance(1)
    assert bc.metadata()["width"] == 40


def test_a_late_write_due_inside_a_request_frees_its_turn(bc: Client) -> None:
    """More requests than one user may run at once: each applies a write that fell due, and the next still runs."""
    for number in range(7):
        bc.control("POST", "/faults", status=504, applied="later", delay=0, method="PATCH")
        assert bc.upload(picture(size=(20 + number, 9))).status_code == 504
        assert bc.metadata()["width"] == 20 + number
    assert bc.control("GET", "/limits").json()["users"][USER]["running"] == 0
    assert bc.log()["in_flight"] == 0
    assert [entry["status"] for entry in bc.log()["requests"]] == [504, 200] * 7


def test_a_failing_late_write_leaves_the_request_alone(bc: Client) -> None:
    bc.control("POST", "/faults", status=504, applied="later", delay=0, method="PATCH")
    bc.upload(picture())
    bc.control("DELETE", f"/items/{DESK}")
    assert bc.get("/companies").status_code == 200
    assert bc.control("GET", "/limits").json()["users"][USER]["running"] == 0


def test_a_late_write_without_delay_waits_for_the_test(bc: Client) -> None:
    bc.control("POST", "/faults", drop=True, applied="later", method="PATCH")
    with pytest.raises(requests.ConnectionError):
        bc.upload(picture())
    bc.advance(86_400)
    (pending,) = bc.control("GET", "/late").json()["pending"]
    assert (pending["method"], pending["seconds"]) == ("PATCH", None)
    bc.headers["Authorization"] = f"Bearer {token(exp=int(time.time()) + 100_000)}"
    assert bc.metadata()["width"] == 0
    assert bc.control("POST", "/late").json() == {"applied": 1}
    assert (bc.metadata()["width"], bc.control("GET", "/late").json()) == (40, {"pending": []})


def test_late_writes_apply_in_the_order_of_their_due_times(bc: Client) -> None:
    for delay, size in ((20, (20, 20)), (10, (10, 10))):
        bc.control("POST", "/faults", status=504, applied="later", delay=delay)
        bc.upload(picture(size=size))
    bc.advance(60)
    assert bc.metadata()["width"] == 20


def test_a_reset_forgets_late_writes(bc: Client) -> None:
    bc.control("POST", "/faults", status=504, applied="later")
    bc.upload(picture())
    bc.control("POST", "/reset")
    assert bc.control("POST", "/late").json() == {"applied": 0}
    assert bc.metadata()["width"] == 0


def test_an_unauthorised_write_is_never_applied(bc: Client) -> None:
    bc.control("POST", "/faults", status=504, applied="later")
    requests.patch(bc.base + CONTENT, picture(), headers=UPLOAD_HEADERS, timeout=10)
    assert bc.control("POST", "/late").json() == {"applied": 0}
