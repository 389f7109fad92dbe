"""status says what waits, settles, is stuck or in quarantine, by reason and age; and all about one item or file."""

import json
from typing import Any

import pytest

from operate.incoming import STUCK_AFTER
from shared.storage import names
from shared.storage.names import encode_metadata
from tests.operate.command import Operator
from tests.support.item_pictures import (
    BLUE,
    GREEN,
    RED,
    deliver,
    picture_of,
    put_by_hand,
    upload,
    upload_with_lost_answer,
)
from tests.support.local_stack import DESK, DESK_ID, LocalStack
from tests.support.replays import set_aside, without_its_item

CRONUS = "CRONUS USA, Inc"
LAMP = f"{CRONUS}/1928-S.jpg"


def groups(operator: Operator) -> dict[tuple[str, str | None], dict[str, Any]]:
    found = operator.asked("status")["groups"]
    return {(group["state"], group["reason"]): group for group in found}


def test_nothing_to_tell_is_said_in_a_line(operator: Operator) -> None:
    ended = operator.run("status")
    assert ended.code == 0
    assert "Nothing waits, and nothing is in quarantine." in ended.out


@pytest.mark.parametrize(
    ("path", "content", "state", "reason"),
    [
        (DESK, picture_of(BLUE), "arriving", None),
        (f"{CRONUS}/NOPE.jpg", picture_of(BLUE), "waiting", "item_not_found"),
        ("Fabrikam/1896-S.jpg", picture_of(BLUE), "waiting", "company_not_found"),
        (DESK, b"", "waiting", "unfinished"),
        (f"{DESK}.filepart", picture_of(BLUE), "waiting", "unfinished"),
        ("a/b/c/d.jpg", picture_of(BLUE), "arriving", "bad_path"),
        ("Thumbs.db", b"x", "arriving", "ignored"),
    ],
)
def test_an_upload_has_its_state_and_reason(
    path: str, content: bytes, state: str, reason: str | None, local: LocalStack, operator: Operator
) -> None:
    local.upload(path, content)
    assert {key: group["oldest_file"] for key, group in groups(operator).items()} == {(state, reason): path}


def test_an_upload_without_a_known_obstacle_is_stuck(local: LocalStack, operator: Operator) -> None:
    local.upload(DESK)
    local.upload(f"{CRONUS}/NOPE.jpg")
    local.pass_storage_time(seconds=STUCK_AFTER.total_seconds() + 60)
    assert set(groups(operator)) == {("stuck", None), ("waiting", "item_not_found")}
    words = operator.run("status").words
    assert "Business Central rejects the pictures (rejected)" in words
    assert "docs/operations.md#an-upload-is-stuck" in words


def test_an_upload_in_doubt_settles(local: LocalStack, operator: Operator) -> None:
    upload_with_lost_answer(local, RED)
    deliver(local)
    assert set(groups(operator)) == {("settling", "settling")}
    local.pass_time(minutes=21)
    deliver(local)
    assert groups(operator) == {}


def test_quarantine_is_counted_by_reason_with_ages(local: LocalStack, operator: Operator) -> None:
    set_aside(local, DESK, b"no picture at all, but long enough to be judged")
    local.pass_storage_time(hours=3)
    set_aside(local, LAMP, b"no picture at all, but long enough to be judged")
    without_its_item(local)
    found = groups(operator)
    assert {key: group["files"] for key, group in found.items()} == {
        ("quarantined", "not_an_image"): 2,
        ("quarantined", "item_not_found"): 1,
    }
    broken = found["quarantined", "not_an_image"]
    assert (broken["oldest_file"], broken["oldest_s"] >= 3 * 3600, broken["youngest_s"] < 3600) == (DESK, True, True)


def test_what_is_stuck_comes_before_what_waits(local: LocalStack, operator: Operator) -> None:
    without_its_item(local)
    local.upload(f"{CRONUS}/NOPE.jpg")
    local.upload(DESK)
    local.pass_storage_time(hours=2)
    states = [group["state"] for group in operator.asked("status")["groups"]]
    assert states == ["stuck", "waiting", "quarantined"]


def test_files_are_listed_when_asked_for(local: LocalStack, operator: Operator) -> None:
    local.upload(DESK)
    local.upload(f"{CRONUS}/NOPE.jpg")
    assert "files" not in operator.asked("status")
    listed = operator.asked("status", "--list")["files"]
    assert sorted(each["name"] for each in listed) == [DESK, f"{CRONUS}/NOPE.jpg"]


def test_thousands_of_uploads_cost_few_requests_to_bc(local: LocalStack, operator: Operator) -> None:
    for number in range(120):
        local.upload(f"{CRONUS}/NOPE-{number}.jpg", b"x")
    before = len(local.requests())
    assert groups(operator)["waiting", "item_not_found"]["files"] == 120
    assert len(local.requests()) - before <= 1 + 3, "the companies, and 40 numbers at a time"


def test_a_number_that_bc_was_not_asked_for_is_not_said_to_be_missing(local: LocalStack, operator: Operator) -> None:
    """Among hundreds of numbers beyond ASCII there is one that BC alone takes for another number's."""
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number="STRASSE")
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in "STRASSE")
    for number in (*(f"Ä-NONE-{each}" for each in range(430)), full_width):
        local.upload(f"{CRONUS}/{number}.jpg", b"x")
    found = groups(operator)
    assert found["waiting", "item_not_found"]["files"] == 430
    others = [group for key, group in found.items() if key != ("waiting", "item_not_found")]
    assert [group["oldest_file"] for group in others] == [f"{CRONUS}/{full_width}.jpg"]


def test_without_bc_the_state_is_unknown(local: LocalStack, operator: Operator) -> None:
    local.upload(DESK)
    for _ in range(4):
        local.fault(403)
    ended = operator.run("status")
    assert ended.code == 0
    assert "unknown" in ended.out
    assert "item-pictures doctor says why" in ended.words


def test_the_last_sweep_is_told(local: LocalStack, operator: Operator) -> None:
    assert "No sweep has ended yet" in operator.run("status").out
    local.app().sweep.run()
    local.pass_storage_time(minutes=7)
    assert "The last sweep ended 7 min ago." in operator.run("status").out


def test_an_items_story_has_every_station(local: LocalStack, operator: Operator) -> None:
    put_by_hand(local, GREEN)
    upload(local, BLUE)
    upload(local, RED)
    set_aside(local, DESK, b"no picture at all, but long enough to be judged")
    local.upload(DESK, picture_of(GREEN))
    story = operator.asked("status", "1896-s")
    assert story["item"] == {"number": "1896-S", "id": DESK_ID, "company": "CRONUS USA, Inc."}
    assert [each["name"] for each in story["incoming"]] == [DESK]
    assert story["record"]["on"]["name"] == DESK
    assert sorted(each["outcome"] for each in story["archive"]) == ["before", "updated", "updated"]
    assert [each["reason"] for each in story["quarantine"]] == ["not_an_image"]
    assert story["business_central"]["as_recorded"] is True


@pytest.mark.parametrize("name", ["1896-S", " 1896-s", DESK_ID, f"{{{DESK_ID.upper()}}}"])
def test_an_item_is_found_however_it_is_named(name: str, operator: Operator) -> None:
    assert operator.asked("status", name)["item"]["id"] == DESK_ID


@pytest.mark.parametrize("gtin", ["4000012504059", "04000012504059", "4000012 504059"])
def test_an_item_is_found_by_its_gtin_at_any_length(gtin: str, operator: Operator) -> None:
    assert operator.asked("status", gtin)["item"]["number"] == "1900-S"


def test_letters_may_be_decomposed(local: LocalStack, operator: Operator) -> None:
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number="Ä-1100")
    assert operator.asked("status", "A\u0308-1100")["item"]["number"] == "Ä-1100"


def test_a_picture_put_there_by_hand_is_noticed(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    assert "It is the one in the record." in operator.run("status", "1896-S").words
    put_by_hand(local, GREEN)
    ended = operator.run("status", "1896-S")
    assert "33 × 22 pixels" in ended.words
    assert "somebody has put it there" in ended.words


def test_an_item_without_anything_says_so(operator: Operator) -> None:
    words = operator.run("status", "1896-S").words
    assert "this app has not put a picture on the item yet" in words
    assert "Business Central shows no picture." in words


def test_a_files_story_leaves_out_other_files(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE, DESK)
    upload(local, RED, f"{CRONUS}/1896-S.png")
    story = operator.asked("status", DESK)
    assert (story["file"], story["item"]["number"]) == (DESK, "1896-S")
    assert {each["source_name"] for each in story["archive"]} == {DESK}
    assert story["record"]["on"]["name"] == f"{CRONUS}/1896-S.png", "a newer one is on the item"


def test_a_quarantined_files_story_has_the_notes_words(local: LocalStack, operator: Operator) -> None:
    set_aside(local, "a/b/c/d.jpg", picture_of(BLUE))
    words = operator.run("status", "a/b/c/d.jpg").words
    assert "bad_path" in words
    assert "fits none of the expected forms" in words


def test_what_nobody_knows_is_refused_in_a_line(operator: Operator) -> None:
    ended = operator.run("status", "no such thing")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "'no such thing' is not an item or a file" in ended.err


def test_a_name_with_two_meanings_is_not_guessed(local: LocalStack, operator: Operator) -> None:
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number="1896.JPG")
    local.upload("1896.JPG")
    ended = operator.run("status", "1896.JPG")
    assert ended.code == 2
    assert "Add --item or --file" in ended.err
    assert operator.asked("status", "--item", "1896.JPG")["item"]["number"] == "1896.JPG"
    assert operator.asked("status", "--file", "1896.JPG")["file"] == "1896.JPG"


@pytest.mark.parametrize("columns", [40, 80])
def test_lines_fit_the_terminal(columns: int, local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    set_aside(local, f"{CRONUS}/{'x' * 60}.jpg", picture_of(BLUE))
    ended = [operator.run("status", columns=columns), operator.run("status", "1896-S", columns=columns)]
    lines = [line for each in ended for line in each.out.splitlines()]
    assert len(lines) > 8
    assert [line for line in lines if len(line.rstrip()) > columns] == []


def test_no_name_steers_the_terminal(local: LocalStack, operator: Operator) -> None:
    hostile = "\x1b]0;owned\x07\x1b[31m\u202e.jpg"
    values = {"source_name": hostile, "source_etag": "0x1", "uploaded_at": "2026-01-01T00:00:00+00:00"}
    metadata = encode_metadata({**values, "upload_id": "1", "reason": "bad_path", "detail": hostile})
    blob = local.storage.get_blob_client(names.QUARANTINE, f"bad_path/x~{names.fingerprint(hostile, '0x1')}.jpg")
    blob.upload_blob(b"x", metadata=metadata)
    for arguments in (("status",), ("status", "--list"), ("replay", "--reason", "bad_path", "--dry-run")):
        ended = operator.run(*arguments)
        assert "owned" in ended.out + ended.err, arguments
        assert not {"\x1b", "\x07", "\u202e"} & set(ended.out + ended.err), arguments


def test_json_is_one_document_whatever_the_names(local: LocalStack, operator: Operator) -> None:
    local.upload("a/b/c/\u202e\"'<.jpg")
    ended = operator.run("status", "--json", "--list")
    assert json.loads(ended.out)["files"][0]["name"] == "a/b/c/\u202e\"'<.jpg"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--company", "NORDWIND"), "--company: is for a name"),
        (("--file",), "--file: is for a name"),
        (("--item",), "--item: is for a name"),
        (("--file", DESK, "--company", "NORDWIND"), "--company: is for an item"),
        (("1896-S", "--list"), "--list: is for all files"),
        (("1896-S", "--item", "--file"), "name one of --item and --file"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    arguments: tuple[str, ...], problem: str, operator: Operator
) -> None:
    ended = operator.run("status", *arguments)
    assert ended.code == 2
    assert problem in " ".join(ended.err.split())
