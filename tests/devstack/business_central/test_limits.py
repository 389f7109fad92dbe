"""The simulator limits each user's running, queued and total requests and their time, as BC does."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from devstack.business_central.assumptions import Assumption
from tests.support.simulator_client import (
    USER,
    Client,
    assert_refused,
    assumptions,
    picture,
    wait_until,
)

evidence = pytest.mark.evidence
HOUR = 3600.0


class Callers:
    """Sends requests at the same time, each on its own connection."""

    def __init__(self, bc: Client, pool: ThreadPoolExecutor) -> None:
        self._bc, self._pool = bc, pool

    def start(self, count: int = 1, user: str = USER) -> list[Future[requests.Response]]:
        """Start to read the companies ``count`` times."""
        return [self._pool.submit(self._call, user) for _ in range(count)]

    def _call(self, user: str) -> requests.Response:
        with Client(self._bc.url, user=user) as client:
            return client.get("/companies", timeout=30)

    def under_way(self, user: str = USER) -> tuple[int, int]:
        """Return how many run and how many are queued."""
        load = self._bc.control("GET", "/limits").json()["users"].get(user, {"running": 0, "queued": 0})
        return load["running"], load["queued"]


@contextmanager
def callers(bc: Client) -> Iterator[Callers]:
    with ThreadPoolExecutor(130) as pool:
        yield Callers(bc, pool)
        bc.control("DELETE", "/latency")


@evidence("DOC")
def test_five_run_ninety_five_wait_and_the_next_is_refused(bc: Client) -> None:
    bc.control("POST", "/latency", seconds=HOUR, path="/companies")
    with callers(bc) as calls:
        admitted = calls.start(100)
        wait_until(lambda: calls.under_way() == (5, 95))
        response = bc.get("/companies")
        assert_refused(response, 429, "Application_TooManyRequests")
        assert "Retry-After" not in response.headers
        bc.control("DELETE", "/latency")
        assert {call.result().status_code for call in admitted} == {200}
    assert calls.under_way() == (0, 0)


@evidence("DOC")
def test_each_user_has_separate_limits(bc: Client) -> None:
    bc.control("POST", "/limits", running=1, queued=0)
    bc.control("POST", "/latency", seconds=HOUR, path="/companies")
    with callers(bc) as calls:
        calls.start()
        wait_until(lambda: calls.under_way() == (1, 0))
        colleague = calls.start(user="another")
        wait_until(lambda: calls.under_way("another") == (1, 0))
        assert bc.get("/companies").status_code == 429
        bc.control("DELETE", "/latency")
        assert colleague[0].result().status_code == 200


@evidence("DOC")
def test_running_and_queued_connections_share_one_limit(bc: Client) -> None:
    bc.control("POST", "/limits", running=1, queued=95, connections=2)
    bc.control("POST", "/latency", seconds=HOUR, path="/companies")
    with callers(bc) as calls:
        calls.start(2)
        wait_until(lambda: calls.under_way() == (1, 1))
        assert bc.get("/companies").status_code == 429


@evidence("DOC")
def test_a_request_that_queues_too_long_gets_retry_after(bc: Client) -> None:
    bc.control("POST", "/limits", running=1, operation_seconds=HOUR, gateway_seconds=HOUR)
    bc.control("POST", "/latency", seconds=HOUR, path="/companies")
    with callers(bc) as calls:
        calls.start()
        wait_until(lambda: calls.under_way() == (1, 0))
        (queued,) = calls.start()
        wait_until(lambda: calls.under_way() == (1, 1))
        bc.advance(479)
        assert calls.under_way() == (1, 1)
        bc.advance(2)
        assert_refused(queued.result(), 503, "Internal_TenantUnavailable")
        assert queued.result().headers["Retry-After"] == "10"


@evidence("DOC")
def test_6000_requests_fit_into_a_sliding_five_minutes(bc: Client) -> None:
    assert bc.control("GET", "/limits").json()["limits"]["requests"] == 6000
    bc.control("POST", "/limits", requests=3)
    assert bc.get("/companies").status_code == 200
    bc.advance(200)
    assert [bc.get("/companies").status_code for _ in range(3)] == [200, 200, 429]
    bc.advance(101)
    assert [bc.get("/companies").status_code for _ in range(2)] == [200, 429]


@evidence("UNK")
def test_refused_requests_do_not_count(bc: Client) -> None:
    bc.control("POST", "/limits", requests=1)
    bc.get("/companies")
    bc.advance(299)
    response = bc.get("/companies")
    assert_refused(response, 429, "Application_TooManyRequests")
    assert assumptions(response) == {Assumption.THROTTLED}
    bc.advance(2)
    assert bc.get("/companies").status_code == 200


@evidence("DOC")
@pytest.mark.parametrize(("seconds", "status"), [(479, 204), (481, 408)])
def test_an_operation_takes_eight_minutes_at_most(bc: Client, seconds: float, status: int) -> None:
    bc.control("POST", "/latency", seconds=seconds, method="PATCH")
    with ThreadPoolExecutor(1) as pool, Client(bc.url) as second:
        call = pool.submit(bc.upload, picture(), timeout=30)
        wait_until(lambda: second.log()["in_flight"] == 1)
        second.advance(482)
        assert call.result().status_code == status
        second.advance(HOUR / 2)
        assert second.metadata()["width"] == (40 if status == 204 else 0)


@evidence("INF")
def test_bc_still_writes_after_the_gateway_gives_up(bc: Client) -> None:
    """Six minutes in the queue, then seven in BC: the gateway's ten minutes end before the write."""
    bc.control("POST", "/limits", running=1)
    bc.control("POST", "/latency", seconds=HOUR, path="/companies")
    with callers(bc) as calls:
        calls.start()
        wait_until(lambda: calls.under_way() == (1, 0))
        bc.advance(120)
        with ThreadPoolExecutor(1) as pool, Client(bc.url) as second:
            bc.control("POST", "/latency", seconds=420, method="PATCH")
            call = pool.submit(second.upload, picture(), timeout=30)
            wait_until(lambda: calls.under_way() == (1, 1))
            bc.advance(361)  # the first request has run for its eight minutes
            wait_until(lambda: calls.under_way() == (1, 0))
            bc.advance(240)
            assert_refused(call.result(), 504, "GatewayTimeout")
            assert assumptions(call.result()) == {Assumption.TIMED_OUT}
    assert len(bc.control("GET", "/late").json()["pending"]) == 1
    assert bc.metadata()["width"] == 0
    bc.advance(182)
    assert bc.metadata()["width"] == 40


def test_limits_can_be_switched_off(bc: Client) -> None:
    bc.control("POST", "/limits", enabled=False, running=0, requests=0)
    assert bc.get("/companies").status_code == 200


def test_a_test_chooses_retry_after(bc: Client) -> None:
    bc.control("POST", "/limits", requests=0, retry_after={"429": "86400"})
    assert bc.get("/companies").headers["Retry-After"] == "86400"


def test_a_reset_drops_queued_requests(bc: Client) -> None:
    bc.control("POST", "/limits", running=1)
    bc.control("POST", "/latency", seconds=HOUR, path="/companies")
    with callers(bc) as calls:
        waiting = calls.start(3)
        wait_until(lambda: calls.under_way() == (1, 2))
        bc.control("POST", "/reset")
        assert all(isinstance(call.exception(), requests.ConnectionError) for call in waiting)
    assert bc.get("/companies").status_code == 200
