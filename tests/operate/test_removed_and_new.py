"""What was removed from the folder since a list was written is missed by nobody, and what is new there is planned."""

from collections.abc import Callable
from pathlib import Path

import pytest

from operate import manifest
from operate.manifest import Manifest, Row
from shared.storage.names import INCOMING
from tests.operate.command import Ended, Operator
from tests.operate.photographs import photograph, photographs
from tests.support.local_stack import DESK, LocalStack

COMPANY = "CRONUS USA, Inc"
LIST = "list.csv"


@pytest.fixture
def again(operator: Operator) -> Callable[..., Ended]:
    """Provide the run that plans anew what failed, and its result for programs."""
    return lambda *more: operator.run("backfill", "photos", "--resume", LIST, "--failed", "--json", *more)


def write_map(operator: Operator, *lines: str) -> Path:
    path = operator.folder / "map.csv"
    path.write_text("\n".join(("file;company;number", *lines)), encoding="utf-8")
    return path


def edit(operator: Operator, change: Callable[[Row], None]) -> None:
    path = operator.folder / LIST
    rows = manifest.read(path)
    for row in rows:
        change(row)
    Manifest(path, rows, is_new=False).close()


def reasons(ended: Ended) -> dict[str, str]:
    return {row["file"]: row["reason"] for row in ended.document["files"]}


def heic(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))


def test_a_removed_rival_is_missed_by_nobody(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "1896-S.jpg", "1896-S.png")
    assert operator.run("backfill", folder, "--manifest", LIST).code == 1
    (folder / "1896-S.png").unlink()
    ended = again()
    assert (ended.code, ended.states) == (0, {"1896-S.jpg": "uploaded", "1896-S.png": "skipped"})
    assert reasons(ended)["1896-S.png"] == "removed since"
    assert again().code == 0
    assert local.names(INCOMING) == [DESK]


def test_a_file_saved_in_another_format_takes_the_place(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    """One of them shows a side that another one goes before, as in any plan."""
    folder = photographs(operator.folder / "photos", "1900-S.jpg")
    heic(folder, "1896-S.heic", "1900-S_back.heic")
    assert operator.run("backfill", folder, "--manifest", LIST).code == 1
    for name in ("1896-S", "1900-S_back"):
        (folder / f"{name}.heic").unlink()
        photograph(folder / f"{name}.jpg", 5)
    ended = again()
    assert ended.code == 0, ended.out
    assert ended.states == {
        "1900-S.jpg": "uploaded",
        "1896-S.heic": "skipped",
        "1900-S_back.heic": "skipped",
        "1896-S.jpg": "uploaded",
        "1900-S_back.jpg": "skipped",
    }
    assert reasons(ended)["1900-S_back.jpg"] == "1900-S.jpg goes before it"
    assert local.names(INCOMING) == [DESK, f"{COMPANY}/1900-S.jpg"]
    assert again().states == ended.states


@pytest.mark.parametrize("renames_row", [True, False], ids=["row renamed", "row left"])
def test_a_renamed_file_goes_with_or_without_its_row(
    renames_row: bool, operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "wrong.jpg", "1900-S.jpg")
    assert operator.run("backfill", folder, "--manifest", LIST).code == 1
    (folder / "wrong.jpg").rename(folder / "1896-S.jpg")

    def rename(row: Row) -> None:
        row.file = "1896-S.jpg" if row.file == "wrong.jpg" and renames_row else row.file

    edit(operator, rename)
    ended = again()
    assert (ended.code, ended.states["1896-S.jpg"]) == (0, "uploaded")
    assert ended.states.get("wrong.jpg", "skipped") == "skipped"
    assert local.names(INCOMING) == [DESK, f"{COMPANY}/1900-S.jpg"]


def test_new_files_count_for_the_limit_and_nothing_goes_twice(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "1896-S.jpg", "nope.jpg")
    operator.run("backfill", folder, "--manifest", LIST)
    for seed, name in enumerate(("1896-S_front.jpg", "1900-S.jpg", "1906-S.jpg")):
        photograph(folder / name, seed)
    ended = again("--limit", "1")
    assert ended.states == {
        "1896-S.jpg": "uploaded",
        "nope.jpg": "failed",
        "1896-S_front.jpg": "failed",
        "1900-S.jpg": "uploaded",
        "1906-S.jpg": "planned",
    }
    assert reasons(ended)["1896-S_front.jpg"].startswith("1896-S.jpg went to this item already")
    assert local.names(INCOMING) == [DESK, f"{COMPANY}/1900-S.jpg"]
    assert operator.run("backfill", folder, "--resume", LIST, "--json").states["1906-S.jpg"] == "uploaded"
    assert len(local.names(INCOMING)) == 3


def test_new_files_go_to_the_company_of_the_list(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "nope.jpg")
    operator.run("backfill", folder, "--company", "NORDWIND", "--manifest", LIST)
    photograph(folder / "1000.jpg")
    assert again().states == {"nope.jpg": "failed", "1000.jpg": "uploaded"}
    assert local.names(INCOMING) == ["NORDWIND/1000.jpg"]


def test_a_list_of_several_companies_asks_for_that_of_a_new_file(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "nope.jpg", "1896-S.jpg")
    operator.run("backfill", folder, "--manifest", LIST)

    def move(row: Row) -> None:
        row.company = "NORDWIND" if row.file in ("nope.jpg", "1000.jpg") else row.company

    edit(operator, move)
    photograph(folder / "1000.jpg")
    for _ in range(2):  # and it is not taken for the default one later
        ended = again()
        assert ended.states["1000.jpg"] == "failed"
        assert "column company" in reasons(ended)["1000.jpg"]
    edit(operator, move)
    assert again().states["1000.jpg"] == "uploaded"
    assert local.names(INCOMING) == [DESK, "NORDWIND/1000.jpg"]


def test_what_stepped_back_for_a_removed_file_is_planned_again(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "1896-S_front.jpg", "1896-S_front.png", "1896-S_back.jpg")
    first = operator.run("backfill", folder, "--manifest", LIST, "--json")
    assert first.states["1896-S_back.jpg"] == "skipped"
    (folder / "1896-S_front.jpg").unlink()
    (folder / "1896-S_front.png").unlink()
    ended = again()
    assert (ended.code, ended.states["1896-S_back.jpg"]) == (0, "uploaded")
    assert len(ended.document["files"]) == len(manifest.read(operator.folder / LIST)) == 3
    assert local.names(INCOMING) == [DESK]


def test_a_file_that_comes_back_is_planned(
    operator: Operator, local: LocalStack, again: Callable[..., Ended], tmp_path: Path
) -> None:
    folder = photographs(operator.folder / "photos", "1896-S.jpg", "1896-S.png", "1900-S.jpg")
    operator.run("backfill", folder, "--manifest", LIST)
    (folder / "1896-S.jpg").rename(tmp_path / "aside.jpg")
    (folder / "1896-S.png").unlink()
    assert again().states == {"1896-S.jpg": "skipped", "1896-S.png": "skipped", "1900-S.jpg": "uploaded"}
    (tmp_path / "aside.jpg").rename(folder / "1896-S.jpg")
    ended = again()
    assert ended.states == {"1896-S.jpg": "uploaded", "1896-S.png": "skipped", "1900-S.jpg": "uploaded"}
    assert len(ended.document["files"]) == 3
    assert local.names(INCOMING) == [DESK, f"{COMPANY}/1900-S.jpg"]


def test_another_folder_is_refused(operator: Operator, local: LocalStack, again: Callable[..., Ended]) -> None:
    folder = photographs(operator.folder / "photos", "1896-S.jpg", "nope.jpg", "Thumbs.db")
    operator.run("backfill", folder, "--manifest", LIST)
    before = manifest.read(operator.folder / LIST)
    folder.rename(operator.folder / "elsewhere")
    photographs(folder, "1900-S.jpg", "elsewhere/1896-S.jpg", "Thumbs.db")
    ended = again()
    assert ended.code == 2
    assert "has none of the list's files" in " ".join(ended.err.split())
    assert manifest.read(operator.folder / LIST) == before
    assert local.names(INCOMING) == [DESK]


def test_a_file_is_not_removed_that_nobody_can_look_for(operator: Operator, again: Callable[..., Ended]) -> None:
    folder = photographs(operator.folder / "photos", "1896-S.jpg", "sub/nope.jpg")
    operator.run("backfill", folder, "--manifest", LIST)
    (folder / "sub").rename(operator.folder / "moved")
    (folder / "sub").symlink_to(operator.folder / "moved", target_is_directory=True)
    ended = again()
    assert (ended.code, ended.states["sub/nope.jpg"]) == (1, "failed")
    assert "symbolic link" in reasons(ended)["sub/nope.jpg"]


def test_no_other_file_goes_where_somebody_sent_one(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "red/front.jpg", "blue/front.jpg", "front.jpg")

    def correct(row: Row) -> None:
        row.use_item = {"red/front.jpg": "1896-S", "front.jpg": "1900-S"}.get(row.file, "")

    operator.run("backfill", folder, "--manifest", LIST)
    edit(operator, correct)
    (folder / "red" / "front.jpg").unlink()
    (folder / "front.jpg").unlink()
    ended = again()
    assert set(ended.states.values()) == {"failed"}
    assert reasons(ended)["red/front.jpg"] == reasons(ended)["front.jpg"]
    assert "no such file in the folder: write its new name into this row" in reasons(ended)["front.jpg"]
    assert local.names(INCOMING) == []


@pytest.mark.parametrize("missing", ["red", "green"])
def test_a_map_of_a_tree_takes_no_other_folders_picture(missing: str, operator: Operator, local: LocalStack) -> None:
    items = {"red": "1896-S", "blue": "1900-S", "green": "1906-S"}
    table = write_map(operator, *(f"{colour}\\front.jpg;;{number}" for colour, number in items.items()))
    there = [colour for colour in items if colour != missing]
    folder = photographs(operator.folder / "photos", *(f"{colour}/front.jpg" for colour in there))
    ended = operator.run("backfill", folder / "blue", "--map", table, "--dry-run", "--json")
    assert ended.states == {**{f"{colour}\\front.jpg": "failed" for colour in items}, "front.jpg": "skipped"}
    ended = operator.run("backfill", folder, "--map", table, "--json")
    assert ended.states[f"{missing}\\front.jpg"] == "failed"
    assert local.names(INCOMING) == sorted(f"{COMPANY}/{items[colour]}.jpg" for colour in there)


def test_a_map_named_again_has_what_is_new_and_what_was_unclear(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "desk.jpg", "desk.png", "done.jpg", "left.jpg")
    heic(folder, "lamp.heic")
    table = write_map(operator, "desk;;1896-S", "lamp;;1900-S", "done;;1906-S", "typo.jpg;;1908-S")
    first = operator.run("backfill", folder, "--map", table, "--manifest", LIST, "--json")
    assert [first.states[file] for file in ("desk", "lamp.heic", "done.jpg", "typo.jpg")] == [
        "failed",
        "failed",
        "uploaded",
        "failed",
    ]
    (folder / "lamp.heic").unlink()
    photograph(folder / "lamp.jpg")
    (folder / "done.jpg").unlink()
    ended = again()
    assert ended.code == 1
    assert "--map" in reasons(ended)["lamp.heic"]
    assert "--map" in reasons(ended)["lamp.jpg"]
    assert reasons(ended)["typo.jpg"] == "no such file in the folder"
    table = write_map(operator, "desk.jpg;;1896-S", "lamp;;1900-S", "done;;1906-S", "left;;1908-S", "tpyo.jpg;;1908-S")
    ended = again("--map", table)
    assert ended.states == {
        "desk.jpg": "uploaded",
        "desk.png": "skipped",
        "desk": "failed",
        "lamp.heic": "skipped",
        "lamp.jpg": "uploaded",
        "done.jpg": "uploaded",
        "left.jpg": "uploaded",
        "typo.jpg": "failed",
        "tpyo.jpg": "failed",
    }
    assert reasons(ended)["desk"] == "not in the map: add it there, or set this row to skipped"
    assert len(ended.document["files"]) == len(manifest.read(operator.folder / LIST)) == 9
    assert len(local.names(INCOMING)) == 4


def test_a_map_of_a_list_with_its_own_company_keeps_it(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    folder = photographs(operator.folder / "photos", "a.jpg", "b.jpg")
    table = write_map(operator, "a.jpg;;1000", "b.jpg;;NEW-1")
    operator.run("backfill", folder, "--map", table, "--company", "NORDWIND", "--manifest", LIST)
    for company in (local.stack.endpoints.company_id, "1bf1090c-4e3d-538c-879b-a3a4bfde73af"):
        local.control("POST", "items", company_id=company, number="NEW-1")
    assert again("--map", table).code == 0
    assert local.names(INCOMING) == ["NORDWIND/1000.jpg", "NORDWIND/NEW-1.jpg"]


def test_a_correction_outlives_the_file_that_went_before_it(
    operator: Operator, local: LocalStack, again: Callable[..., Ended]
) -> None:
    """Somebody has said that 1900-S.jpg shows the item 1896-S; that the better view is gone does not change it."""
    folder = photographs(operator.folder / "photos", "1900-S.jpg", "1896-S_front.jpg")
    assert operator.run("backfill", folder, "--manifest", LIST, "--dry-run").code == 0

    def correct(row: Row) -> None:
        row.state = manifest.State.FAILED
        row.use_item = "1896-S" if row.file == "1900-S.jpg" else ""

    edit(operator, correct)
    assert again().states == {"1900-S.jpg": "skipped", "1896-S_front.jpg": "uploaded"}
    edit(operator, lambda row: setattr(row, "state", manifest.State(row.state.replace("uploaded", "quarantined"))))
    (folder / "1896-S_front.jpg").unlink()
    (row,) = (each for each in again().document["files"] if each["file"] == "1900-S.jpg")
    assert row["use_item"] == "1896-S"
    assert local.names(INCOMING) == [f"{COMPANY}/1896-S.jpg"]


def test_a_file_that_went_to_several_items_may_be_gone(operator: Operator, again: Callable[..., Ended]) -> None:
    folder = photographs(operator.folder / "photos", "both.jpg", "other.jpg")
    path = write_map(operator, "both.jpg;;1896-S", "both.jpg;;1900-S", "other.jpg;;9999")
    assert operator.run("backfill", folder, "--map", path, "--manifest", LIST).code == 1
    (folder / "both.jpg").unlink()
    write_map(operator, "both.jpg;;1896-S", "both.jpg;;1900-S", "other.jpg;;1906-S")
    for _ in range(2):
        ended = again("--map", path)
        assert (ended.code, ended.document["totals"]) == (0, {"uploaded": 3}), ended.out
