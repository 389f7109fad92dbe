"""A picture is sent within a time that we know, and nothing of it leaves after we have given up."""

import re
from pathlib import Path

import pytest

from shared.business_central.client import BusinessCentral
from shared.business_central.companies import Company
from shared.business_central.http import HttpClient, Timeouts
from shared.business_central.items import Item
from shared.business_central.retries import Throttle
from shared.errors import Reason, Transient
from tests.business_central.misbehaving_server import Credential, SlowReader

ITEM = Item(
    Company("ed8c4463-bbf3-5e8d-8254-829373e2e2dd", "CRONUS", "CRONUS"), "f61949dd", "1896-S", has_picture=False
)
PICTURE = bytes(16 * 1024 * 1024)  # more than the system takes in at once


def send(server: SlowReader, content: bytes = PICTURE, **limits: float) -> str:
    """Send a picture; it must end as an unanswered write. Returns the failure's detail."""
    throttle = Throttle()
    http = HttpClient(Credential(), throttle, Timeouts(connect=5, **limits))
    with pytest.raises(Transient) as failure:
        BusinessCentral(f"{server.url}/api/v2.0", "v2.0", http, throttle.clock).upload_picture(ITEM, content, "x")
    assert failure.value.reason is Reason.BC_NO_ANSWER
    return failure.value.detail


@pytest.mark.parametrize("tls", [False, True])
def test_sending_to_a_slow_reader_has_an_end(tmp_path: Path, tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece arrives in time, all of them together do not."""
    if tls:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "loopback.pem"))
    with SlowReader(4_000_000, tmp_path if tls else None) as server:
        detail = send(server, send=0.5)
    assert "sending the picture took longer than 0.5 seconds" in detail


def test_nothing_is_sent_after_we_gave_up() -> None:
    """The system's buffers hold a part of the picture; BC must not get it when nobody waits for the answer any more."""
    usual = bytes(262_144)
    with SlowReader(100_000) as server:
        send(server, usual, write=0.4)
        assert 0 < server.received_at_the_end() < len(usual) / 2


def test_sending_and_waiting_share_the_time_of_a_write() -> None:
    assert Timeouts().send < Timeouts().write
    with SlowReader(40_000_000) as server:  # which needs a third of a second for all but what the system takes in
        detail = send(server, write=2)
        left = re.search(r"read timeout=([\d.]+)", detail)
        assert left
        assert float(left[1]) < 1.9
