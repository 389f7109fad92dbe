"""The local host takes messages from real queues as the real host does: in batches, with retries and a poison queue."""

import base64
import json
from pathlib import Path

import pytest

from devstack.functions_host.host_json import HostSettings
from tests.support.hosted import EVERY_SECOND, small_app, text
from tests.support.local_stack import LocalStack


@pytest.mark.parametrize(
    ("concurrency", "batch"), [(1, (1, 0)), (2, (2, 0)), (4, (3, 1)), (16, (9, 7)), (80, (32, 48))]
)
def test_concurrency_becomes_batch_and_threshold(tmp_path: Path, concurrency: int, batch: tuple[int, int]) -> None:
    """The values of SharedBlobQueueListenerFactory in azure-sdk-for-net."""
    settings = {"extensions": {"blobs": {"maxDegreeOfParallelism": concurrency}}}
    (tmp_path / "host.json").write_text(json.dumps(settings), encoding="utf-8")
    read = HostSettings.read(tmp_path / "host.json")
    assert (read.blobs.size, read.blobs.threshold) == batch
    assert (read.blobs.deliveries, read.timeout) == (5, 1800)


def test_four_means_three_and_three_more_when_one_is_left(local: LocalStack, tmp_path: Path) -> None:
    uploads = [f"wait-{number}" for number in range(8)]
    with small_app(local, tmp_path, existing=uploads, concurrency=4, TIMER_SCHEDULE=EVERY_SECOND) as app:
        started = [event["blob"] for event in app.wait("started", 3)]
        app.wait_for_ticks()
        app.open_gate(started[0])
        app.wait("ended")
        app.wait_for_ticks()
        assert len(app.said("started")) == 3
        assert app.visible_messages() == 5
        app.open_gate(started[1])
        app.wait("started", 6)
        app.wait_for_ticks()
        assert len(app.said("started")) == 6
        assert app.visible_messages() == 2


def test_two_means_two_and_none_until_both_end(local: LocalStack, tmp_path: Path) -> None:
    uploads = [f"wait-{number}" for number in range(4)]
    with small_app(local, tmp_path, existing=uploads, concurrency=2, TIMER_SCHEDULE=EVERY_SECOND) as app:
        started = [event["blob"] for event in app.wait("started", 2)]
        app.open_gate(started[0])
        app.wait("ended")
        app.wait_for_ticks()
        assert len(app.said("started")) == 2
        app.open_gate(started[1])
        app.wait("started", 4)


def test_what_fails_comes_again_at_once_and_ends_as_poison(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, deliveries=3) as app:
        etag = local.incoming("pass-fail").upload_blob(b"")["etag"]
        app.wait("poisoned", blob="pass-fail", attempts=3)
        failures = app.said("delivery_failed", blob="pass-fail", error="as its name says")
        assert [failure["attempt"] for failure in failures] == [1, 2, 3]
        (poison,) = app.poison.peek_messages(max_messages=32)
        assert json.loads(text(poison.content)) == {
            "Type": "BlobTrigger",
            "FunctionId": "Host.Functions.item_picture_uploaded",
            "BlobType": "BlockBlob",
            "ContainerName": "product-images",
            "BlobName": "pass-fail",
            "ETag": etag,
        }


def test_message_about_a_deleted_blob_counts_as_done(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path, concurrency=1) as app:
        app.upload("wait-0")
        app.wait("started")
        app.upload("wait-1")
        app.wait_until_visible(1)
        local.incoming("wait-1").delete_blob()
        app.open_gate("wait-0")
        app.upload("pass-2")
        app.wait("ended", blob="pass-2")
        assert not app.said("started", blob="wait-1")
        assert not app.said("delivery_failed")


def test_long_call_keeps_its_message(local: LocalStack, tmp_path: Path) -> None:
    """Its visibility is renewed, so that neither host delivers it again while it runs."""
    with small_app(local, tmp_path, hosts=2, visibility=2, TIMER_SCHEDULE=EVERY_SECOND) as app:
        app.upload("wait-0")
        app.wait("started")
        app.wait_for_ticks(5)
        app.open_gate("wait-0")
        app.wait("ended")
        app.wait_for_ticks()
        assert len(app.said("started")) == 1


def test_queue_trigger_gets_each_message_up_to_five_times(local: LocalStack, tmp_path: Path) -> None:
    with small_app(local, tmp_path) as app:
        queue, poison = app.queue_named("small-queue"), app.queue_named("small-queue-poison")
        for body in ("hello", "fail"):
            queue.send_message(base64.b64encode(body.encode()).decode())
        (hello,) = app.wait("message", body="hello")
        assert hello["count"] == 1
        app.wait("message_poisoned")
        assert [event["count"] for event in app.said("message", body="fail")] == [1, 2, 3, 4, 5]
        assert [text(message.content) for message in poison.peek_messages(max_messages=32)] == ["fail"]


def test_disabled_function_is_not_called(local: LocalStack, tmp_path: Path) -> None:
    disabled = {"AzureWebJobs.item_picture_uploaded.Disabled": "true"}
    with small_app(local, tmp_path, TIMER_SCHEDULE=EVERY_SECOND, **disabled) as app:
        app.upload("pass-0")
        app.wait_for_ticks(3)
        assert not app.said("started")
