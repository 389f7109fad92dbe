"""An upload goes from event to archive through the real SDKs, and nothing goes wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage

import pytest
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas

from shared import paths
from shared.errors import Reason, Transient
from shared.report import Outcome
from shared.storage import names
from shared.storage.archive import Archive
from shared.storage.moves import Mover
from tests.support.failing_deliveries import fails, is_delete
from tests.support.faulty_storage import storage_proxy
from tests.support.local_stack import DESK, DESK_ID, LocalStack, Log, photograph


def test_the_item_gets_the_picture_and_the_archive_the_original(local: LocalStack) -> None:
    content = local.upload()
    report = local.pipeline().process(names.INCOMING, DESK)
    picture = local.picture()
    assert report.outcome is Outcome.UPDATED
    assert picture is not None
    assert picture.size == (1024, 768)
    assert picture.getpixel((5, 5)) == pytest.approx((0x33, 0x66, 0x99), abs=3)
    (archived,) = local.names(names.ARCHIVE)
    assert archived.startswith("CRONUS USA, Inc/1896-S/")
    assert local.read(names.ARCHIVE, archived) == content
    assert local.names(names.INCOMING) == []
    assert local.names(names.QUARANTINE) == []


def test_the_archived_original_has_the_uploads_metadata(local: LocalStack) -> None:
    local.upload("CRONUS USA, Inc/Ä-1100.jpg")
    uploaded_at = local.incoming("CRONUS USA, Inc/Ä-1100.jpg").get_blob_properties().last_modified
    local.pipeline().process(names.INCOMING, "CRONUS USA, Inc/Ä-1100.jpg")
    (archived,) = local.names(names.ARCHIVE)
    metadata = local.metadata(names.ARCHIVE, archived)
    assert metadata["outcome"] == "updated"
    assert metadata["source_name"] == "CRONUS USA, Inc/Ä-1100.jpg"
    assert metadata["item_number"] == "Ä-1100"
    assert metadata["company"] == "CRONUS USA, Inc."
    assert metadata["uploaded_at"] == uploaded_at.isoformat()
    assert len(metadata["sha256"]) == 64


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("1896-S.jpg", "1896-S"),
        ("CRONUS USA, Inc/1896-s.JPG", "1896-S"),
        ("cronus usa, inc./1896-S.jpg", "1896-S"),
        ("ed8c4463-bbf3-5e8d-8254-829373e2e2dd/1896-S.jpg", "1896-S"),
        (f"CRONUS USA, Inc/{DESK_ID}.jpg", "1896-S"),
        (f"CRONUS USA, Inc/{{{DESK_ID.upper()}}}.jpg", "1896-S"),
        ("CRONUS USA, Inc/A&B 50%.png", "A&B 50%"),
        ("CRONUS USA, Inc/70 061.jpg", "70 061"),
        ("CRONUS USA, Inc/A\u0308-1100.jpg", "Ä-1100"),
        ("Nordwind Möbel GmbH/1100.jpg", "1100"),
        ("nordwind/LS-75.jpg", "LS-75"),
    ],
)
def test_a_path_finds_its_item_in_every_spelling(local: LocalStack, path: str, number: str) -> None:
    local.upload(path)
    report = local.pipeline().process(names.INCOMING, path)
    assert (report.outcome, report.item_number) == (Outcome.UPDATED, number)


def test_a_number_with_a_quote_and_a_hash_is_looked_up_literally(local: LocalStack) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="O'K #1+2", displayName="Odd one")
    local.upload("CRONUS USA, Inc/o'k #1+2.jpg")
    report = local.pipeline().process(names.INCOMING, "CRONUS USA, Inc/o'k #1+2.jpg")
    assert (report.outcome, report.item_number) == (Outcome.UPDATED, "O'K #1+2")


def test_a_gtin_finds_its_item(local: LocalStack) -> None:
    local.upload("gtin/4000012424869.jpg")
    pipeline = local.pipeline(BLOB_PATH_TEMPLATE="gtin/{gtin}.{extension}")
    assert pipeline.process(names.INCOMING, "gtin/4000012424869.jpg").item_number == "1896-S"


def test_bc_gets_the_headers_that_it_needs(local: LocalStack, log: Log) -> None:
    """BC requires If-Match and the content type; its telemetry shows the client request id and the user agent."""
    local.upload()
    local.pipeline().process(names.INCOMING, DESK)
    lookup, read, patch = local.requests()
    assert {request["client_request_id"] for request in (lookup, read, patch)} == {log()[0]["upload_id"]}
    assert {request["accept_language"] for request in (lookup, read, patch)} == {"en-US"}
    assert patch["user_agent"].startswith("item-picture-sync/0.")
    assert read["query"]["$expand"] == "picture"
    assert patch["if_match"] == "*"
    assert patch["content_type"] == "application/octet-stream"
    assert patch["path"].endswith(f"/items({DESK_ID})/picture/pictureContent")


def test_companies_are_found_on_every_page(local: LocalStack) -> None:
    local.control("POST", "paging", page_size=1)
    local.upload("NORDWIND/1000.jpg")
    assert local.pipeline().process(names.INCOMING, "NORDWIND/1000.jpg").outcome is Outcome.UPDATED


def test_one_line_of_json_reports_the_upload(local: LocalStack, log: Log) -> None:
    content = local.upload()
    local.pipeline().process(names.INCOMING, DESK)
    (line,) = log()
    assert (line["event"], line["outcome"], line["blob"]) == ("upload_finished", "updated", DESK)
    assert (line["item_id"], line["item_number"], line["company"]) == (DESK_ID, "1896-S", "CRONUS USA, Inc.")
    assert (line["width"], line["height"], line["content_type"]) == (1024, 768, "image/jpeg")
    assert line["bytes_in"] == len(content)
    assert 0 < line["bytes_out"] < line["bytes_in"] + 100_000
    assert line["milliseconds"] > 0


def test_no_token_and_no_key_is_ever_logged(local: LocalStack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    local.upload()
    pipeline = local.pipeline()
    pipeline.process(names.INCOMING, DESK)
    key = local.stack.app_settings["PICTURE_STORAGE"].split("AccountKey=")[1].split(";")[0]
    output = caplog.text + repr(pipeline)
    assert "eyJ" not in output  # every JWT begins so
    assert key not in output


def signed_connection(local: LocalStack, may: str) -> str:
    parts = dict(part.split("=", 1) for part in local.stack.app_settings["PICTURE_STORAGE"].split(";") if part)
    permissions, until = AccountSasPermissions.from_string(may), datetime.now(UTC) + timedelta(days=1)
    signature = generate_account_sas(
        parts["AccountName"], parts["AccountKey"], ResourceTypes(False, True, True), permissions, until
    )
    return f"BlobEndpoint={parts['BlobEndpoint']};SharedAccessSignature={signature}"


def test_a_signature_opens_the_account_and_is_never_logged(local: LocalStack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="item_picture_sync")
    local.upload()
    signed = local.pipeline(PICTURE_STORAGE=signed_connection(local, "rwdlac"))
    assert signed.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert "sig=" not in caplog.text


def test_a_signature_that_may_too_little_is_never_logged(local: LocalStack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="item_picture_sync")
    local.upload()
    with pytest.raises(Transient) as failure:
        local.pipeline(PICTURE_STORAGE=signed_connection(local, "l")).process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.STORAGE
    assert "sig=" not in caplog.text + failure.value.detail


def test_a_half_finished_delivery_is_finished(local: LocalStack) -> None:
    """A worker died between copy and delete: the next delivery leaves one original in the archive."""
    content = local.upload()
    pipeline = local.pipeline()
    source = pipeline.storage.read(DESK, 10**9)
    item = pipeline.business_central.item(
        pipeline.business_central.company("CRONUS USA, Inc.", "x"),
        paths.parse_path(DESK, pipeline.settings.templates),
        "x",
    )
    name = names.archive_name(item.company.name, item.number, DESK, source.etag, source.uploaded_at)
    metadata = names.encode_metadata({"source_name": DESK, "source_etag": names.unquoted_etag(source.etag)})
    local.storage.get_blob_client(names.ARCHIVE, name).upload_blob(content, metadata=metadata)
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert local.names(names.ARCHIVE) == [name]
    assert local.names(names.INCOMING) == []


def test_a_picture_that_has_only_to_move_tells_no_time(local: LocalStack, log: Log) -> None:
    """It has been on its item since an earlier delivery, which could not move it."""
    local.upload()
    local.pass_storage_time(minutes=1)
    refusal = (403, "AuthorizationFailure")
    with storage_proxy(
        local.stack.app_settings["PICTURE_STORAGE"], lambda *call: refusal if is_delete(*call) else None
    ) as connection:
        fails(local, Reason.STORAGE, PICTURE_STORAGE=connection)
    assert local.picture() is not None
    local.pass_storage_time(hours=1)
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    failed, moved = log()
    assert 60 <= failed["time_to_item_s"] < 3600
    assert (moved["outcome"], moved["time_to_item_s"]) == ("updated", None)


def test_a_source_with_a_snapshot_is_deleted_too(local: LocalStack) -> None:
    local.upload()
    local.incoming().create_snapshot()
    local.pipeline().process(names.INCOMING, DESK)
    assert local.names(names.INCOMING) == []


def test_a_large_upload_is_read_in_parts_and_stays_intact(local: LocalStack) -> None:
    """The first answer brings 32 MiB; a BMP of 48 MB needs a second one."""
    content = local.upload("CRONUS USA, Inc/1896-S.bmp", photograph(size=(4000, 4000), picture_format="BMP"))
    assert len(content) > 40_000_000
    report = local.pipeline().process(names.INCOMING, "CRONUS USA, Inc/1896-S.bmp")
    assert (report.outcome, report.width) == (Outcome.UPDATED, 1024)
    assert local.read(names.ARCHIVE, local.names(names.ARCHIVE)[0]) == content


def test_a_copy_by_identity_carries_a_token_for_the_source(local: LocalStack) -> None:
    """Azure requires it even within one account; Azurite does not."""
    local.upload()
    tokens: list[str | None] = []

    def watch(_method: str, _path: str, headers: HTTPMessage) -> None:
        if "x-ms-copy-source" in headers:
            tokens.append(headers["x-ms-copy-source-authorization"])

    pipeline = local.pipeline()
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], watch) as connection:
        service = BlobServiceClient.from_connection_string(connection)
        mover = Mover(service, ManagedIdentityCredential())
        replace(pipeline, archive=Archive(mover)).process(names.INCOMING, DESK)
    assert len(tokens) == 1
    assert str(tokens[0]).startswith("Bearer eyJ")
    assert local.tokens()[-1]["resource"] == "https://storage.azure.com"
