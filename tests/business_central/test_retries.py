"""How requests to Business Central wait, are repeated and reuse connections, against servers that misbehave."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken

from devstack.machine import certificates
from shared.business_central.client import BusinessCentral, Company, Item
from shared.business_central.http import ANSWER_MAX, HttpClient, Timeouts
from shared.business_central.retries import IDLE_MAX, WAIT_TOTAL, Throttle, session
from shared.errors import Reason, Transient
from shared.paths import ItemKey, KeyKind
from tests.support.local_stack import ManualClock

COMPANY = Company("ed8c4463-bbf3-5e8d-8254-829373e2e2dd", "CRONUS", "CRONUS")
ITEM = Item(COMPANY, "f61949dd-c5e1-5f1c-ba9f-058c838c1a04", "1896-S", has_picture=False)
Answer = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers what ``answer`` says, and remembers which connection each request came by, and what it carried."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str], Answer], port: int = 0) -> None:
        self.seen: list[tuple[str, int, str | None]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen.append((self.path, self.client_address[1], self.headers.get("Authorization")))
                status, headers, body = answer(self.path)
                self.send_response_only(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PATCH = _any  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(answer: Callable[[str], Answer], port: int = 0, tls: Path | None = None) -> Iterator[Server]:
    server = Server(answer, port)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificates.make(tls))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Credential:
    """Stands for an identity where the token is not what a test is about."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("the-token", 4_000_000_000)


def client(server: Server, clock: ManualClock) -> BusinessCentral:
    throttle = clock.throttle()
    return BusinessCentral(
        f"{server.url}/api/v2.0", "v2.0", HttpClient(Credential(), throttle, Timeouts()), throttle.clock
    )


def document(body: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


def test_a_connection_that_was_idle_too_long_is_not_used_again() -> None:
    with serving(lambda _path: document({})) as server:
        distrustful, trusting = session(Throttle(), idle_max=0), session(Throttle())
        for each in (distrustful, distrustful, trusting, trusting):
            each.get(server.url, timeout=5).close()
    ports = [port for _, port, _ in server.seen]
    assert ports[0] != ports[1]
    assert ports[2] == ports[3]
    assert IDLE_MAX == 30


def test_a_connection_that_was_idle_too_long_is_not_used_again_over_tls(tmp_path: Path) -> None:
    with serving(lambda _path: document({}), tls=tmp_path) as server:
        for idle_max in (0, 30):
            made = session(Throttle(), idle_max)
            for _ in range(2):
                made.get(server.url, timeout=5, verify=str(tmp_path / "loopback.pem")).close()
    ports = [port for _, port, _ in server.seen]
    assert ports[0] != ports[1]
    assert ports[2] == ports[3]


def test_a_patch_to_a_server_that_is_not_trusted_is_not_repeated(tmp_path: Path) -> None:
    clock = ManualClock()
    with serving(lambda _path: document({}), tls=tmp_path) as server, pytest.raises(Transient) as failure:
        client(server, clock).upload_picture(ITEM, b"picture", "x")
    assert failure.value.reason is Reason.BC_NO_ANSWER
    assert "CERTIFICATE_VERIFY_FAILED" in failure.value.detail
    assert (server.seen, clock.slept) == ([], [])


def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else() -> None:
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


def test_the_next_page_is_only_ever_fetched_from_the_configured_origin() -> None:
    """On-premises names its internal host in links; the path counts, the host is ours."""
    second = {"value": [{"id": COMPANY.id, "name": "CRONUS", "displayName": "CRONUS"}]}
    first = {"value": [], "@odata.nextLink": "https://internal-host:7048/api/v2.0/companies?$skiptoken=1"}
    with serving(lambda path: document(second if "skiptoken" in path else first)) as server:
        assert client(server, ManualClock()).company("CRONUS", "x") == COMPANY
    assert [path for path, _, _ in server.seen][1] == "/api/v2.0/companies?$skiptoken=1"
    assert {token for _, _, token in server.seen} == {"Bearer the-token"}


def test_pages_without_end_come_to_an_end() -> None:
    with serving(lambda path: document({"value": [], "@odata.nextLink": path})) as server:
        with pytest.raises(Exception, match="company_not_found"):
            client(server, ManualClock()).company("CRONUS", "x")
        assert len(server.seen) == 100


@pytest.mark.parametrize("status", [200, 201, 202, 203, 302, 304])
def test_only_a_204_means_that_the_picture_was_written(status: int) -> None:
    """A gateway's login page answers 200 as well."""
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
def test_an_item_that_is_not_the_one_that_was_asked_for_is_refused(entry: object) -> None:
    """Its picture would be replaced."""
    key = ItemKey(None, KeyKind.NUMBER, "1896-S")
    with serving(lambda _path: document({"value": [entry]})) as server, pytest.raises(Transient) as failure:
        client(server, ManualClock()).item(COMPANY, key, "x")
    assert failure.value.reason is Reason.BC_REFUSED


def test_two_items_of_one_number_are_bcs_fault_and_not_the_pictures() -> None:
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
def test_a_next_link_that_is_relative_or_broken_leads_nowhere_else(link: str) -> None:
    first = {"value": [], "@odata.nextLink": link}
    second = {"value": [{"id": COMPANY.id, "name": "CRONUS", "displayName": "CRONUS"}]}
    with serving(lambda path: document(second if "skiptoken" in path else first)) as server:
        if link.startswith("http"):
            with pytest.raises(Transient, match="is no link"):
                client(server, ManualClock()).company("CRONUS", "x")
        else:
            assert client(server, ManualClock()).company("CRONUS", "x") == COMPANY
            assert server.seen[-1][0] == "/api/v2.0/companies?$skiptoken=1"


def test_an_answer_without_measure_is_not_read_to_its_end() -> None:
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


def test_what_slows_one_request_down_slows_all_down() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    one, other = session(throttle), session(throttle)
    refusals = [(429, {"Retry-After": "5"}, b"")]
    with serving(lambda _path: refusals.pop() if refusals else document({})) as server:
        throttle.close_for(3)
        other.get(server.url, timeout=5).close()
        one.get(server.url, timeout=5).close()
    assert clock.slept == [3.0, 5.0]


def test_every_wait_is_jittered() -> None:
    clock = ManualClock()
    throttle = Throttle(clock.sleep, clock, lambda: 1.0)
    refusals = [(503, {}, b""), (429, {"Retry-After": "4"}, b"")]
    with serving(lambda _path: refusals.pop() if refusals else document({})) as server:
        session(throttle).get(server.url, timeout=5).close()
    assert clock.slept == [4 * 1.25, 1 * 1.25]


def test_waiting_in_all_is_bounded_also_by_what_others_wait_for() -> None:
    clock = ManualClock()
    throttle = clock.throttle()
    throttle.close_for(3600)
    assert throttle.wait(WAIT_TOTAL) == WAIT_TOTAL


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_connection_that_fails_is_tried_again_for_every_method(method: str) -> None:
    """Nothing was sent, so even a PATCH may be repeated: the server appears while the client waits."""
    with serving(lambda _path: document({})) as gone:
        port = gone.server_port
    clock, appearing = ManualClock(), []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if not appearing:
            appearing.append(serving(lambda _path: document({}), port))
            appearing[0].__enter__()

    try:
        answer = session(Throttle(sleep, clock, lambda: 0.0)).request(method, f"http://127.0.0.1:{port}", timeout=5)
        assert answer.status_code == 200
        assert clock.slept == [0.5]
        answer.close()
    finally:
        appearing[0].__exit__(None, None, None)


def test_cookies_of_one_upload_do_not_reach_the_next() -> None:
    with serving(lambda _path: (200, {"Set-Cookie": "session=1; Path=/"}, b"{}")) as server:
        made = session(Throttle())
        made.get(server.url, timeout=5).close()
    assert len(made.cookies) == 0
