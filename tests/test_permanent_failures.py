"""An upload that can never succeed goes to quarantine, with a note that tells the uploader why."""

import random
from io import BytesIO

import pytest
from PIL import Image

from shared.report import Outcome
from shared.storage import names
from tests.support.failing_deliveries import is_quarantined
from tests.support.local_stack import DESK, LocalStack, Log, photograph


@pytest.mark.parametrize(
    "path", ["CRONUS USA, Inc/2026/1896-S.jpg", "no-extension", "CRONUS USA, Inc/.jpg", "a//b.jpg"]
)
def test_a_bad_path_is_quarantined_with_the_templates(local: LocalStack, path: str) -> None:
    explanation = is_quarantined(local, path, photograph(), "bad_path")
    assert "{company}/{item}.{extension}" in explanation
    assert local.requests() == []


@pytest.mark.parametrize("name", [".DS_Store", "CRONUS USA, Inc/Thumbs.db", "CRONUS USA, Inc/._1896-S.jpg"])
def test_files_left_by_operating_systems_cause_no_warning(
    local: LocalStack, log: Log, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    is_quarantined(local, name, b"\0\0\0\1Bud1", "ignored")
    assert [record.levelname for record in caplog.records if record.name == "item_picture_sync"] == ["INFO"]
    assert log()[0]["reason"] == "ignored"


@pytest.mark.parametrize(
    ("name", "metadata"), [("CRONUS USA, Inc", {"hdi_isfolder": "true"}), ("CRONUS USA, Inc/2026/", {})]
)
def test_a_directory_marker_is_ignored(local: LocalStack, name: str, metadata: dict[str, str]) -> None:
    local.incoming(name).upload_blob(b"", metadata=metadata)
    report = local.pipeline().process(names.INCOMING, name)
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "ignored")


def test_a_picture_whose_name_ends_in_a_slash_is_a_bad_path(local: LocalStack) -> None:
    is_quarantined(local, "CRONUS USA, Inc/1896-S.jpg/", photograph(), "bad_path")


def test_too_many_bytes_are_refused_before_they_are_decoded(local: LocalStack) -> None:
    explanation = is_quarantined(local, DESK, photograph(), "too_large", SOURCE_MAX_BYTES="1000")
    assert "1,000" in explanation


def test_too_many_pixels_are_refused_before_they_are_decoded(local: LocalStack) -> None:
    target = BytesIO()
    Image.new("1", (13000, 10000)).save(target, "PNG")
    assert "13000 × 10000" in is_quarantined(local, DESK, target.getvalue(), "too_large")


@pytest.mark.parametrize(
    "content",
    [
        photograph()[:3000],
        b"",
        b"These are not the bytes you are looking for.",
        b"<svg xmlns='x'/>",
        b"\xff\xd8" * 900,
    ],
    ids=["truncated", "empty", "text", "SVG", "corrupt"],
)
def test_anything_but_a_complete_picture_is_quarantined(local: LocalStack, content: bytes) -> None:
    is_quarantined(local, DESK, content, "not_an_image", UNFINISHED_WAIT="PT0S")
    assert local.requests() == []


def test_a_picture_that_cannot_shrink_enough_is_quarantined(local: LocalStack) -> None:
    noise = Image.frombytes("RGB", (512, 512), random.Random(1).randbytes(512 * 512 * 3))
    target = BytesIO()
    noise.save(target, "PNG")
    is_quarantined(local, DESK, target.getvalue(), "too_large", PICTURE_MAX_BYTES="4096")


def test_a_gtin_of_two_items_is_quarantined_with_both_numbers(local: LocalStack) -> None:
    explanation = is_quarantined(
        local, "4000013454339.jpg", photograph(), "item_ambiguous", BLOB_PATH_TEMPLATE="{gtin}.{extension}"
    )
    assert "'A&B 50%'" in explanation
    assert "'Ä-1100'" in explanation
