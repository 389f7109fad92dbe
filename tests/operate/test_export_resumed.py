"""An export is continued with its own list, company and folder only; any other list stays as it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from operate import manifest
from operate.errors import Problem
from operate.manifest import Manifest, Row, State
from shared.storage.names import INCOMING
from tests.operate.command import Ended, Operator
from tests.operate.photographs import photographs
from tests.support.local_stack import LocalStack

CRONUS, NORDWIND = "CRONUS USA, Inc.", "NORDWIND"
LIST = "list.csv"
EXPORTED = Row("1896-S.jpg", "1896-S", "Desk", State.EXPORTED, company=CRONUS, item_id="1")


@pytest.fixture
def pictured(operator: Operator, local: LocalStack) -> Operator:
    """Give items of two companies a picture each; both have the number 1896-S."""
    ours = photographs(operator.folder / "ours", "1896-S.jpg", "1900-S.jpg", "1906-S.jpg")
    theirs = photographs(operator.folder / "theirs", "1000.jpg", "1100.jpg", "1896-S.jpg")
    assert operator.run("backfill", ours).code == 0
    assert operator.run("backfill", theirs, "--company", NORDWIND).code == 0
    pipeline = local.pipeline()
    for name in local.names(INCOMING):
        pipeline.process(INCOMING, name)
    return operator


def exported(operator: Operator, folder: str = "out") -> set[str]:
    return {path.name for path in (operator.folder / folder).iterdir()}


def listed(operator: Operator, *rows: Row) -> bytes:
    """Write a list, and return its bytes."""
    path = operator.folder / LIST
    Manifest(path, list(rows), is_new=True).close()
    return path.read_bytes()


def said(ended: Ended) -> str:
    return " ".join(ended.err.split())


@pytest.mark.parametrize("again", [(), ("--company", NORDWIND), ("--company", "Nordwind Möbel GmbH")], ids=str)
def test_a_list_remembers_its_company(again: tuple[str, ...], pictured: Operator) -> None:
    first = pictured.run("export", "out", "--company", NORDWIND, "--limit", "1", "--manifest", LIST)
    assert first.code == 0, first.err
    assert pictured.run("export", "out", "--resume", LIST, *again).code == 0
    assert exported(pictured) == {"1000.jpg", "1100.jpg", "1896-S.jpg"}
    assert {row.company for row in manifest.read(pictured.folder / LIST)} == {NORDWIND}


def test_a_run_says_how_to_continue_before_its_list_has_a_row(pictured: Operator, local: LocalStack) -> None:
    local.fault(403, code="Forbidden", path="pictureContent", count=10)
    options = ("--company", NORDWIND, "--overwrite")
    ended = pictured.run("export", "out", *options, "--concurrency", "1", "--manifest", LIST)
    assert (ended.code, manifest.read(pictured.folder / LIST)) == (3, [])
    assert said(ended).count(f'continue with: --resume {LIST} --company "{NORDWIND}" --overwrite') == 2


def test_a_run_whose_files_all_failed_continues_in_its_company(pictured: Operator) -> None:
    """Its list has no row once they are tried again."""
    out = pictured.folder / "out"
    for name in ("1000.jpg", "1100.jpg", "1896-S.jpg"):
        (out / name).mkdir(parents=True)  # no picture can be written there
    assert pictured.run("export", "out", "--company", NORDWIND, "--overwrite", "--manifest", LIST).code == 1
    ended = pictured.run("export", "out", "--resume", LIST, "--overwrite")
    assert ended.code == 1
    assert f'--resume {LIST} --company "{NORDWIND}" --overwrite' in said(ended)
    assert {row.company for row in manifest.read(pictured.folder / LIST)} == {NORDWIND}


def test_a_list_of_another_company_stays_as_it_is(pictured: Operator) -> None:
    assert pictured.run("export", "out", "--limit", "1", "--manifest", LIST).code == 0
    before, files = (pictured.folder / LIST).read_bytes(), exported(pictured)
    ended = pictured.run("export", "out", "--resume", LIST, "--company", NORDWIND, "--overwrite")
    assert ended.code == 2
    assert "The list is of the company 'CRONUS USA, Inc.', not of 'NORDWIND'" in said(ended)
    assert ((pictured.folder / LIST).read_bytes(), exported(pictured)) == (before, files)


def test_a_list_of_several_companies_is_refused(pictured: Operator) -> None:
    before = listed(pictured, EXPORTED, replace(EXPORTED, company=NORDWIND))
    for more in ((), ("--company", NORDWIND)):
        ended = pictured.run("export", "out", "--resume", LIST, *more)
        assert (ended.code, (pictured.folder / LIST).read_bytes()) == (2, before)
        assert "several companies: CRONUS USA, Inc., NORDWIND" in said(ended)
    assert not (pictured.folder / "out").exists()


def test_another_folder_than_the_lists_is_refused(pictured: Operator) -> None:
    assert pictured.run("export", "out", "--limit", "2", "--manifest", LIST).code == 0
    before = (pictured.folder / LIST).read_bytes()
    for other in ("theirs", "new"):
        for path in (pictured.folder / "theirs").glob("1896-S.*"):
            path.unlink()
        ended = pictured.run("export", other, "--resume", LIST)
        assert (ended.code, (pictured.folder / LIST).read_bytes()) == (2, before)
        assert f"{other} has none of the 2 pictures of the list" in said(ended)
    assert exported(pictured, "theirs") == {"1000.jpg", "1100.jpg"}
    assert not (pictured.folder / "new").exists()


def test_a_file_that_has_gone_is_exported_again(pictured: Operator) -> None:
    assert pictured.run("export", "out", "--manifest", LIST).code == 0
    gone = pictured.folder / "out" / "1900-S.jpg"
    before = gone.read_bytes()
    gone.unlink()
    ended = pictured.run("export", "out", "--resume", LIST, "--json")
    assert (ended.code, ended.document["totals"]) == (0, {"exported": 3})
    assert gone.read_bytes() == before


_PLANNED = replace(EXPORTED, state=State.PLANNED, has_picture="no", blob="CRONUS USA, Inc/1896-S.jpg")


@pytest.mark.parametrize(
    "row",
    [
        *(replace(_PLANNED, state=state) for state in State if state is not State.EXPORTED),
        Row("IMG_1.jpg", state=State.FAILED, reason="no item", use_item="1900-S", company=CRONUS),
        Row("IMG_1.jpg", state=State.FAILED, reason="no item", company=CRONUS),
        Row("prices.xlsx", state=State.SKIPPED, reason="no picture", company=CRONUS),
        Row("1896-S_back.jpg", "1896-S", state=State.SKIPPED, company=CRONUS, item_id="1", view="back"),
    ],
    ids=str,
)
def test_an_export_leaves_the_list_of_a_backfill_alone(row: Row, operator: Operator) -> None:
    before = listed(operator, row)
    ended = operator.run("export", "out", "--resume", LIST)
    assert (ended.code, (operator.folder / LIST).read_bytes()) == (2, before)
    assert f"{LIST} is a list of backfill: only item-pictures backfill continues it." in said(ended)
    assert not (operator.folder / "out").exists()


@pytest.mark.parametrize(
    "row",
    [EXPORTED, Row("", "1896-S", "Desk", State.SKIPPED, "the picture was removed", company=CRONUS, item_id="1")],
    ids=str,
)
@pytest.mark.parametrize("more", [(), ("--failed",), ("--dry-run",)], ids=str)
def test_a_backfill_leaves_the_list_of_an_export_alone(row: Row, more: tuple[str, ...], operator: Operator) -> None:
    photographs(operator.folder / "out", "1896-S.jpg")
    before = listed(operator, row)
    ended = operator.run("backfill", "out", "--resume", LIST, *more)
    assert (ended.code, (operator.folder / LIST).read_bytes()) == (2, before)
    assert f"{LIST} is a list of export: only item-pictures export continues it." in said(ended)


def test_what_an_export_could_not_write_is_tried_again(pictured: Operator) -> None:
    theirs = pictured.folder / "out" / "1896-S.jpg"
    theirs.parent.mkdir()
    theirs.write_bytes(b"theirs")
    assert pictured.run("export", "out", "--manifest", LIST).code == 1
    ended = pictured.run("export", "out", "--resume", LIST, "--overwrite", "--json")
    assert (ended.code, ended.document["totals"]) == (0, {"exported": 3})
    assert theirs.read_bytes() != b"theirs"


@pytest.mark.parametrize(
    ("state", "totals"), [("skipped", {"exported": 2, "skipped": 1}), ("planned", {"exported": 3})]
)
def test_a_row_that_somebody_has_edited_stops_no_export(state: str, totals: dict[str, int], pictured: Operator) -> None:
    theirs = pictured.folder / "out" / "1896-S.jpg"
    theirs.parent.mkdir()
    theirs.write_bytes(b"theirs")
    assert pictured.run("export", "out", "--manifest", LIST).code == 1
    path = pictured.folder / LIST
    path.write_bytes(path.read_bytes().replace(b"failed", state.encode()))
    theirs.unlink()
    ended = pictured.run("export", "out", "--resume", LIST, "--json")
    assert (ended.code, ended.document["totals"]) == (0, totals), ended.out


def test_a_remark_of_somebody_stops_no_backfill(pictured: Operator) -> None:
    """It fails as a row that names no file, and the others go on."""
    planned = replace(_PLANNED, item_id="f61949dd-c5e1-5f1c-ba9f-058c838c1a04")
    listed(pictured, planned, Row("", description="checked by Anna", company=CRONUS))
    ended = pictured.run("backfill", "ours", "--resume", LIST, "--json")
    assert ended.document["totals"] == {"uploaded": 1, "failed": 1}, ended.out


def test_a_row_that_either_can_have_written_stops_no_backfill(pictured: Operator, local: LocalStack) -> None:
    """Such a row has all that an export's could have: it counts as either's."""
    row = Row("1896-S.jpg", "1896-S", "", State.FAILED, "the item was removed meanwhile", company=CRONUS, item_id="1")
    listed(pictured, row)
    ended = pictured.run("backfill", "ours", "--resume", LIST, "--failed", "--json")
    assert ended.states["1896-S.jpg"] == "uploaded"
    assert "CRONUS USA, Inc/1896-S.jpg" in local.names(INCOMING)


def test_a_list_is_refused_wherever_its_other_rows_lie(tmp_path: Path) -> None:
    path = tmp_path / LIST
    either = Row("a.jpg", "A", state=State.FAILED, company=CRONUS, item_id="2")
    for rows in ([either, _PLANNED], [_PLANNED, either]):
        path.unlink(missing_ok=True)
        Manifest(path, rows, is_new=True).close()
        assert manifest.read(path, by="backfill") == rows
        with pytest.raises(Problem, match="list of backfill"):
            manifest.read(path, by="export")
