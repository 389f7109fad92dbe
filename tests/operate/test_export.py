"""An export writes what Business Central shows, whole files only, and can be broken off and resumed."""

from pathlib import Path

import pytest

from operate import manifest
from operate.manifest import State
from shared.storage.names import INCOMING
from tests.operate.command import Operator
from tests.operate.photographs import photographs
from tests.support.local_stack import LocalStack

SLASH_ID = "7b0c2f5e-1f62-4a44-9a3b-5d0a6a1c0e01"
NUMBERS = ("1896-S", "1900-S", "70 061", "A&B 50%")


@pytest.fixture
def pictured(operator: Operator, local: LocalStack) -> Operator:
    """Give five items a picture each, one of them with a number that no file can have."""
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="10/12 MM", displayName="Hose", id=SLASH_ID)
    folder = photographs(operator.folder / "photos", *(f"{number}.jpg" for number in NUMBERS), "10-12 MM.jpg")
    assert operator.run("backfill", folder).code == 0
    pipeline = local.pipeline()
    for name in local.names(INCOMING):
        pipeline.process(INCOMING, name)
    return operator


def exported(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_picture_is_exported_under_its_number(pictured: Operator, local: LocalStack) -> None:
    ended = pictured.run("export", "out", "--json")
    assert ended.code == 0, ended.err
    out = pictured.folder / "out"
    assert exported(out) == {*(f"{number}.jpg" for number in NUMBERS), f"{SLASH_ID}.jpg"}
    (write,) = local.control("GET", f"items/{SLASH_ID}/writes")["writes"]
    shown = local.picture(SLASH_ID)
    assert shown
    assert write["content"]
    assert (out / f"{SLASH_ID}.jpg").stat().st_size > 100
    assert ended.document["totals"] == {"exported": 5}


def test_an_export_is_understood_by_a_backfill(pictured: Operator) -> None:
    pictured.run("export", "out")
    planned = pictured.run("backfill", "out", "--dry-run", "--json").document["files"]
    assert {row["item"] for row in planned if row["state"] == "planned"} == {*NUMBERS, "10/12 MM"}


def test_a_broken_off_export_continues_where_it_was(pictured: Operator, local: LocalStack) -> None:
    assert pictured.run("export", "out", "--limit", "2", "--manifest", "list.csv").code == 0
    assert len(exported(pictured.folder / "out")) == 2
    before = len([r for r in local.requests("GET") if r["path"].endswith("pictureContent")])
    assert pictured.run("export", "out", "--resume", "list.csv").code == 0
    assert len(exported(pictured.folder / "out")) == 5
    after = len([r for r in local.requests("GET") if r["path"].endswith("pictureContent")])
    assert after - before == 3
    assert [row.state for row in manifest.read(pictured.folder / "list.csv")] == [State.EXPORTED] * 5


def test_a_file_of_somebody_else_is_not_overwritten_unasked(pictured: Operator) -> None:
    out = pictured.folder / "out"
    out.mkdir()
    (out / "1896-S.jpg").write_bytes(b"theirs")
    ended = pictured.run("export", "out")
    assert ended.code == 1
    assert "--overwrite replaces it" in " ".join(ended.out.split())
    assert (out / "1896-S.jpg").read_bytes() == b"theirs"
    assert pictured.run("export", "out", "--overwrite").code == 0
    assert (out / "1896-S.jpg").read_bytes() != b"theirs"
    assert not [name for name in exported(out) if name.endswith(".partial")]


def test_bc_that_fails_leaves_a_list_to_continue_with(pictured: Operator, local: LocalStack) -> None:
    local.fault(403, code="Forbidden", path="pictureContent", count=1)
    ended = pictured.run("export", "out", "--manifest", "list.csv")
    assert (ended.code, "403" in ended.err) == (3, True)
    assert pictured.run("export", "out", "--resume", "list.csv").code == 0
    assert len(exported(pictured.folder / "out")) == 5
