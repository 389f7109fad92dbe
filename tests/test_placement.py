"""A picture that BC already shows is not written again, and each item has a record of its own."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from shared.errors import Reason, Transient
from shared.report import Outcome, Report
from shared.storage import names
from tests.support.item_pictures import (
    BLUE,
    BY_NUMBER_AND_BY_ID,
    GREEN,
    RED,
    colour_in_bc,
    deliver,
    item_in_bc,
    picture_of,
    put_by_hand,
    upload,
)
from tests.support.local_stack import DESK, DESK_ID, LocalStack

# --- nothing twice -----------------------------------------------------------------------------------------------


@BY_NUMBER_AND_BY_ID
def test_an_unchanged_picture_leaves_the_item_untouched(local: LocalStack, path: str) -> None:
    upload(local, BLUE, path)
    before = item_in_bc(local)
    report = upload(local, BLUE, path)
    assert report.outcome is Outcome.UNCHANGED
    assert item_in_bc(local) == before, "including lastModifiedDateTime and the number of stored media"
    assert local.names(names.INCOMING) == []
    assert len(local.names(names.ARCHIVE)) == 2


def test_the_same_picture_from_another_file_is_unchanged_too(local: LocalStack) -> None:
    """The rendered picture counts, not the file: here a lossless copy in another format."""
    target = BytesIO()
    Image.new("RGB", (90, 60), BLUE).save(target, "PNG")
    local.upload(content=target.getvalue())
    deliver(local)
    target = BytesIO()
    Image.new("RGB", (90, 60), BLUE).save(target, "BMP")
    local.upload(content=target.getvalue())
    assert deliver(local).outcome is Outcome.UNCHANGED
    assert len(local.requests("PATCH")) == 1


def test_unchanged_means_what_bc_really_shows(local: LocalStack) -> None:
    upload(local, BLUE)
    put_by_hand(local, GREEN)
    assert upload(local, BLUE).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE


def test_a_picture_removed_from_the_item_is_written_again(local: LocalStack) -> None:
    upload(local, BLUE)
    put_by_hand(local)
    assert item_in_bc(local)["picture"] is None
    assert upload(local, BLUE).outcome is Outcome.UPDATED
    assert colour_in_bc(local) == BLUE


def test_other_settings_make_another_picture(local: LocalStack) -> None:
    upload(local, BLUE)
    local.upload(content=picture_of(BLUE))
    assert deliver(local, PICTURE_MAX_SIDE="64").outcome is Outcome.UPDATED


def test_a_delivery_after_the_work_is_done_does_nothing(local: LocalStack) -> None:
    upload(local, BLUE)
    requests_before = len(local.requests())
    report = deliver(local)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_gone")
    assert len(local.requests()) == requests_before


def test_simultaneous_deliveries_write_once(local: LocalStack) -> None:
    local.upload(content=picture_of(BLUE))
    pipelines = [local.pipeline() for _ in range(4)]
    with ThreadPoolExecutor(len(pipelines)) as threads:
        deliveries = [threads.submit(pipeline.process, names.INCOMING, DESK) for pipeline in pipelines]
        results = [delivery.exception() or delivery.result() for delivery in deliveries]
    assert len(local.requests("PATCH")) == 1
    assert item_in_bc(local)["media_stored"] == 1
    for result in results:  # on their manual clocks, the other deliveries wait 5 s in no time
        assert isinstance(result, Report) or (isinstance(result, Transient) and result.reason is Reason.ITEM_BUSY)
    assert local.names(names.INCOMING) == []
    assert len(local.names(names.ARCHIVE)) == 1


# --- the record itself -------------------------------------------------------------------------------------------


def test_a_records_name_has_environment_company_and_item(local: LocalStack) -> None:
    upload(local, BLUE)
    company = local.stack.endpoints.company_id
    assert local.names(names.RECORDS) == [f"sandbox/{company}/{DESK_ID}.json"]


def test_the_same_item_number_in_another_company_is_another_item(local: LocalStack) -> None:
    upload(local, BLUE)
    local.upload("NORDWIND/1000.jpg", picture_of(RED))
    deliver(local, "NORDWIND/1000.jpg")
    assert len(local.names(names.RECORDS)) == 2
    assert colour_in_bc(local) == BLUE


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'{"version": 2}', b"\xff\xfe", b"null"])
def test_an_unreadable_record_is_named_and_its_uploads_wait(local: LocalStack, text: bytes) -> None:
    upload(local, BLUE)
    (name,) = local.names(names.RECORDS)
    local.storage.get_blob_client(names.RECORDS, name).upload_blob(text, overwrite=True)
    local.upload(content=picture_of(RED))
    with pytest.raises(Transient) as failure:
        deliver(local)
    assert failure.value.reason is Reason.STORAGE
    assert f"records/{name}" in failure.value.detail
    assert "remove that blob" in failure.value.detail
    local.storage.get_blob_client(names.RECORDS, name).delete_blob()
    assert deliver(local).outcome is Outcome.UPDATED


def test_a_missing_records_container_fails_the_delivery(local: LocalStack) -> None:
    local.storage.delete_container(names.RECORDS)
    local.upload(content=picture_of(BLUE))
    with pytest.raises(Transient) as failure:
        deliver(local)
    assert failure.value.reason is Reason.STORAGE
    assert "ContainerNotFound" in failure.value.detail
    assert local.requests("PATCH") == []
