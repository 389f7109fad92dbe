"""A run that continues a list does what is left and no more, whatever has happened meanwhile."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from devstack.stack import Stack
from operate import manifest
from operate.manifest import State
from shared.storage.names import INCOMING
from tests.operate.command import Operator, operator_of
from tests.operate.photographs import photographs
from tests.support.faulty_storage import Answer, storage_proxy
from tests.support.item_pictures import GREEN, put_by_hand
from tests.support.local_stack import DESK, LocalStack

COMPANY = "CRONUS USA, Inc"
LIST = "list.csv"


def test_a_picture_added_by_hand_meanwhile_stays_if_only_missing_ones_are_wished(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    operator.run("backfill", folder, "--only-missing", "--dry-run", "--manifest", LIST)
    put_by_hand(local, GREEN)
    ended = operator.run("backfill", folder, "--resume", LIST, "--only-missing", "--json")
    assert ended.states == {"1896-S.jpg": "skipped", "1900-S.jpg": "uploaded"}
    assert local.names(INCOMING) == [f"{COMPANY}/1900-S.jpg"]


def test_a_company_beside_a_list_is_refused(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    operator.run("backfill", folder, "--dry-run", "--manifest", LIST)
    for more in ((), ("--failed",)):
        ended = operator.run("backfill", folder, "--resume", LIST, "--company", "NORDWIND", *more)
        assert ended.code == 2
        assert "--company" in ended.err
    assert local.names(INCOMING) == []


@pytest.mark.parametrize(
    "arguments", [("backfill", "photos", "--dry-run"), ("backfill", "photos"), ("export", "out")], ids=" ".join
)
def test_no_file_is_overwritten_by_a_new_list(
    arguments: tuple[str, ...], operator: Operator, local: LocalStack
) -> None:
    photographs(operator.folder / "photos", "1896-S.jpg")
    mine = operator.folder / "prices.xlsx"
    mine.write_bytes(b"mine")
    ended = operator.run(*arguments, "--manifest", mine.name)
    assert ended.code == 2
    assert "prices.xlsx exists. Continue it with --resume" in " ".join(ended.err.split())
    assert mine.read_bytes() == b"mine"
    assert not (operator.folder / "prices.xlsx.lock").exists()
    assert local.names(INCOMING) == []


def test_a_function_that_is_dead_is_waited_for_once(local: LocalStack, running_stack: Stack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg", "1906-S.jpg")
    looks: list[str] = []

    def count(_method: str, path: str, _headers: object) -> None:
        if "comp=list" in path and "maxresults" not in path:  # that one only asks what time it is
            looks.append(path)

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, count) as storage,
        operator_of(running_stack, tmp_path, storage) as watched,
    ):
        options = ("--under-way", "2", "--patience", "2", "--wait", "--json")
        ended = watched.run("backfill", folder, *options, "--manifest", LIST)
    assert sorted(ended.states.values()) == ["planned", "waiting", "waiting"]
    # Every second: at once, and twice more until the patience is used up; then one last look at what waits.
    assert len(looks) == 4
    assert len(local.names(INCOMING)) == 2
    assert "item-pictures status says why" in " ".join(ended.err.split())


def test_what_waits_does_not_hold_up_what_is_planned(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg", "1906-S.jpg")
    options = ("--under-way", "2", "--patience", "1", "--wait", "--json")
    first = operator.run("backfill", folder, *options, "--manifest", LIST)
    assert sorted(first.states.values()) == ["planned", "waiting", "waiting"]
    again = operator.run("backfill", folder, *options, "--resume", LIST)
    assert set(again.states.values()) == {"waiting"}
    assert len(local.names(INCOMING)) == 3


def test_an_upload_that_has_vanished_is_shown(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    assert operator.run("backfill", folder, "--manifest", LIST).code == 0
    local.incoming().delete_blob()
    ended = operator.run("backfill", folder, "--resume", LIST, "--wait")
    assert ended.code == 1
    assert "neither archive nor quarantine has it" in ended.words
    assert [row.state for row in manifest.read(operator.folder / LIST)] == [State.UPLOADED]


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=1), timedelta(hours=-1)], ids=str)
def test_an_upload_is_found_whatever_this_machines_clock_says(
    ahead: timedelta, local: LocalStack, running_stack: Stack, tmp_path: Path
) -> None:
    """Its answer got lost, and it has left incoming by the time that anybody looks; of one, the app keeps no hash."""
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg", "1906-S.jpg")
    (folder / "1900-S.jpg").write_bytes((folder / "1900-S.jpg").read_bytes()[:200])
    with (folder / "1906-S.jpg").open("ab") as file:
        file.write(bytes(100_000))  # the app refuses it unread
    local.pass_storage_time(seconds=ahead.total_seconds())
    pipeline = local.pipeline(UNFINISHED_WAIT="PT0S", SOURCE_MAX_BYTES="50000")
    effects: list[str] = []

    def lose(method: str, path: str, _headers: object) -> Answer | None:
        if method == "PUT":
            effects.append(path)
            return Answer.LOST
        if method == "HEAD":
            for name in local.names(INCOMING):
                pipeline.process(INCOMING, name)
        return None

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, lose) as storage,
        operator_of(running_stack, tmp_path, storage) as unlucky,
    ):
        ended = unlucky.run("backfill", folder, "--json", "--concurrency", "1")
    assert ended.out, ended.err
    assert ended.states == {"1896-S.jpg": "updated", "1900-S.jpg": "quarantined", "1906-S.jpg": "quarantined"}, (
        ended.err
    )
    assert [row["reason"].partition(":")[0] for row in ended.document["files"]] == ["", "not_an_image", "too_large"]
    assert len(effects) == 3
    assert len(local.requests("PATCH")) == 1


def test_the_disk_knows_of_an_upload_before_storage_does(
    local: LocalStack, running_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut would leave of the list says ``uploading`` of each file that may have been sent."""
    names = ("1896-S.jpg", "1900-S.jpg", "1906-S.jpg", "1908-S.jpg")
    folder, listed = photographs(tmp_path / "photos", *names), tmp_path / LIST
    on_disk: list[bytes] = []
    sync = os.fsync

    def watched_sync(descriptor: int) -> None:
        written = listed.read_bytes() if listed.exists() else b""
        sync(descriptor)
        on_disk.append(written)

    known: dict[str, bool] = {}

    def look(method: str, path: str, _headers: object) -> None:
        if method == "PUT":
            name = unquote(path).partition("?")[0].rpartition("/")[2]
            lines = [line for text in on_disk for line in text.decode().splitlines() if line.startswith(f"{name},")]
            known[name] = any(",uploading," in line for line in lines)

    monkeypatch.setattr(os, "fsync", watched_sync)
    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, look) as storage,
        operator_of(running_stack, tmp_path, storage) as watched,
    ):
        assert watched.run("backfill", folder, "--manifest", LIST).code == 0
    assert known == dict.fromkeys(names, True)
    assert len(local.names(INCOMING)) == len(names)


def test_a_file_that_the_app_would_refuse_for_its_size_is_not_uploaded(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    operator.configure(settings={"SOURCE_MAX_BYTES": "2048"})
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    with (folder / "1896-S.jpg").open("ab") as file:
        file.write(bytes(2048))
    ended = operator.run("backfill", folder, "--json")
    assert ended.states == {"1896-S.jpg": "failed", "1900-S.jpg": "uploaded"}
    assert "larger than 2 KiB (SOURCE_MAX_BYTES)" in ended.document["files"][0]["reason"]
    assert DESK not in local.names(INCOMING)
