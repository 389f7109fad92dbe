"""Checks how a delivery fails, and changes an upload in the middle of one."""

from collections.abc import Callable
from http.client import HTTPMessage

import pytest

from shared.errors import Reason, Transient
from shared.pipeline import BY_EVENT, TakeUp
from shared.report import Outcome
from shared.storage import names
from tests.support.local_stack import DESK, LocalStack


def fails(local: LocalStack, reason: Reason, name: str = DESK, **settings: str) -> Transient:
    """Deliver once; the delivery must fail for ``reason`` and leave the upload in incoming."""
    with pytest.raises(Transient) as failure:
        local.pipeline(**settings).process(names.INCOMING, name)
    assert failure.value.reason is reason
    assert local.incoming(name).exists()
    assert local.names(names.QUARANTINE) == []
    return failure.value


def is_quarantined(
    local: LocalStack, name: str, content: bytes, reason: str, take_up: TakeUp = BY_EVENT, **settings: str
) -> str:
    """Deliver once; the upload must end in quarantine with a note, which is returned."""
    local.upload(name, content)
    report = local.pipeline(**settings).process(names.INCOMING, name, take_up)
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, reason)
    original, note = local.names(names.QUARANTINE)
    assert original.startswith(f"{reason}/")
    assert note == f"{original}.txt"
    assert local.read(names.QUARANTINE, original) == content
    assert local.names(names.INCOMING) == []
    assert local.names(names.ARCHIVE) == []
    assert local.metadata(names.QUARANTINE, original)["reason"] == reason
    explanation = (local.read(names.QUARANTINE, note) or b"").decode()
    assert name in explanation
    return explanation


class AtFirst:
    """Acts at the first request to storage that matches, and forwards every request."""

    def __init__(self, act: Callable[[], object], matches: Callable[[str, str, HTTPMessage], bool]) -> None:
        self._act, self._matches, self.has_acted = act, matches, False

    def __call__(self, method: str, path: str, headers: HTTPMessage) -> None:
        if not self.has_acted and self._matches(method, path, headers):
            self.has_acted = True
            self._act()


def is_copy(method: str, _path: str, headers: HTTPMessage) -> bool:
    return method == "PUT" and "x-ms-copy-source" in headers


def is_delete(method: str, _path: str, _headers: HTTPMessage) -> bool:
    return method == "DELETE"


def is_second_part(method: str, _path: str, headers: HTTPMessage) -> bool:
    return method == "GET" and not str(headers.get("x-ms-range", "")).startswith("bytes=0-")
