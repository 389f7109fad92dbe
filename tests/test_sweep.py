"""The sweep takes up what events did not: lost ones, used-up deliveries, items that appear, doubts that end."""

from typing import Any

import pytest

from shared.report import SweepReport
from shared.storage import names
from shared.wiring import App
from tests.support.local_stack import DESK, LocalStack, Log, photograph
from tests.test_waiting import UNKNOWN_ITEM, create_item

STATE = "sandbox/sweep.json"


def sweep(local: LocalStack, app: App | None = None, **settings: str) -> SweepReport:
    """Let the youngest uploads get old enough, and sweep once."""
    local.pass_time(minutes=5)
    return (app or local.app(**settings)).sweep.run()


def test_an_upload_without_an_event_reaches_its_item(local: LocalStack) -> None:
    content = local.upload()
    report = sweep(local)
    assert report.outcomes == {"updated": 1}
    assert local.picture() is not None
    (archived,) = local.names(names.ARCHIVE)
    assert local.read(names.ARCHIVE, archived) == content
    assert local.names(names.INCOMING) == []


def test_a_young_upload_is_left_to_its_event(local: LocalStack) -> None:
    local.upload()
    app = local.app(SWEEP_MIN_AGE="PT1H")  # long, however slow the machine is
    assert app.sweep.run().looked_at == 0
    local.pass_time(minutes=40)
    assert app.sweep.run().looked_at == 0
    local.pass_time(minutes=21)
    assert app.sweep.run().outcomes == {"updated": 1}


def test_an_upload_whose_deliveries_are_used_up_is_taken_up(local: LocalStack) -> None:
    local.upload()
    local.fault(403, method="PATCH")
    with pytest.raises(Exception, match="bc_refused"):
        local.pipeline().process(names.INCOMING, DESK)
    assert sweep(local).outcomes == {"updated": 1}


def test_an_item_that_appears_gets_its_picture(local: LocalStack) -> None:
    local.upload(UNKNOWN_ITEM)
    assert sweep(local).waiting == {"item_not_found": 1}
    create_item(local)
    assert sweep(local).outcomes == {"updated": 1}
    assert local.names(names.INCOMING) == []


def test_a_doubt_that_is_over_ends(local: LocalStack) -> None:
    local.upload()
    local.fault(504, method="PATCH")
    with pytest.raises(Exception, match="bc_no_answer"):
        local.pipeline().process(names.INCOMING, DESK)
    assert sweep(local).waiting == {"settling": 1}
    local.pass_time(minutes=20)
    report = sweep(local)
    assert local.names(names.INCOMING) == []
    assert sum(report.outcomes.values()) == 1


def test_without_an_item_nothing_is_downloaded(local: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    local.upload(UNKNOWN_ITEM)
    local.upload("CRONUS USA, Inc/00000000-0000-0000-0000-000000000001.jpg")
    app = local.app()
    read: list[Any] = []
    monkeypatch.setattr("azure.storage.blob.BlobClient.download_blob", _recorded(read))
    assert sweep(local, app).waiting == {"item_not_found": 2}
    assert [name for name in read if name != STATE] == []


def _recorded(read: list[Any]) -> Any:
    from azure.storage.blob import BlobClient  # noqa: PLC0415 - the original, before it is replaced

    original = BlobClient.download_blob

    def download(self: BlobClient, *arguments: Any, **options: Any) -> Any:
        read.append(self.blob_name)
        return original(self, *arguments, **options)

    return download


def test_a_second_sweep_beside_a_running_one_does_nothing(local: LocalStack, log: Log) -> None:
    local.upload()
    local.app().sweep.run()
    local.pass_time(minutes=5)
    lease = local.storage.get_blob_client(names.RECORDS, STATE).acquire_lease(60)
    log_before = len(log())
    report = local.app().sweep.run()
    assert report.stopped == "Another sweep is active."
    assert local.names(names.INCOMING) == [DESK]
    assert len(log()) == log_before
    lease.break_lease(0)
    assert local.app().sweep.run().outcomes == {"updated": 1}


def test_a_dead_sweep_holds_up_the_next_for_a_minute_only(local: LocalStack) -> None:
    local.upload()
    app = local.app()
    assert app.sweep.states.lease()  # and dies
    assert app.sweep.run().stopped
    assert sweep(local, app).outcomes == {"updated": 1}


def test_a_lost_lease_does_no_harm(local: LocalStack) -> None:
    app = local.app()
    held = app.sweep.states.lease()
    assert held
    local.storage.get_blob_client(names.RECORDS, STATE).delete_blob(lease=held._lease)  # noqa: SLF001 - as an operator would
    local.upload()
    assert sweep(local, app).outcomes == {"updated": 1}
    held.end(held.state)


def test_a_state_that_nobody_can_read_starts_anew(local: LocalStack) -> None:
    local.storage.get_blob_client(names.RECORDS, STATE).upload_blob(b"{", overwrite=True)
    local.upload()
    assert sweep(local).outcomes == {"updated": 1}


def test_a_company_without_permission_blocks_no_other(local: LocalStack) -> None:
    cronus = local.stack.endpoints.company_id
    local.fault(403, path=cronus, count=None)
    for number in range(12):
        local.upload(f"CRONUS USA, Inc/1896-S{number}.jpg")
    company = local.control("POST", "companies", name="Fabrikam")
    local.control("POST", "items", company_id=company["id"], number="1000", displayName="Lamp")
    local.upload("Fabrikam/1000.jpg")
    report = sweep(local)
    assert (report.outcomes, report.failed, report.stopped) == ({"updated": 1}, 12, None)


def test_pictures_that_bc_always_refuses_block_no_other(local: LocalStack) -> None:
    for number in ("1900-S", "1906-S", "1908-S", "1920-S", "1928-S", "1936-S"):
        local.upload(f"CRONUS USA, Inc/{number}.jpg")
    local.upload()
    local.fault(403, method="PATCH", count=6)
    report = sweep(local)
    assert (report.outcomes, report.failed, report.stopped) == ({"updated": 1}, 6, None)


def test_while_bc_is_down_the_sweep_stops_and_says_so(local: LocalStack, log: Log) -> None:
    local.upload()
    local.fault(503, count=None)
    report = sweep(local)
    assert (report.not_begun, report.outcomes) == (1, {})
    (line,) = [line for line in log() if line["event"] == "sweep_finished"]
    assert "503" in line["stopped"]
    assert local.names(names.INCOMING) == [DESK]
    assert local.names(names.QUARANTINE) == []


def test_an_unknown_company_is_named(local: LocalStack, log: Log) -> None:
    local.upload("Fabrikam/1000.jpg", photograph())
    sweep(local)
    (line,) = [line for line in log() if line["event"] == "sweep_finished"]
    assert line["unknown_companies"] == ["Fabrikam"]
    assert line["waiting"] == {"company_not_found": 1}


def test_a_name_that_cannot_be_addressed_is_told_once(local: LocalStack, log: Log) -> None:
    app = local.app()
    for _ in range(3):
        app.pipeline.process(names.INCOMING, "../archive/x.jpg")
    assert len([line for line in log() if line["event"] == "upload_finished"]) == 1
