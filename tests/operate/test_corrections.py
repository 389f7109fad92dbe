"""What failed is planned again by what the operator wrote, by the map, or by its name: never by a guess."""

from pathlib import Path

import pytest

from operate import manifest
from operate.manifest import Row, State
from shared.storage.names import INCOMING
from tests.operate.command import Operator
from tests.operate.lists import LIST, edit
from tests.operate.photographs import photograph, photographs
from tests.support.local_stack import DESK, DESK_ID, LocalStack

COMPANY = "CRONUS USA, Inc"


def write_map(operator: Operator, *lines: str) -> Path:
    path = operator.folder / "map.csv"
    path.write_text("\n".join(("file;company;number;gtin;vendor item no", *lines)), encoding="utf-8")
    return path


def new_item(local: LocalStack, number: str, company_id: str = "") -> None:
    local.control("POST", "items", company_id=company_id or local.stack.endpoints.company_id, number=number)


def copied_company(local: LocalStack, number: str) -> None:
    """Create a company that has the desk under the same id, as a copy of a company has."""
    company = local.control("POST", "companies", name="COPY")["id"]
    local.control("POST", "items", company_id=company, number=number, id=DESK_ID)


def reasons(files: list[dict[str, str]]) -> dict[str, str]:
    return {row["file"]: row["reason"] for row in files}


def quarantine_one(operator: Operator, local: LocalStack, folder: Path, name: str) -> None:
    """Run the backfill of a folder in which the file ``name`` is cut short, up to its quarantine."""
    (folder / name).write_bytes((folder / name).read_bytes()[:200])
    operator.run("backfill", folder, "--manifest", LIST)
    pipeline = local.pipeline(UNFINISHED_WAIT="PT0S")
    for uploaded in local.names(INCOMING):
        pipeline.process(INCOMING, uploaded)
    assert operator.run("backfill", folder, "--resume", LIST, "--wait", "--json").states[name] == "quarantined"


def test_a_mended_front_view_goes_though_a_sibling_was_skipped(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S_front.jpg", "1896-S_back.jpg")
    quarantine_one(operator, local, folder, "1896-S_front.jpg")
    photograph(folder / "1896-S_front.jpg")
    again = operator.run("backfill", folder, "--resume", LIST, "--failed", "--json")
    assert again.states == {"1896-S_front.jpg": "uploaded", "1896-S_back.jpg": "skipped"}
    assert local.names(INCOMING) == [DESK]


def test_a_renamed_file_goes_to_the_item_of_its_new_name(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    quarantine_one(operator, local, folder, "1896-S.jpg")
    (folder / "1896-S.jpg").unlink()
    photograph(folder / "1900-S.jpg")

    def rename(row: Row) -> None:
        row.file = "1900-S.jpg"

    edit(operator, rename)
    assert operator.run("backfill", folder, "--resume", LIST, "--failed").code == 0
    assert local.names(INCOMING) == [f"{COMPANY}/1900-S.jpg"]


def test_a_file_that_failed_stays_in_its_company(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "NEW-1.jpg")
    assert operator.run("backfill", folder, "--company", "NORDWIND", "--manifest", LIST).code == 1
    new_item(local, "NEW-1")
    nordwind = "1bf1090c-4e3d-538c-879b-a3a4bfde73af"
    new_item(local, "NEW-1", nordwind)
    assert operator.run("backfill", folder, "--resume", LIST, "--failed").code == 0
    assert local.names(INCOMING) == ["NORDWIND/NEW-1.jpg"]


def test_an_unknown_company_fails_its_rows_alone(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "NEW-1.jpg", "NEW-2.jpg")
    operator.run("backfill", folder, "--manifest", LIST)
    new_item(local, "NEW-1")

    def move(row: Row) -> None:
        row.company = "Nowhere" if row.file == "NEW-2.jpg" else row.company

    edit(operator, move)
    again = operator.run("backfill", folder, "--resume", LIST, "--failed", "--json")
    assert again.code == 1
    assert again.states == {"NEW-1.jpg": "uploaded", "NEW-2.jpg": "failed"}
    assert "no company called 'Nowhere'" in reasons(again.document["files"])["NEW-2.jpg"]


@pytest.mark.parametrize("text", ["1900-s", "7a289e48-0fa0-52f8-a4c7-6d69e90e2ab5"], ids=["number", "id"])
def test_an_item_written_into_use_item_counts(text: str, operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "IMG_0001.jpg")
    operator.run("backfill", folder, "--manifest", LIST)

    def correct(row: Row) -> None:
        row.use_item = text

    edit(operator, correct)
    assert operator.run("backfill", folder, "--resume", LIST, "--failed").code == 0
    assert local.names(INCOMING) == [f"{COMPANY}/1900-S.jpg"]
    assert operator.run("backfill", folder, "--resume", LIST).code == 0  # nothing is held back that was corrected


def test_a_correction_that_names_no_item_fails_and_stays(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.heic", "IMG_0001.jpg")

    def correct(row: Row) -> None:
        row.use_item = "4711"

    operator.run("backfill", folder, "--manifest", LIST)
    edit(operator, correct)
    again = operator.run("backfill", folder, "--resume", LIST, "--failed", "--json")
    assert reasons(again.document["files"])["IMG_0001.jpg"] == "no item has the number '4711'"
    assert {row.use_item for row in manifest.read(operator.folder / LIST)} == {"4711"}
    new_item(local, "4711")
    again = operator.run("backfill", folder, "--resume", LIST, "--failed", "--json")
    assert again.states == {"1896-S.heic": "failed", "IMG_0001.jpg": "uploaded"}


def test_a_corrected_row_of_a_plan_is_not_carried_out_as_it_was(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    operator.run("backfill", folder, "--dry-run", "--manifest", LIST)

    def correct(row: Row) -> None:
        row.use_item = "1900-S"

    edit(operator, correct)
    held = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert held.states == {"1896-S.jpg": "failed"}
    assert "use_item counts with --resume and --failed" in reasons(held.document["files"])["1896-S.jpg"]
    assert local.names(INCOMING) == []
    assert operator.run("backfill", folder, "--resume", LIST, "--failed").code == 0
    assert local.names(INCOMING) == [f"{COMPANY}/1900-S.jpg"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a.jpg;;1896-S;4000012504059;", "1896-S"),  # two items
        ("a.jpg;;;;1900-S", "1900-S"),  # a vendor's number, which is another item's own
        ("a.jpg;;;4006381333931;", "4006381333931"),  # a GTIN, which is another item's number
        ("a.jpg;;00123;;", "123"),  # as a spreadsheet leaves it
    ],
)
def test_what_a_map_said_is_not_told_by_the_column_item(
    line: str, shown: str, operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "a.jpg")
    assert operator.run("backfill", folder, "--map", write_map(operator, line), "--manifest", LIST).code == 1
    for number in ("4006381333931", "123", "A"):
        new_item(local, number)

    def save(row: Row) -> None:
        row.item = shown

    edit(operator, save)
    again = operator.run("backfill", folder, "--resume", LIST, "--failed", "--json")
    assert again.states == {"a.jpg": "failed"}
    assert "name the map again with --map" in reasons(again.document["files"])["a.jpg"]
    assert local.names(INCOMING) == []
    mended = write_map(operator, "a.jpg;;1908-S;;")
    assert operator.run("backfill", folder, "--resume", LIST, "--failed", "--map", mended).code == 0
    assert local.names(INCOMING) == [f"{COMPANY}/1908-S.jpg"]


def test_a_map_may_say_the_same_twice(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "sub/a.jpg")
    table = write_map(operator, "a.jpg;;1896-S;;", r"sub\A;;1896-s;4000012424869;")
    assert operator.run("backfill", folder, "--map", table, "--dry-run", "--manifest", LIST).code == 0
    assert [(row.file, row.state) for row in manifest.read(operator.folder / LIST)] == [("sub/a.jpg", State.PLANNED)]
    assert operator.run("backfill", folder, "--resume", LIST).code == 0
    assert local.names(INCOMING) == [DESK]


def test_a_map_named_again_does_what_failed_and_keeps_the_rest(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "a.jpg", "left.jpg")
    table = write_map(operator, "a.jpg;;1896-S;;", "a.jpg;;NEW-1;;", "gone.jpg;;1906-S;;")
    assert operator.run("backfill", folder, "--map", table, "--manifest", LIST).code == 1
    new_item(local, "NEW-1")
    again = operator.run("backfill", folder, "--resume", LIST, "--failed", "--map", table, "--json")
    assert sorted((row["file"], row["item"], row["state"]) for row in again.document["files"]) == [
        ("a.jpg", "1896-S", "uploaded"),
        ("a.jpg", "NEW-1", "uploaded"),
        ("gone.jpg", "1906-S", "failed"),
        ("left.jpg", "", "skipped"),
    ]
    assert reasons(again.document["files"])["gone.jpg"] == "no such file in the folder"
    assert len(manifest.read(operator.folder / LIST)) == 4
    assert local.names(INCOMING) == [f"{COMPANY}/1896-S.jpg", f"{COMPANY}/NEW-1.jpg"]


def test_items_of_a_copied_company_are_others_with_the_same_ids(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    copied_company(local, "1896-S")
    folder = photographs(tmp_path / "photos", "a.jpg", "b.jpg")
    table = write_map(operator, "a.jpg;;1896-S;;", "b.jpg;COPY;1896-S;;", "a.jpg;COPY;NEW-1;;")
    first = operator.run("backfill", folder, "--map", table, "--manifest", LIST, "--json")
    assert [row["state"] for row in first.document["files"]] == ["uploaded", "uploaded", "failed"]
    assert local.names(INCOMING) == ["COPY/1896-S.jpg", DESK]
    table = write_map(operator, "a.jpg;COPY;1896-S;;")  # the same file and id as in the first row
    again = operator.run("backfill", folder, "--resume", LIST, "--failed", "--map", table, "--json")
    assert [row["reason"] for row in again.document["files"]] == [
        "",
        "",
        "b.jpg went to this item already: set this row to skipped, or begin a new list",
    ]
    assert len(manifest.read(operator.folder / LIST)) == 3


def test_an_export_of_a_copied_company_has_all_and_only_its_own(operator: Operator, local: LocalStack) -> None:
    copied_company(local, "COPY-1")
    folder = photographs(operator.folder / "photos", "1896-S.jpg", "COPY-1.jpg")
    operator.run("backfill", folder)
    operator.run("backfill", folder, "--company", "COPY", "--manifest", "copy.csv")
    pipeline = local.pipeline()
    for name in local.names(INCOMING):
        pipeline.process(INCOMING, name)
    assert operator.run("export", "out", "--manifest", LIST).code == 0
    assert operator.run("export", "out", "--resume", LIST, "--company", "COPY").code == 2
    assert {path.name for path in (operator.folder / "out").iterdir()} == {"1896-S.jpg"}
    assert operator.run("export", "copy", "--company", "COPY").code == 0
    assert {path.name for path in (operator.folder / "copy").iterdir()} == {"COPY-1.jpg"}
