"""Requests to Business Central wait, repeat and reuse connections as promised, whatever the server does."""

from pathlib import Path

import pytest

from shared.business_central.companies import Company
from shared.business_central.connections import IDLE_MAX, new_session
from shared.business_central.http import ANSWER_MAX
from shared.business_central.items import Item
from shared.business_central.retries import WAIT_TOTAL, Throttle
from shared.errors import Reason, Throttled, Transient
from shared.item_record import BEGIN_WITHIN
from shared.paths import ItemKey, KeyKind
from tests.business_central.misbehaving_server import client, document, serving
from tests.support.local_stack import ManualClock

COMPANY = Company("ed8c4463-bbf3-5e8d-8254-829373e2e2dd", "CRONUS", "CRONUS")
ITEM = Item(COMPANY, "f61949dd-c5e1-5f1c-ba9f-058c838c1a04", "1896-S", has_picture=False)


def test_a_connection_that_idled_too_long_is_not_reused() -> None:
    with serving(lambda _path: document({})) as server:
        distrustful, trusting = new_session(Throttle(), idle_max=0), new_session(Throttle())
        for session in (distrustful, distrustful, trusting, trusting):
            session.get(server.url, timeout=5).close()
    ports = [port for _, port, _ in server.seen]
    assert ports[0] != ports[1]
    assert ports[2] == ports[3]
    assert IDLE_MAX == 30


def test_over_tls_a_connection_that_idled_too_long_is_not_reused(tmp_path: Path) -> None:
    with serving(lambda _path: document({}), tls=tmp_path) as server:
        for idle_max in (0, 30):
            session = new_session(Throttle(), idle_max)
            for _ in range(2):
                session.get(server.url, timeout=5, verify=str(tmp_path / "loopback.pem")).close()
    ports = [port for _, port, _ in server.seen]
    assert ports[0] != ports[1]
    assert ports[2] == ports[3]


def test_a_patch_to_an_untrusted_server_is_not_repeated(tmp_path: Path) -> None:
    clock = ManualClock()
    with serving(lambda _path: document({}), tls=tmp_path) as server, pytest.raises(Transient) as failure:
        client(server, clock).upload_picture(ITEM, b"picture", "x")
    assert failure.value.reason is Reason.BC_NO_ANSWER
    assert "CERTIFICATE_VERIFY_FAILED" in failure.value.detail
    assert (server.seen, clock.slept) == ([], [])


def test_a_redirect_is_not_followed_and_gets_no_token() -> None:
    with serving(lambda _path: document({})) as elsewhere:
        to_elsewhere = (307, {"Location": f"{elsewhere.url}/api/v2.0/companies"}, b"")
        with serving(lambda _path: to_elsewhere) as server:
            bc = client(server, ManualClock())
            for attempt in (
                lambda: bc.company("CRONUS", "x"),
                lambda: bc.upload_picture(ITEM, b"picture", "x"),
            ):
                with pytest.raises(Transient) as failure:
                    attempt()
                assert failure.value.reason is Reason.BC_REFUSED
    assert elsewhere.seen == []


def test_the_next_page_comes_from_the_configured_origin() -> None:
    """On-premises links name the internal host: only their path counts."""
    second = {"value": [{"id": COMPANY.id, "name": "CRONUS", "displayName": "CRONUS"}]}
    first = {"value": [], "@odata.nextLink": "https://internal-host:7048/api/v2.0/companies?$skiptoken=1"}
    with serving(lambda path: document(second if "skiptoken" in path else first)) as server:
        assert client(server, ManualClock()).company("CRONUS", "x") == COMPANY
    assert [path for path, _, _ in server.seen][1] == "/api/v2.0/companies?$skiptoken=1"
    assert {token for _, _, token in server.seen} == {"Bearer the-token"}


def test_endless_pages_come_to_an_end_and_tell_of_no_company_that_it_is_missing() -> None:
    with serving(lambda path: document({"value": [], "@odata.nextLink": path})) as server:
        with pytest.raises(Transient, match=r"companies.* has more than 100 pages") as failure:
            client(server, ManualClock()).company("CRONUS", "x")
        assert failure.value.reason is Reason.BC_REFUSED
        assert len(server.seen) == 100


@pytest.mark.parametrize("status", [200, 201, 202, 203, 302, 304])
def test_only_a_204_means_that_the_picture_was_written(status: int) -> None:
    """A gateway's login page also answers 200."""
    with serving(lambda _path: (status, {}, b"")) as server, pytest.raises(Transient) as failure:
        client(server, ManualClock()).upload_picture(ITEM, b"picture", "x")
    assert failure.value.reason is (Reason.BC_NO_ANSWER if status < 300 else Reason.BC_REFUSED)


@pytest.mark.parametrize(
    "entry",
    [
        {"id": None, "number": "1896-S"},
        {"id": "nonsense", "number": "1896-S"},
        {"id": ITEM.id, "number": "1900-S"},
        {"number": "1896-S"},
        "1896-S",
    ],
)
def test_an_item_that_we_did_not_ask_for_is_refused(entry: object) -> None:
    """Its picture would be replaced."""
    key = ItemKey(None, KeyKind.NUMBER, "1896-S")
    with serving(lambda _path: document({"value": [entry]})) as server, pytest.raises(Transient) as failure:
        client(server, ManualClock()).item(COMPANY, key, "x")
    assert failure.value.reason is Reason.BC_REFUSED


def test_two_items_with_one_number_are_not_the_pictures_fault() -> None:
    entries = {"value": [{"id": ITEM.id, "number": "1896-S"}] * 2}
    with serving(lambda _path: document(entries)) as server, pytest.raises(Transient) as failure:
        client(server, ManualClock()).item(COMPANY, ItemKey(None, KeyKind.NUMBER, "1896-S"), "x")
    assert failure.value.reason is Reason.BC_REFUSED


@pytest.mark.parametrize("picture", ["x", [], {"width": "wide"}, None])
def test_a_garbled_picture_entity_does_not_stop_an_upload(picture: object) -> None:
    entry = {"id": ITEM.id, "number": "1896-S", "picture": picture}
    with serving(lambda _path: document({"value": [entry]})) as server:
        assert client(server, ManualClock()).item(COMPANY, ItemKey(None, KeyKind.NUMBER, "1896-S"), "x").id == ITEM.id


@pytest.mark.parametrize("link", ["http://[bad", "companies?$skiptoken=1"])
def test_a_relative_or_broken_next_link_leads_nowhere_else(link: str) -> None:
    first = {"value": [], "@odata.nextLink": link}
    second = {"value": [{"id": COMPANY.id, "name": "CRONUS", "displayName": "CRONUS"}]}
    with serving(lambda path: document(second if "skiptoken" in path else first)) as server:
        if link.startswith("http"):
            with pytest.raises(Transient, match="is not a link"):
                client(server, ManualClock()).company("CRONUS", "x")
        else:
            assert client(server, ManualClock()).company("CRONUS", "x") == COMPANY
            assert server.seen[-1][0] == "/api/v2.0/companies?$skiptoken=1"


def test_an_oversized_answer_is_not_read_to_its_end() -> None:
    with (
        serving(lambda _path: (200, {}, b" " * (ANSWER_MAX + 1))) as server,
        pytest.raises(Transient) as failure,
    ):
        client(server, ManualClock()).company("CRONUS", "x")
    assert failure.value.reason is Reason.BC_UNAVAILABLE


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"value": 1}', b'{"value": [{}]}', b"[" * 100_000])
def test_an_answer_that_is_not_bcs_is_transient(body: bytes) -> None:
    with serving(lambda _path: (200, {}, body)) as server, pytest.raises(Transient) as failure:
        client(server, ManualClock()).company("CRONUS", "x")
    assert failure.value.reason is Reason.BC_REFUSED


def test_a_refusal_of_one_request_slows_all_down() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    first, second = new_session(throttle), new_session(throttle)
    refusals = [(429, {"Retry-After": "5"}, b"")]
    with serving(lambda _path: refusals.pop() if refusals else document({})) as server:
        throttle.pause_for(3)
        first.get(server.url, timeout=5).close()
        second.get(server.url, timeout=5).close()
    assert clock.slept == [3.0, 5.0]


def test_every_wait_is_jittered() -> None:
    clock = ManualClock()
    throttle = Throttle(clock.sleep, clock, lambda: 1.0)
    refusals = [(503, {}, b""), (429, {"Retry-After": "4"}, b"")]
    with serving(lambda _path: refusals.pop() if refusals else document({})) as server:
        new_session(throttle).get(server.url, timeout=5).close()
    assert clock.slept == [4 * 1.25, 1 * 1.25]


def test_a_long_pause_does_not_extend_the_longest_wait() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    throttle.pause_for(3600)
    assert throttle.wait(WAIT_TOTAL) == WAIT_TOTAL


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_failed_connection_is_retried_for_every_method(method: str) -> None:
    """Nothing was sent, so even a PATCH is safe to repeat: the server appears while the client waits."""
    with serving(lambda _path: document({})) as stopped:
        port = stopped.server_port
    clock, appearing = ManualClock(), []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if not appearing:
            appearing.append(serving(lambda _path: document({}), port))
            appearing[0].__enter__()

    try:
        session = new_session(Throttle(sleep, clock, lambda: 0.0))
        answer = session.request(method, f"http://127.0.0.1:{port}", timeout=5)
        assert answer.status_code == 200
        assert clock.slept == [0.5]
        answer.close()
    finally:
        appearing[0].__exit__(None, None, None)


def test_cookies_of_one_upload_do_not_reach_the_next() -> None:
    with serving(lambda _path: (200, {"Set-Cookie": "session=1; Path=/"}, b"{}")) as server:
        session = new_session(Throttle())
        session.get(server.url, timeout=5).close()
    assert len(session.cookies) == 0


@pytest.mark.parametrize(
    ("status", "seconds"),
    [(429, 0), (429, 12), (503, 0), (502, 1), (504, 0), (504, 15), (504, 55), (401, 5), (401, 40)],
)
@pytest.mark.parametrize("read", ["picture", "item"])
def test_a_read_under_a_claim_waits_no_longer_than_a_write(read: str, status: int, seconds: float) -> None:
    """BC takes so long for each answer. No attempt begins once the read has taken 20 s, whatever for."""
    clock, began = ManualClock(), list[float]()

    def answer(_path: str) -> tuple[int, dict[str, str], bytes]:
        began.append(clock.now)
        clock.now += seconds
        return status, {}, b""

    with serving(answer) as server:
        bc, key = client(server, clock), ItemKey(None, KeyKind.ID, ITEM.id)
        reads = {
            "picture": lambda: bc.picture(ITEM, "x", BEGIN_WITHIN),
            "item": lambda: bc.item(COMPANY, key, "x", BEGIN_WITHIN),
        }
        with pytest.raises(Transient):
            reads[read]()
    assert max(began) <= WAIT_TOTAL
    assert clock.now <= WAIT_TOTAL + seconds


def test_a_read_begins_in_time_for_its_claim_or_not_at_all() -> None:
    clock = ManualClock()
    with serving(lambda _path: document({})) as server, pytest.raises(Transient) as failure:
        client(server, clock).picture(ITEM, "x", clock.now - 1)
    assert failure.value.reason is Reason.BC_UNAVAILABLE
    assert server.seen == []


def test_a_read_after_one_under_a_claim_is_patient_again() -> None:
    """BC refuses for two minutes: that is no matter for a read without a claim."""
    clock = ManualClock()
    with serving(lambda _path: (429, {}, b"") if clock.now < 120 else document({})) as server:
        bc = client(server, clock)
        with pytest.raises(Throttled):
            bc.picture(ITEM, "x", clock.now + BEGIN_WITHIN)
        assert clock.now <= WAIT_TOTAL
        assert bc.picture(ITEM, "x") == b"{}"
