"""Storage refuses or fails: we lose no upload, touch no foreign blob, and move the upload later."""

import traceback
from http.client import HTTPMessage

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import ExponentialRetry

from shared import report
from shared.errors import Reason, Transient
from shared.report import Outcome
from shared.storage import names, uploads
from tests.support.failing_deliveries import fails, is_copy
from tests.support.faulty_storage import storage_proxy
from tests.support.local_stack import DESK, LocalStack, photograph


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "CannotVerifyCopySource"), (400, "InvalidHeaderValue"), (409, "InvalidBlobType")],
)
@pytest.mark.parametrize("content", [photograph(), b""], ids=["picture", "empty"])
def test_a_blob_that_the_service_does_not_copy_is_moved(
    local: LocalStack, status: int, code: str, content: bytes
) -> None:
    """Azurite copies empty blobs, append blobs and names with a very long address; Azure does not."""
    local.upload(content=content)

    def refuse(method: str, path: str, headers: HTTPMessage) -> tuple[int, str] | None:
        return (status, code) if is_copy(method, path, headers) else None

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], refuse) as connection:
        local.pipeline(PICTURE_STORAGE=connection, UNFINISHED_WAIT="PT0S").process(names.INCOMING, DESK)
    assert local.names(names.INCOMING) == []
    container = names.ARCHIVE if content else names.QUARANTINE
    assert local.read(container, local.names(container)[0]) == content
    assert local.metadata(container, local.names(container)[0])["source_name"] == DESK


@pytest.mark.parametrize("container", [names.INCOMING, names.ARCHIVE])
def test_a_missing_container_does_not_mean_a_missing_picture(local: LocalStack, container: str) -> None:
    local.upload()
    local.storage.delete_container(container)
    with pytest.raises(Transient) as failure:
        local.pipeline().process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.STORAGE
    assert "ContainerNotFound" in failure.value.detail


def test_a_leased_source_waits_until_the_lease_ends(local: LocalStack) -> None:
    local.upload()
    lease = local.incoming().acquire_lease(lease_duration=60)
    try:
        assert "LeaseIdMissing" in fails(local, Reason.STORAGE).detail
    finally:
        lease.release()
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len(local.names(names.ARCHIVE)) == 1


@pytest.mark.parametrize(
    "marks", [{}, {"source_name": "CRONUS"}, {"source_name": DESK}], ids=["foreign", "other", "half"]
)
def test_a_foreign_blob_in_the_archive_is_named_and_untouched(local: LocalStack, marks: dict[str, str]) -> None:
    """The third blob names this upload as its source, but is incomplete."""
    local.upload()
    pipeline = local.pipeline()
    source = pipeline.storage.read(DESK, 10**9)
    name = names.archive_name("CRONUS USA, Inc.", "1896-S", DESK, source.etag, source.uploaded_at)
    metadata = names.encode_metadata({**marks, "source_etag": names.unquoted_etag(source.etag)})
    local.storage.get_blob_client(names.ARCHIVE, name).upload_blob(b"somebody else's", metadata=metadata)
    assert name in fails(local, Reason.STORAGE).detail
    assert local.read(names.ARCHIVE, name) == b"somebody else's"


def test_a_wrong_key_fails_the_delivery(local: LocalStack) -> None:
    local.upload()
    key = local.stack.app_settings["PICTURE_STORAGE"].split("AccountKey=")[1].split(";")[0]
    wrong = local.stack.app_settings["PICTURE_STORAGE"].replace(key, "d3Jvbmc=")
    fails(local, Reason.STORAGE, PICTURE_STORAGE=wrong)
    assert local.requests() == []


@pytest.mark.parametrize(("port", "has_address"), [(9, False), (99999, True)], ids=["closed", "impossible"])
def test_a_signature_stays_out_of_what_is_told_of_a_failure(
    caplog: pytest.LogCaptureFixture, port: int, has_address: bool
) -> None:
    """The SDK's message may have the whole address, and the host logs the chain of exceptions."""
    caplog.set_level("INFO", logger="item_picture_sync")
    signed = f"BlobEndpoint=http://127.0.0.1:{port}/pictures;SharedAccessSignature=sv=2025-01-05&ss=b&sig=c2VjcmV0%3D"
    account = uploads.connect(None, None, ExponentialRetry(retry_total=0), connection_string=signed)
    with pytest.raises(AzureError) as theirs:
        account.get_blob_client(names.INCOMING, DESK).get_blob_properties()
    assert ("sig=c2VjcmV0" in str(theirs.value)) is has_address
    with pytest.raises(Transient) as failure:
        uploads.PictureStorage(account).read(DESK, 10**9)
    report.upload_failed(report.Report(DESK, "x"), failure.value)
    report.upload_failed(report.Report(DESK, "x"), theirs.value)  # a part of the app that does not expect it
    told = "".join(traceback.format_exception(failure.value))
    assert f"Storage failed while reading {DESK!r}: Service" in told
    assert len(caplog.records) == 2
    assert [text for text in (told, caplog.text) if "sig=" in text or "c2VjcmV0" in text] == []


def test_a_request_is_repeated_after_storage_errors(local: LocalStack) -> None:
    local.upload()
    answers = [503, 500]
    with storage_proxy(
        local.stack.app_settings["PICTURE_STORAGE"], lambda *_: answers.pop() if answers else None
    ) as connection:
        assert local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK).outcome is Outcome.UPDATED


def test_an_outage_of_storage_fails_the_delivery(local: LocalStack) -> None:
    local.upload()
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], lambda *_: 503) as connection:
        fails(local, Reason.STORAGE, PICTURE_STORAGE=connection)
    assert local.requests() == []
