"""A folder of photographs gets onto its items: as shown before, each once, and what does not work is told."""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from PIL import Image

from devstack.stack import Stack
from operate import manifest
from operate.manifest import State
from shared.storage.names import INCOMING
from tests.operate.command import Operator, operator_of
from tests.operate.photographs import photograph, photographs
from tests.support.faulty_storage import Answer, storage_proxy
from tests.support.local_stack import DESK, LocalStack

COMPANY = "CRONUS USA, Inc"
SLASH_ID = "7b0c2f5e-1f62-4a44-9a3b-5d0a6a1c0e01"


@contextmanager
def function(local: LocalStack) -> Iterator[None]:
    """Take uploads up as they come, as the function would."""
    pipeline, end = local.pipeline(), Event()

    def work() -> None:
        while not end.wait(0.05):  # polling interval
            for name in local.names(INCOMING):
                pipeline.process(INCOMING, name)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_a_dry_run_shows_every_file_and_writes_nothing(local: LocalStack, running_stack: Stack, tmp_path: Path) -> None:
    folder = photographs(
        tmp_path / "photos", "1896-S_front.jpg", "1896-S_back.jpg", "4000012504059.png", "nope.jpg", "notes.txt"
    )
    seen: list[str] = []
    with (
        storage_proxy(
            running_stack.endpoints.storage_connection_string, lambda method, *_: seen.append(method)
        ) as storage,
        operator_of(running_stack, tmp_path, storage) as watched,
    ):
        shown = watched.run("backfill", folder, "--dry-run")
    assert shown.code == 1
    text = " ".join(shown.out.split())
    for words in ("Harbour Desk, oak", "Lido Guest", "upload (front)", "nope.jpg", "2 to upload, 2 skipped, 1 failed"):
        assert words in text
    assert {request["method"] for request in local.requests()} == {"GET"}
    assert set(seen) <= {"GET", "HEAD"}
    assert local.names(INCOMING) == []
    assert [path.name for path in tmp_path.glob("*.csv")] == []


def test_pictures_get_onto_their_items_and_the_list_says_so(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S_front.jpg", "1896-S_back.jpg", "70_061.png")
    with function(local):
        ended = operator.run("backfill", folder, "--wait", "--json")
    assert ended.code == 0, ended.err
    assert ended.states == {"1896-S_front.jpg": "updated", "1896-S_back.jpg": "skipped", "70_061.png": "updated"}
    shown = local.picture()
    assert shown
    with Image.open(folder / "1896-S_front.jpg") as sent:
        assert shown.size == sent.size
    (path,) = tmp_path.glob("backfill-*.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert {row["file"]: row["item"] for row in rows}["70_061.png"] == "70 061"
    assert len(local.requests("PATCH")) == 2


def test_a_number_with_a_slash_goes_under_the_items_id(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="10/12 MM", displayName="Hose", id=SLASH_ID)
    folder = photographs(tmp_path / "photos", "10-12 MM.jpg")
    assert operator.run("backfill", folder).code == 0
    assert local.names(INCOMING) == [f"{COMPANY}/{SLASH_ID}.jpg"]
    assert local.pipeline().process(INCOMING, local.names(INCOMING)[0]).outcome == "updated"
    assert local.picture(SLASH_ID)


def test_only_missing_leaves_items_alone_that_have_a_picture(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    local.upload()
    local.pipeline().process(INCOMING, DESK)
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    ended = operator.run("backfill", folder, "--only-missing", "--json")
    assert ended.states == {"1896-S.jpg": "skipped", "1900-S.jpg": "uploaded"}
    assert local.names(INCOMING) == [f"{COMPANY}/1900-S.jpg"]


def test_a_limit_ends_early_and_the_rest_can_be_resumed(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg", "1906-S.jpg")
    listed = tmp_path / "list.csv"
    first = operator.run("backfill", folder, "--limit", "2", "--manifest", listed)
    assert len(local.names(INCOMING)) == 2
    assert f"--resume {listed}" in "".join(first.err.splitlines())
    assert operator.run("backfill", folder, "--resume", listed).code == 0
    assert len(local.names(INCOMING)) == 3


def test_several_equal_claims_to_an_item_are_refused_by_line(operator: Operator, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1896-S.png", "1896-S_back.jpg", "a/1900-S.jpg")
    photograph(folder / "b" / "1900-S.jpg", 3)  # the same picture in two folders
    (folder / "b" / "1900-S.jpg").write_bytes((folder / "a" / "1900-S.jpg").read_bytes())
    ended = operator.run("backfill", folder, "--dry-run", "--json")
    assert ended.states == {
        "1896-S.jpg": "failed",
        "1896-S.png": "failed",
        "1896-S_back.jpg": "skipped",
        "a/1900-S.jpg": "planned",
        "b/1900-S.jpg": "skipped",
    }
    assert "1896-S.png claims the same item" in ended.document["files"][0]["reason"]


def test_a_map_says_which_file_goes_where(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "a.jpg", "sub/b.jpg", "c.jpg", "d.jpg", "e.jpg")
    table = tmp_path / "map.csv"
    table.write_text(
        "Datei;Firma;Artikelnr.;GTIN;Id;Vendor Item No.\n"
        "a.jpg;;1896-S;;;\n"
        "a.jpg;NORDWIND;1000;;;\n"  # one picture, two items
        "B;;;4000012504059;;\n"
        "c.jpg;;1896-S;4000012504059;;\n"  # two meanings
        "d.jpg;;;;;V-77\n"
        "gone.jpg;;1906-S;;;\n"
        "e.jpg;Nowhere;1906-S;;;\n",
        encoding="cp1252",
    )
    ended = operator.run("backfill", folder, "--map", table, "--json")
    assert ended.code == 1
    rows = ended.document["files"]
    assert [(row["file"], row["item"], row["company"]) for row in rows if row["state"] == "uploaded"] == [
        ("a.jpg", "1896-S", "CRONUS USA, Inc."),
        ("a.jpg", "1000", "NORDWIND"),
        ("sub/b.jpg", "1900-S", "CRONUS USA, Inc."),
    ]
    reasons = {row["file"]: row["reason"] for row in rows if row["state"] == "failed"}
    assert reasons.keys() == {"c.jpg", "d.jpg", "gone.jpg", "e.jpg"}
    assert "can mean 1896-S" in reasons["c.jpg"]
    assert "vendor's item numbers" in reasons["d.jpg"]
    assert "no such file" in reasons["gone.jpg"]
    assert "no company called 'Nowhere'" in reasons["e.jpg"]
    assert local.names(INCOMING) == [f"{COMPANY}/1896-S.jpg", f"{COMPANY}/1900-S.jpg", "NORDWIND/1000.jpg"]


def test_what_failed_is_corrected_and_run_again(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "wrong.jpg", "later.jpg")
    listed = tmp_path / "list.csv"
    assert operator.run("backfill", folder, "--manifest", listed).code == 1
    (folder / "wrong.jpg").rename(folder / "1900-S.jpg")
    text = listed.read_text(encoding="utf-8-sig").replace("wrong.jpg", "1900-S.jpg")
    listed.write_text(text, encoding="utf-8")
    again = operator.run("backfill", folder, "--resume", listed, "--failed", "--json")
    assert again.states == {"1896-S.jpg": "uploaded", "1900-S.jpg": "uploaded", "later.jpg": "failed"}
    assert local.names(INCOMING) == [f"{COMPANY}/1896-S.jpg", f"{COMPANY}/1900-S.jpg"]


def test_a_plan_can_be_kept_and_carried_out(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    plan = tmp_path / "plan.csv"
    assert operator.run("backfill", folder, "--dry-run", "--manifest", plan).code == 0
    assert [row.state for row in manifest.read(plan)] == [State.PLANNED, State.PLANNED]
    assert local.names(INCOMING) == []
    assert operator.run("backfill", folder, "--resume", plan).code == 0
    assert len(local.names(INCOMING)) == 2


def test_another_file_in_incoming_is_never_overwritten(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    theirs = local.upload()
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    ended = operator.run("backfill", folder, "--json")
    assert ended.states == {"1896-S.jpg": "failed"}
    assert "another file of this name" in ended.document["files"][0]["reason"]
    assert local.read(INCOMING, DESK) == theirs


@pytest.mark.parametrize("size", [1, 9 * 1024 * 1024], ids=["one request", "by blocks"])
def test_an_upload_whose_answer_was_lost_is_found_and_not_repeated(
    size: int, local: LocalStack, running_stack: Stack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    with (folder / "1896-S.jpg").open("ab") as file:
        file.write(b"\0" * size)
    effects: list[str] = []

    def lose_first(method: str, path: str, _headers: object) -> Answer | None:
        if method != "PUT" or "comp=block&" in path:
            return None
        effects.append(path)
        return Answer.LOST if len(effects) == 1 else None

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, lose_first) as storage,
        operator_of(running_stack, tmp_path, storage) as unlucky,
    ):
        ended = unlucky.run("backfill", folder, "--json")
    assert ended.states == {"1896-S.jpg": "uploaded"}, ended.err
    assert len(effects) == 1
    assert local.names(INCOMING) == [DESK]
    assert local.read(INCOMING, DESK) == (folder / "1896-S.jpg").read_bytes()


def test_no_more_are_under_way_than_allowed(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    names = ["1896-S", "1900-S", "1906-S", "1908-S", "1920-S", "1925-W", "1928-S"]
    folder = photographs(tmp_path / "photos", *(f"{name}.jpg" for name in names))
    options = ("--under-way", "2", "--patience", "2", "--json")
    stuck = operator.run("backfill", folder, *options, "--manifest", "list.csv")
    assert len(local.names(INCOMING)) == 2
    assert sorted(stuck.states.values()) == ["planned"] * 5 + ["uploaded"] * 2
    assert stuck.code == 1
    with function(local):
        ended = operator.run("backfill", folder, "--resume", "list.csv", *options, "--wait")
    assert set(ended.states.values()) == {"updated"}, ended.err


def test_waiting_says_what_became_of_each(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg", "1906-S.jpg")
    (folder / "1900-S.jpg").write_bytes((folder / "1900-S.jpg").read_bytes()[:200])
    pipeline = local.pipeline(UNFINISHED_WAIT="PT0S")
    first = operator.run("backfill", folder, "--manifest", "list.csv", "--limit", "2")
    assert first.code == 0
    for name in local.names(INCOMING):
        pipeline.process(INCOMING, name)
    ended = operator.run("backfill", folder, "--resume", "list.csv", "--wait", "--patience", "1", "--json")
    assert ended.states == {"1896-S.jpg": "updated", "1900-S.jpg": "quarantined", "1906-S.jpg": "waiting"}
    reasons = {row["file"]: row["reason"] for row in ended.document["files"]}
    assert reasons["1900-S.jpg"].startswith("not_an_image: ")
    assert "item-pictures status says why" in reasons["1906-S.jpg"]
    assert ended.code == 1
    pipeline.process(INCOMING, f"{COMPANY}/1906-S.jpg")
    again = operator.run("backfill", folder, "--resume", "list.csv", "--wait", "--json")
    assert again.states["1906-S.jpg"] == "updated"


def unbroken(text: str) -> str:
    """Return what was printed without blanks, each column of a table from top to bottom: long cells are folded."""
    columns, cells = [0], defaultdict[int, str](str)
    for line in text.splitlines():
        if line.startswith("File "):
            columns = [heading.start() for heading in re.finditer(r"\S+(?: \S+)*", line)]
        for start, end in zip(columns, [*columns[1:], None], strict=True):
            cells[start] += line[start:end]
    return "\n".join(re.sub(r"\s+", "", cell) for cell in cells.values())


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_output_fits_every_width_and_cuts_nothing(columns: int, operator: Operator, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S_front.jpg", "a-name-that-is-much-longer-than-its-column_back.jpg")
    ended = operator.run("backfill", folder, "--dry-run", columns=columns)
    lines = [*ended.out.splitlines(), *ended.err.splitlines()]
    assert max(map(len, lines)) <= columns
    assert "\x1b" not in ended.out + ended.err
    for words in ("1896-S_front.jpg", "a-name-that-is-much-longer-than-its-column_back.jpg", "HarbourDesk,oak"):
        assert words in unbroken(ended.out)


def test_json_is_one_document_whatever_happens(operator: Operator, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "x.txt")
    document = operator.run("--json", "backfill", folder, "--dry-run").document
    assert document["totals"] == {"planned": 1, "skipped": 1}
    assert document["manifest"] is None
    assert json.dumps(document)


def test_storage_that_refuses_us_ends_the_run_and_leaves_the_list(
    local: LocalStack, running_stack: Stack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")

    def refuse(method: str, *_: object) -> tuple[int, str] | None:
        return (403, "AuthorizationPermissionMismatch") if method == "PUT" else None

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, refuse) as storage,
        operator_of(running_stack, tmp_path, storage) as without_role,
    ):
        ended = without_role.run("backfill", folder, "--manifest", "list.csv")
    assert ended.code == 3
    assert "role Storage Blob Data Contributor" in " ".join(ended.err.split())
    assert "--resume list.csv" in " ".join(ended.err.split())
    assert {row.state for row in manifest.read(tmp_path / "list.csv")} == {State.PLANNED}
    assert local.names(INCOMING) == []


def test_thousands_of_names_cost_a_handful_of_requests(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", *(f"MISSING-{number}_front.jpg" for number in range(1500)), "1896-S.jpg")
    ended = operator.run("backfill", folder, "--dry-run", "--json")
    assert ended.document["totals"] == {"failed": 1500, "planned": 1}
    assert len(local.requests()) <= 5


def test_a_lost_connection_while_waiting_ends_nothing(local: LocalStack, running_stack: Stack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    lost: list[str] = []

    def lose_some(method: str, path: str, _headers: object) -> Answer | None:
        kind = "list" if "comp=list" in path else method
        if kind in ("HEAD", "list") and lost.count(kind) < 2:
            lost.append(kind)
            return Answer.LOST
        return None

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, lose_some) as storage,
        operator_of(running_stack, tmp_path, storage) as unlucky,
        function(local),
    ):
        ended = unlucky.run("backfill", folder, "--wait", "--json")
    assert set(ended.states.values()) == {"updated"}, ended.err
    assert sorted(lost) == ["HEAD", "HEAD", "list", "list"]
