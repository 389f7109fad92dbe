"""Follows one item's picture: uploads of one colour each, the colour that BC shows, the pictures that we saved."""

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import ImageStat

from shared.errors import Reason, Transient
from shared.report import Report
from shared.storage import names
from tests.support.local_stack import DESK, DESK_ID, LocalStack, photograph

BY_ID = f"CRONUS USA, Inc/{DESK_ID}.jpg"
PNG = "CRONUS USA, Inc/1896-S.png"
BLUE, RED, GREEN = "#3355aa", "#aa3322", "#33aa44"
BY_NUMBER_AND_BY_ID = pytest.mark.parametrize("path", [DESK, BY_ID], ids=["by number", "by id"])


def picture_of(colour: str, size: tuple[int, int] = (90, 60)) -> bytes:
    return photograph(colour, size)


def deliver(local: LocalStack, path: str = DESK, **settings: str) -> Report:
    """Deliver an upload to a new process."""
    return local.pipeline(**settings).process(names.INCOMING, path)


def upload(local: LocalStack, colour: str, path: str = DESK) -> Report:
    """Upload a picture of this colour, and deliver it."""
    local.upload(path, picture_of(colour))
    return deliver(local, path)


def colour_in_bc(local: LocalStack) -> str:
    """Return the colour that BC shows: BLUE, RED or GREEN."""
    picture = local.picture()
    assert picture is not None
    red, green, blue = ImageStat.Stat(picture.convert("RGB")).mean
    return {red: RED, green: GREEN, blue: BLUE}[max(red, green, blue)]


def item_in_bc(local: LocalStack) -> Any:
    return local.control("GET", f"items/{DESK_ID}")


def put_by_hand(local: LocalStack, *colours: str) -> list[bytes]:
    """Put pictures of these colours on the item, as a user of BC would, and return them."""
    contents = [picture_of(colour, (33, 22)) for colour in colours]
    encoded = [base64.b64encode(content).decode() for content in contents]
    local.control("POST", f"items/{DESK_ID}/pictures", contents=encoded)
    return contents


def kept_pictures(local: LocalStack) -> list[bytes | None]:
    """Return the pictures that we saved because BC showed them before our first upload."""
    return [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE) if ".before." in name]


def upload_with_lost_answer(local: LocalStack, colour: str, path: str = DESK, applied: Any = "later") -> None:
    """Upload a picture whose PATCH gets no answer; ``applied`` says whether BC writes it all the same."""
    local.upload(path, picture_of(colour))
    local.fault(drop=True, method="PATCH", applied=applied)
    with pytest.raises(Transient) as failure:
        deliver(local, path)
    assert failure.value.reason is Reason.BC_NO_ANSWER


def deliver_after_doubt(local: LocalStack, path: str = DESK) -> Report:
    """Let the doubt expire, and deliver the waiting upload again."""
    local.pass_time(minutes=21)
    return deliver(local, path)


def upload_twice_within_a_second(local: LocalStack) -> None:
    """Deliver one upload, and leave a second one with the same name and time in incoming."""
    while True:
        upload(local, BLUE)
        (archived, *_) = reversed(local.names(names.ARCHIVE))
        first_uploaded_at = local.metadata(names.ARCHIVE, archived)["uploaded_at"]
        local.upload(content=picture_of(RED))
        if local.incoming().get_blob_properties().last_modified.isoformat() == first_uploaded_at:
            return
        local.reset()


class StorageRequests(logging.Handler):
    """Counts the requests of the app's own clients to storage."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("Request URL") and "item-picture-sync/" in text:
            self.methods.append(text.split("Request method: '")[1].split("'")[0])


@contextmanager
def storage_requests() -> Iterator[StorageRequests]:
    """Count requests to storage while the context lasts."""
    logger = logging.getLogger("azure.core.pipeline.policies.http_logging_policy")
    counter, level = StorageRequests(), logger.level
    logger.addHandler(counter)
    logger.setLevel(logging.INFO)
    try:
        yield counter
    finally:
        logger.setLevel(level)
        logger.removeHandler(counter)
