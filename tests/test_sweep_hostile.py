"""What others leave in storage, or answer slowly, never ends the sweep: marks, markers, long lists, many names."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from threading import Semaphore
from typing import Any

import pytest
from azure.storage.blob import BlobLeaseClient

from shared import report as reports
from shared.rendering import Render
from shared.storage import names
from shared.storage.incoming import Incoming
from shared.storage.sweep_states import SweepStates
from tests.support.faulty_storage import storage_proxy
from tests.support.item_pictures import BLUE, RED, upload, upload_with_lost_answer
from tests.support.local_stack import LocalStack, Log, ManualClock, photograph
from tests.test_sweep import sweep

COMPANY = "CRONUS USA, Inc"


def test_a_mark_that_nobody_can_read_holds_up_nothing(local: LocalStack, log: Log) -> None:
    local.storage.get_blob_client(names.RECORDS, "sandbox/settling/a/b/c").upload_blob(b"{")
    local.upload()
    report = sweep(local)
    assert (report.outcomes, report.failed) == ({"updated": 1}, 1)
    (line,) = [line for line in log() if line["event"] == "upload_failed"]
    assert "records/sandbox/settling/a/b/c" in line["detail"]


def test_a_marker_that_storage_refuses_starts_anew(local: LocalStack) -> None:
    local.upload()
    asked: list[str] = []

    def refuse_markers(_method: str, path: str, _headers: object) -> tuple[int, str] | None:
        asked.append(path)
        return (400, "OutOfRangeInput") if "marker=" in path else None

    with storage_proxy(local.stack.endpoints.storage_connection_string, refuse_markers) as proxied:
        app = local.app(PICTURE_STORAGE=proxied)
        held = app.sweep.states.lease()
        assert held
        held.end(held.state.listed("2!92!an old one"))
        assert sweep(local, app).outcomes == {"updated": 1}
    assert any("marker=" in path for path in asked)


def test_marks_that_cannot_be_listed_hold_up_no_upload(local: LocalStack) -> None:
    local.upload()

    def refuse(_method: str, path: str, _headers: object) -> tuple[int, str] | None:
        return (403, "AuthorizationFailure") if "settling" in path and "comp=list" in path else None

    with storage_proxy(local.stack.endpoints.storage_connection_string, refuse) as proxied:
        report = sweep(local, local.app(PICTURE_STORAGE=proxied))
    assert report.outcomes == {"updated": 1}
    (failure,) = report.failures
    assert "listing the marks in records" in failure


class TickingClock(ManualClock):
    """A clock on which every look takes ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def test_a_sweep_that_lists_for_long_keeps_its_place(local: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list may take longer than a lease lasts; a run that dies after it must not begin there again."""
    for number in range(8):
        local.upload(f"{COMPANY}/WAITS-{number}.jpg", b"x")
    local.pass_time(minutes=5)
    renewed = Semaphore(0)
    renew = BlobLeaseClient.renew

    def recorded(lease: BlobLeaseClient, **options: Any) -> None:
        renew(lease, **options)
        renewed.release()

    monkeypatch.setattr(BlobLeaseClient, "renew", recorded)

    class SlowClock(TickingClock):
        def __call__(self) -> float:
            if self.now:  # the first look comes before the lease
                local.pass_storage_time(seconds=self.seconds)
                while renewed.acquire(blocking=False):
                    pass
                assert renewed.acquire(timeout=30)
            return super().__call__()

    @contextmanager
    def dies() -> Iterator[Render]:
        raise KeyboardInterrupt
        yield app.pipeline.render

    app = local.app()
    listing = Incoming(local.storage, 1)
    states = SweepStates(local.storage, "sandbox", renewals=6000)
    slow = replace(app.sweep, clock=SlowClock(15), states=states, incoming=listing, window=5, renderers=dies)
    with pytest.raises(KeyboardInterrupt):
        slow.run()
    local.pass_time(minutes=5)
    assert app.sweep.run().looked_at == 3


def test_uploads_get_their_time_beside_many_that_settle(local: LocalStack) -> None:
    upload_with_lost_answer(local, RED, f"{COMPANY}/1896-S.png")
    assert upload(local, BLUE).reason == "settling"
    (mark,) = [name for name in local.names(names.RECORDS) if "/settling/" in name]
    content = local.read(names.RECORDS, mark)
    assert content
    for number in range(80):
        local.storage.get_blob_client(names.RECORDS, f"{mark}{number}").upload_blob(content)
    local.upload(f"{COMPANY}/1900-S.jpg")
    local.pass_time(minutes=5)
    report = replace(local.app().sweep, clock=TickingClock(3)).run()
    assert report.outcomes == {"updated": 1}


def test_a_company_whose_numbers_bc_refuses_takes_its_time_only(local: LocalStack) -> None:
    for number in range(40):
        local.upload(f"{COMPANY}/ODD-{number}.jpg", b"x")
    local.fault(400, code="BadRequest", path="items", query="$filter", count=None)
    local.pass_time(minutes=5)
    report = replace(local.app().sweep, clock=TickingClock(5)).run()
    assert report.failed + report.not_begun == 40
    assert len(local.requests("GET")) < 60


def test_a_folder_of_a_hierarchical_account_is_left_alone(local: LocalStack) -> None:
    """Moving one would move or delete what is in it; Azurite has no such accounts, but lists what they list."""
    local.incoming(COMPANY).upload_blob(b"", metadata={"hdi_isfolder": "true"})
    report = sweep(local)
    assert (report.incoming, report.failures) == (0, [])
    assert local.names(names.INCOMING) == [COMPANY]


def test_an_item_with_many_uploads_holds_up_no_other(local: LocalStack) -> None:
    many, others = (
        ("1896-S", "1900-S", "1906-S", "1908-S"),
        ("1920-S", "1928-S", "1936-S", "1960-S", "1964-S", "1968-S"),
    )
    for item in many:
        for number in range(12):
            local.upload(f"{COMPANY}/{item}.a{number:02}", photograph(size=(8, 8)))
    for item in others:
        local.upload(f"{COMPANY}/{item}.jpg", photograph(size=(8, 8)))
    local.pass_time(minutes=5)
    report = replace(local.app().sweep, clock=TickingClock(12)).run()
    assert report.not_begun > len(others), "the time was over before all had their turn"
    assert not {f"{COMPANY}/{item}.jpg" for item in others} & set(local.names(names.INCOMING))


def test_many_unknown_companies_do_not_outlast_the_sweep(local: LocalStack) -> None:
    for number in range(30):
        local.upload(f"Unknown {number}/1000.jpg")
    local.pass_time(minutes=5)

    @contextmanager
    def bc_goes_down() -> Iterator[Render]:
        local.fault(503, count=None)
        yield app.pipeline.render

    app = local.app()
    report = replace(app.sweep, renderers=bc_goes_down).run()
    assert report.stopped
    assert "503" in report.stopped
    assert report.milliseconds is not None
    assert report.milliseconds < 300_000


def test_a_line_of_the_log_can_be_written_whatever_it_says() -> None:
    log, written = logging.getLogger("item_picture_sync"), BytesIO()
    handler = logging.StreamHandler(TextIOWrapper(written, "utf-8", write_through=True))
    log.addHandler(handler)
    try:
        reports.delivery_exhausted(b'{"FunctionId": "Host.Functions.item_picture_uploaded", "BlobName": "\\ud800.jpg"}')
    finally:
        log.removeHandler(handler)
    assert b"delivery_exhausted" in written.getvalue()
