"""An upload may be replaced or removed at any moment: no version is lost, and the newer event covers it."""

from collections.abc import Callable
from http.client import HTTPMessage

import pytest

from shared.report import Outcome
from shared.storage import names
from tests.support.failing_deliveries import AtFirst, is_copy, is_delete, is_second_part
from tests.support.faulty_storage import storage_proxy
from tests.support.local_stack import DESK, LocalStack, photograph


def test_a_source_that_is_gone_is_superseded(local: LocalStack) -> None:
    report = local.pipeline().process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_gone")
    assert local.requests() == []


def test_a_bad_path_that_is_gone_is_superseded(local: LocalStack) -> None:
    report = local.pipeline().process(names.INCOMING, "a/b/c/d.jpg")
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_gone")


def test_an_event_for_another_container_touches_nothing(local: LocalStack) -> None:
    local.storage.get_blob_client(names.ARCHIVE, DESK).upload_blob(photograph())
    report = local.pipeline().process(names.ARCHIVE, DESK)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "not_incoming")
    assert local.names(names.ARCHIVE) == [DESK]


def test_a_source_replaced_during_the_read_is_superseded(local: LocalStack) -> None:
    name = "CRONUS USA, Inc/1896-S.bmp"
    local.upload(name, photograph(size=(4000, 4000), picture_format="BMP"))
    replace = AtFirst(lambda: local.upload(name, b"newer"), is_second_part)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], replace) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, name)
    assert replace.has_acted
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_changed")
    assert local.read(names.INCOMING, name) == b"newer"
    assert local.requests() == []


@pytest.mark.parametrize("step", [is_copy, is_delete], ids=["before the copy", "before the delete"])
@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "removed"])
def test_a_source_changed_after_the_patch_loses_no_version(
    local: LocalStack, step: Callable[[str, str, HTTPMessage], bool], replaced: bool
) -> None:
    content = local.upload()
    change = AtFirst(lambda: local.upload(content=b"newer") if replaced else local.incoming().delete_blob(), step)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], change) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert change.has_acted
    assert report.outcome is Outcome.UPDATED
    assert local.read(names.INCOMING, DESK) == (b"newer" if replaced else None)
    assert [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)] == [content]


def test_a_bad_picture_replaced_meanwhile_is_superseded(local: LocalStack) -> None:
    local.upload(content=b"not a picture")
    replace = AtFirst(lambda: local.upload(content=b"newer"), is_copy)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], replace) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert replace.has_acted
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_changed")
    assert local.read(names.INCOMING, DESK) == b"newer"


def test_a_bad_picture_gone_before_its_delete_is_quarantined(
    local: LocalStack,
) -> None:
    """It looks like this when the answer to the delete is lost and the SDK repeats the request."""
    local.upload(content=b"not a picture")
    remove = AtFirst(lambda: local.incoming().delete_blob(), is_delete)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], remove) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "not_an_image")
    assert len(local.names(names.QUARANTINE)) == 2
