"""Many uploads cost few requests to BC, and one odd number costs the others nothing."""

import json
from dataclasses import replace

import pytest

from shared import report as reports
from shared.storage import names
from shared.storage.incoming import Incoming
from tests.support.local_stack import LocalStack, Log, photograph
from tests.test_sweep import sweep

COMPANY = "CRONUS USA, Inc"


def item_requests(local: LocalStack) -> list[str]:
    return [request["path"] for request in local.requests("GET") if request["path"].endswith("/items")]


def test_forty_numbers_cost_one_request(local: LocalStack) -> None:
    for number in range(80):
        local.upload(f"{COMPANY}/WAITS-{number}.jpg", b"x")
    assert sweep(local).waiting == {"item_not_found": 80}
    assert len(item_requests(local)) == 2


def test_hundreds_cost_the_list_of_items(local: LocalStack) -> None:
    for number in range(401):
        local.upload(f"{COMPANY}/WAITS-{number}.jpg", b"x")
    local.upload()
    result = sweep(local)
    assert result.waiting == {"item_not_found": 401}
    assert result.outcomes == {"updated": 1}
    assert len(item_requests(local)) == 1


def test_a_number_that_bc_refuses_is_asked_for_alone(local: LocalStack) -> None:
    for number in range(15):
        local.upload(f"{COMPANY}/WAITS-{number}.jpg", b"x")
    local.upload(f"{COMPANY}/ODD.jpg", b"x")
    local.upload()
    local.fault(400, code="Application_FilterErrorException", query="eq 'ODD'", count=None)
    result = sweep(local)
    assert (result.failed, result.stopped) == (0, None)
    assert (result.outcomes, result.waiting) == ({"updated": 1}, {"item_not_found": 15, "rejected": 1})
    assert local.picture() is not None
    assert local.names(names.QUARANTINE) == []


def test_numbers_gtins_and_ids_find_their_items(local: LocalStack) -> None:
    local.upload(f"{COMPANY}/f61949dd-c5e1-5f1c-ba9f-058c838c1a04.jpg")
    local.upload(f"{COMPANY}/1900-s.jpg")
    local.upload("NORDWIND/4000013612715.jpg")
    result = sweep(local, BLOB_PATH_TEMPLATE="{company}/{gtin}.{extension}|{company}/{item}.{extension}")
    assert result.outcomes == {"updated": 3}


def test_a_gtin_of_two_items_is_ambiguous(local: LocalStack) -> None:
    company = local.stack.endpoints.company_id
    for number in ("TWIN-1", "TWIN-2"):
        local.control("POST", "items", company_id=company, number=number, displayName=number, gtin="40123455")
    local.upload(f"{COMPANY}/40123455.jpg")
    assert sweep(local, BLOB_PATH_TEMPLATE="{company}/{gtin}.{extension}").outcomes == {"quarantined": 1}
    assert local.names(names.QUARANTINE)[0].startswith("item_ambiguous/")


def test_the_newest_of_one_items_uploads_goes_first(local: LocalStack) -> None:
    local.upload(f"{COMPANY}/1896-S.jpg", photograph("#aa2200"))
    local.pass_time(seconds=2)
    local.upload(f"{COMPANY}/1896-S.png", photograph("#336699"))
    assert sweep(local).outcomes == {"updated": 1, "superseded": 1}
    assert len(local.requests("PATCH")) == 1


def test_of_uploads_within_a_second_the_newest_goes_first_too(local: LocalStack) -> None:
    jpeg, png = f"{COMPANY}/1896-S.jpg", f"{COMPANY}/1896-S.png"
    times = [0, 1]
    while len(set(times)) > 1:
        local.upload(jpeg, photograph("#aa2200"))
        local.upload(png, photograph("#336699"))
        times = [local.incoming(name).get_blob_properties().last_modified for name in (jpeg, png)]
    assert sweep(local).outcomes == {"updated": 1, "superseded": 1}
    assert len(local.requests("PATCH")) == 1


def test_the_next_run_goes_on_where_the_list_stopped(local: LocalStack) -> None:
    for number in range(10):
        local.upload(f"{COMPANY}/WAITS-{number}.jpg", b"x")
    looked_at = []
    for _ in range(6):
        app = local.app()
        local.pass_time(minutes=5)
        looked_at.append(replace(app.sweep, incoming=Incoming(local.storage, 2), window=4).run().looked_at)
    assert looked_at == [4, 4, 2, 4, 4, 2]


POISON = {"FunctionId": "Host.Functions.item_picture_uploaded", "BlobName": "a.jpg", "ETag": '"0x1"'}


def test_a_used_up_delivery_is_logged(log: Log) -> None:
    reports.delivery_exhausted(json.dumps(POISON, indent=2).encode())
    (line,) = log()
    assert line == {
        "event": "delivery_exhausted",
        "blob": "a.jpg",
        "etag": '"0x1"',
        "function": "Host.Functions.item_picture_uploaded",
        "detail": None,
    }


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"null",
        b'{"FunctionId": 1}',
        b"[" * 100_000,
        json.dumps({**POISON, "FunctionId": "Host.Functions.other"}).encode(),
    ],
    ids=["empty", "bytes", "list", "null", "fields", "deep", "another app's"],
)
def test_of_any_other_poison_message_only_the_length_is_told(log: Log, message: bytes) -> None:
    reports.delivery_exhausted(message)
    (line,) = log()
    assert line["detail"].startswith(f"Not of this app: {len(message)} bytes")
    assert (line["blob"], line["etag"]) == (None, None)


def test_another_apps_poison_message_is_told_by_its_function(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    secrets = {"BlobName": "payroll.xlsx", "Path": "https://elsewhere/?sig=abc"}
    reports.delivery_exhausted(json.dumps({"FunctionId": f"Host.Functions.{'o' * 5000}", **secrets}).encode())
    (line,) = log()
    assert "Host.Functions.ooo" in line["detail"]
    assert len(line["detail"]) < 300
    told = caplog.text + str(caplog.records[0].__dict__)
    assert [text for text in ("payroll", "sig=") if text in told] == []


def test_no_depth_of_a_poison_message_loses_its_line(log: Log) -> None:
    """Some can be read, and are too deep to be written again."""
    depths = range(500, 1001)
    for depth in depths:
        deep = b"[" * depth + b"]" * depth
        reports.delivery_exhausted(b'{"FunctionId": "item_picture_uploaded", "BlobName": "x", "ETag": %b}' % deep)
    assert len(log()) == len(depths)
