"""Whatever people and spreadsheets make of a list, nothing is uploaded twice, and no row holds up another."""

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devstack.stack import Stack
from operate import manifest
from operate.manifest import Row, State
from shared.storage.names import INCOMING
from tests.operate.command import Ended, Operator, operator_of
from tests.operate.lists import LIST, edit, save_in_excel
from tests.operate.photographs import photographs
from tests.support.faulty_storage import Answer, storage_proxy
from tests.support.local_stack import DESK, LocalStack

COMPANY = "CRONUS USA, Inc"
CRONUS = "CRONUS USA, Inc."
CHAIR = f"{COMPANY}/1900-S.jpg"
ITEMS = ["00123", "4006381333931", "1E5", "1/2"]
COMPANIES = ["007", "1/2", "true", "=x", "12345678901234"]


def new_item(local: LocalStack, number: str, company: str = "") -> None:
    company_id = local.control("POST", "companies", name=company)["id"] if company else local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company_id, number=number)


def take_up(local: LocalStack) -> None:
    """Take up what is in product-images, as the function would."""
    pipeline = local.pipeline()
    for name in local.names(INCOMING):
        assert pipeline.process(INCOMING, name).outcome == "updated"


def reasons(ended: Ended) -> dict[str, str]:
    return {row["file"]: row["reason"] for row in ended.document["files"]}


def the_row(operator: Operator) -> Row:
    (row,) = manifest.read(operator.folder / LIST)
    return row


def as_killed(row: Row) -> None:
    """Leave the row as a run does that is killed before it knows the answer."""
    row.state, row.reason, row.etag = State.UPLOADING, "", ""


def as_left(row: Row) -> None:
    row.state = State.WAITING


@pytest.mark.parametrize("leave", [lambda _row: None, as_left, as_killed], ids=["uploaded", "waiting", "uploading"])
@pytest.mark.parametrize(
    ("number", "company"), [*((each, "") for each in ITEMS), *(("1000", each) for each in COMPANIES)]
)
def test_what_a_spreadsheet_makes_of_a_number_does_not_count(
    number: str, company: str, leave: Callable[[Row], None], operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    new_item(local, number, company)
    folder = photographs(tmp_path / "photos", f"{number.replace('/', '-')}.jpg")
    wish = ("--company", company) if company else ()
    assert operator.run("backfill", folder, "--manifest", LIST, *wish).code == 0
    take_up(local)
    edit(operator, leave)
    before = the_row(operator)
    save_in_excel(operator)
    assert (the_row(operator).item, the_row(operator).company) != (number, company or CRONUS) or company == "=x"
    ended = operator.run("backfill", folder, "--resume", LIST, "--wait", "--patience", "2", "--json")
    assert (ended.code, set(ended.states.values())) == (0, {"updated"}), ended.out
    after = the_row(operator)
    assert (after.item, after.company, after.blob) == (number, before.company, before.blob)
    assert local.names(INCOMING) == []
    assert len(local.requests("PATCH")) == 1


def test_what_failed_is_done_beside_what_a_spreadsheet_has_changed(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    """An item that has got its picture is known by its company and id, and the company is called 007."""
    new_item(local, "1000", "007")
    folder = photographs(tmp_path / "photos", "1000.jpg")
    operator.run("backfill", folder, "--company", "007", "--manifest", LIST)
    take_up(local)
    photographs(folder, "1000_back.jpg")
    rows = manifest.read(operator.folder / LIST)
    rows.append(Row("1000_back.jpg", state=State.FAILED, company="007", use_item=rows[0].item_id))
    manifest.Manifest(operator.folder / LIST, rows, is_new=False).close()
    save_in_excel(operator)
    edit(operator, lambda row: setattr(row, "company", "007") if row.state is State.FAILED else None)
    ended = operator.run("backfill", folder, "--resume", LIST, "--failed", "--wait", "--patience", "2", "--json")
    assert ended.states == {"1000.jpg": "updated", "1000_back.jpg": "failed"}
    assert reasons(ended)["1000_back.jpg"].startswith("1000.jpg went to this item already")


@pytest.mark.parametrize(("number", "company"), [*((each, "") for each in ITEMS), ("1000", "1/2")])
def test_a_plan_that_a_spreadsheet_saved_is_carried_out_and_waited_for(
    number: str, company: str, operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    new_item(local, number, company)
    folder = photographs(tmp_path / "photos", f"{number.replace('/', '-')}.jpg")
    wish = ("--company", company) if company else ()
    operator.run("backfill", folder, "--dry-run", "--manifest", LIST, *wish)
    save_in_excel(operator)
    assert operator.run("backfill", folder, "--resume", LIST).code == 0
    take_up(local)
    ended = operator.run("backfill", folder, "--resume", LIST, "--wait", "--patience", "2", "--json")
    assert set(ended.states.values()) == {"updated"}, ended.out
    assert (the_row(operator).item, the_row(operator).company) == (number, company or CRONUS)


def test_a_list_of_which_nothing_is_in_doubt_is_resumed_without_bc(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    operator.run("backfill", folder, "--limit", "1", "--manifest", LIST)
    asked = len(local.requests())
    assert operator.run("backfill", folder, "--resume", LIST).code == 0
    assert len(local.requests()) == asked
    assert local.names(INCOMING) == [DESK, CHAIR]


def test_what_was_begun_for_an_item_that_is_gone_is_found(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    new_item(local, "00123")
    folder = photographs(tmp_path / "photos", "00123.jpg")
    operator.run("backfill", folder, "--manifest", LIST)
    take_up(local)
    edit(operator, as_killed)
    save_in_excel(operator)
    local.control("DELETE", f"items/{the_row(operator).item_id}")
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert (ended.code, ended.states) == (0, {"00123.jpg": "updated"})
    assert local.names(INCOMING) == []


def test_what_was_begun_and_cannot_be_read_is_not_begun_anew(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    operator.run("backfill", folder, "--limit", "1", "--manifest", LIST)
    take_up(local)
    edit(operator, lambda row: as_killed(row) if row.file == "1896-S.jpg" else None)
    (folder / "1896-S.jpg").rename(tmp_path / "away.jpg")
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert (ended.code, ended.states) == (1, {"1896-S.jpg": "uploading", "1900-S.jpg": "uploaded"})
    assert reasons(ended)["1896-S.jpg"].startswith("cannot be read: No such file or directory, so nobody can tell")
    assert "status says why" not in ended.err  # that is for what has not left product-images
    (tmp_path / "away.jpg").rename(folder / "1896-S.jpg")
    operator.run("backfill", folder, "--resume", LIST, "--failed")
    assert local.names(INCOMING) == [CHAIR]
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert (ended.code, ended.states["1896-S.jpg"], reasons(ended)["1896-S.jpg"]) == (0, "updated", "")
    assert local.names(INCOMING) == [CHAIR]


def test_a_file_that_is_lost_after_its_answer_was_is_not_begun_anew(
    local: LocalStack, running_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share that has the photographs goes away while the upload is looked for."""
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    digest = hashlib.file_digest

    def lose_share(file: Any, name: str) -> Any:
        if name == "sha256":
            raise OSError(errno.EIO, "Input/output error")
        return digest(file, name)

    def lose_answer(method: str, _path: str, _headers: object) -> Answer | None:
        return Answer.LOST if method == "PUT" else None

    with (
        storage_proxy(running_stack.endpoints.storage_connection_string, lose_answer) as storage,
        operator_of(running_stack, tmp_path, storage) as unlucky,
    ):
        with monkeypatch.context() as patch:
            patch.setattr(hashlib, "file_digest", lose_share)
            ended = unlucky.run("backfill", folder, "--manifest", LIST, "--json")
        assert (ended.code, ended.states) == (1, {"1896-S.jpg": "uploading"}), ended.err
        take_up(local)
        ended = unlucky.run("backfill", folder, "--resume", LIST, "--json")
    assert (ended.code, ended.states) == (0, {"1896-S.jpg": "updated"})
    assert local.names(INCOMING) == []


def test_the_other_view_is_uploaded_when_a_plan_says_so(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S_front.jpg", "1896-S_back.jpg", "1900-S.jpg")
    operator.run("backfill", folder, "--dry-run", "--manifest", LIST)

    def prefer_back(row: Row) -> None:
        row.state = {"1896-S_front.jpg": State.SKIPPED}.get(row.file, State.PLANNED)

    edit(operator, prefer_back)
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    expected = {"1896-S_front.jpg": "skipped", "1896-S_back.jpg": "uploaded", "1900-S.jpg": "uploaded"}
    assert (ended.code, ended.states) == (0, expected)
    assert reasons(ended)["1896-S_back.jpg"] == ""
    assert local.read(INCOMING, DESK) == (folder / "1896-S_back.jpg").read_bytes()


def test_two_files_for_one_item_are_not_both_uploaded(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S_front.jpg", "1896-S_back.png", "1900-S.jpg")
    operator.run("backfill", folder, "--dry-run", "--manifest", LIST)

    def want_all(row: Row) -> None:
        row.state = State.PLANNED

    edit(operator, want_all)
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert ended.code == 1
    assert reasons(ended)["1896-S_front.jpg"].startswith("1896-S_back.png is to go to the same item")
    assert local.names(INCOMING) == [CHAIR]
    ended = operator.run("backfill", folder, "--resume", LIST, "--failed", "--json")
    assert ended.states["1896-S_front.jpg"] == "uploaded"


def test_a_corrected_row_that_is_set_to_planned_is_uploaded(
    operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1896-S.png")
    operator.run("backfill", folder, "--manifest", LIST)
    (folder / "1896-S.png").unlink()

    def correct(row: Row) -> None:
        row.state = State.PLANNED if row.file == "1896-S.jpg" else State.SKIPPED

    edit(operator, correct)
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert (ended.code, ended.states) == (0, {"1896-S.jpg": "uploaded", "1896-S.png": "skipped"})
    assert local.names(INCOMING) == [DESK]


PLAN_EDITS = {
    "no item": ({"item_id": "", "blob": ""}, "its plan is incomplete: run --resume with --failed"),
    "no company": ({"company": "", "blob": ""}, "its plan is incomplete: run --resume with --failed"),
    "an id that is none": ({"item_id": "x' or 1 eq 1"}, "its plan is incomplete"),
    "an unknown item": ({"item_id": "00000000-0000-0000-0000-000000000001", "blob": ""}, "removed meanwhile"),
    "an unknown company": ({"company": "Nowhere", "blob": ""}, "no company called 'Nowhere'"),
    "another item's path": ({"blob": f"{COMPANY}/1906-S.jpg"}, "name different items: run --resume with --failed"),
    "a path in a container": ({"blob": f"{INCOMING}/{DESK}"}, "name different items"),
    "an address": ({"blob": f"https://x.blob.core.windows.net/{INCOMING}/{DESK}"}, "name different items"),
    "a path upwards": ({"blob": "../archive/x.jpg"}, "name different items"),
    "another company's path": ({"blob": "NORDWIND/1896-S.jpg"}, "removed meanwhile"),
    "an empty path": ({"blob": ""}, None),
    "a blank path": ({"blob": " "}, "name different items"),
    "no file": ({"file": ""}, "the row names no file"),
    "a folder": ({"file": "."}, "cannot be read"),
    "a file elsewhere": ({"file": "../secret.jpg"}, "is outside the folder"),
    "a file that is elsewhere after all": ({"file": "sub/../../secret.jpg"}, "is outside the folder"),
    "an absolute path": ({"file": "/etc/hostname"}, "is outside the folder"),
    "a file that is gone": ({"file": "gone.jpg"}, "cannot be read: No such file"),
    "a file that none can be": ({"file": "a\0b.jpg"}, "no file can be called"),
    "an unknown state": ({"state": "done?"}, "'done?' is no state; the states are planned, uploading"),
    "no state": ({"state": ""}, "'' is no state"),
    "a state as people write it": ({"state": " Planned "}, None),
    "another correction": ({"use_item": "1900-S"}, "use_item counts with --resume and --failed"),
}


@pytest.mark.parametrize(("changes", "words"), PLAN_EDITS.values(), ids=PLAN_EDITS)
def test_a_bad_row_of_a_plan_fails_alone(
    changes: dict[str, str], words: str | None, operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    photographs(tmp_path, "secret.jpg")
    operator.run("backfill", folder, "--dry-run", "--manifest", LIST)
    write(operator, changes)
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert ended.out, ended.err
    first, second = ended.document["files"]
    assert second["state"] == "uploaded"
    if words is None:
        assert (ended.code, first["state"], local.names(INCOMING)) == (0, "uploaded", [DESK, CHAIR])
    else:
        assert (ended.code, first["state"], local.names(INCOMING)) == (1, "failed", [CHAIR])
        assert words in first["reason"]
        assert operator.run("backfill", folder, "--resume", LIST).code == 1  # and it can be read again


BEGUN_EDITS = {
    "no path": ({"blob": ""}, "its blob '' is no path of an upload: put back what the list had"),
    "a path in a container": ({"blob": f"{INCOMING}/{DESK}"}, "is no path of an upload"),
    "a path that has lost letters": ({"blob": f"{COMPANY}/?896-S.jpg"}, "name different items"),
    "a company that has lost letters": ({"blob": "????/1896-S.jpg"}, "name different items"),
    "no time": ({"time": ""}, "its time '' is none"),
    "a date": ({"time": "26.11.2026"}, "its time '26.11.2026' is none"),
    "a time without a zone": ({"time": "2026-11-26T18:15:00"}, "is none that storage has told"),
    "the first of all times": ({"time": "0001-01-01T00:00:00+00:00"}, "is none that storage has told"),
    "no file": ({"file": ""}, "the row names no file"),
    "a file elsewhere": ({"file": "../secret.jpg"}, "is outside the folder"),
}
UPLOADED_EDITS = {
    **{name: edit for name, edit in BEGUN_EDITS.items() if not {"file", "blob"} & edit[0].keys()},
    "no path": BEGUN_EDITS["no path"],
    "no ETag": ({"etag": ""}, "its etag is missing: put back"),
}


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        *(("uploading", *each) for each in BEGUN_EDITS.values()),
        *(("uploaded", *each) for each in UPLOADED_EDITS.values()),
        *(("waiting", *each) for each in UPLOADED_EDITS.values()),
    ],
    ids=[*BEGUN_EDITS, *UPLOADED_EDITS, *UPLOADED_EDITS],
)
def test_a_bad_row_of_what_was_begun_is_left_alone(
    state: str, changes: dict[str, str], words: str, operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1900-S.jpg")
    photographs(tmp_path, "secret.jpg")
    operator.run("backfill", folder, "--limit", "1", "--manifest", LIST)
    take_up(local)
    write(operator, {"state": state, **({"etag": ""} if state == "uploading" else {}), **changes})
    for more in ((), ("--failed",)):
        ended = operator.run("backfill", folder, "--resume", LIST, "--json", *more)
        first, second, *new = ended.document["files"]
        assert (first["state"], second["state"]) == (state, "uploaded")
        assert {row["state"] for row in new} <= {"failed"}  # the file whose row now names another, and no second upload
        assert words in first["reason"]
        assert local.names(INCOMING) == [CHAIR]
    assert ended.code == 1


@pytest.mark.parametrize("state", ["updated ok", "uploadad", ""])
@pytest.mark.parametrize("unknown", [{}, {"etag": ""}], ids=["uploaded", "begun"])
def test_what_was_begun_is_looked_for_under_any_state(
    state: str, unknown: dict[str, str], operator: Operator, local: LocalStack, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    assert operator.run("backfill", folder, "--manifest", LIST).code == 0
    take_up(local)
    write(operator, {"state": state, **unknown})
    for more in (("--failed",), ()):
        ended = operator.run("backfill", folder, "--resume", LIST, "--wait", "--json", *more)
        if not (unknown and more):  # --failed leaves alone what was begun and never answered
            assert (ended.code, ended.states) == (0, {"1896-S.jpg": "updated"}), ended.out
    assert local.names(INCOMING) == []
    assert len(local.requests("PATCH")) == 1


def test_what_was_put_back_is_no_fault_any_more(operator: Operator, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg")
    assert operator.run("backfill", folder, "--manifest", LIST).code == 0
    etag = the_row(operator).etag
    write(operator, {"etag": ""})
    assert operator.run("backfill", folder, "--resume", LIST).code == 1
    write(operator, {"etag": etag})
    assert operator.run("backfill", folder, "--resume", LIST).code == 0
    assert the_row(operator).reason == ""


def test_companies_in_two_spellings_are_one(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1896-S_back.jpg")
    operator.run("backfill", folder, "--dry-run", "--manifest", LIST)

    def plan_both(row: Row) -> None:
        row.state, row.reason = State.PLANNED, ""
        row.company = row.company if row.blob else "cronus usa, inc."

    edit(operator, plan_both)
    ended = operator.run("backfill", folder, "--resume", LIST, "--json")
    assert (ended.code, set(ended.states.values())) == (1, {"failed"})
    assert all("is to go to the same item" in reason for reason in reasons(ended).values())
    assert local.names(INCOMING) == []


def write(operator: Operator, changes: dict[str, str]) -> None:
    """Write cells of the list's first row."""
    path = operator.folder / LIST
    row, *_ = manifest.read(path)
    heading, first, *others = path.read_text(encoding="utf-8-sig").splitlines()
    cells = {name: str(getattr(row, name)) for name in manifest.COLUMNS} | changes
    first = ",".join(f'"{cells[name]}"' for name in heading.split(","))
    path.write_text("\r\n".join([heading, first, *others, ""]), encoding="utf-8-sig", newline="")


def test_a_dry_run_shows_no_more_than_the_limit(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "1896-S.jpg", "1896-S_back.jpg", "1900-S.jpg", "1906-S.jpg", "nope.jpg")
    options = ("backfill", folder, "--dry-run", "--limit", "2")
    shown = operator.run(*options, "--manifest", LIST)
    assert "1906-S" not in shown.out
    assert "2 to upload, 1 skipped, 1 failed" in shown.words
    assert "1 more to upload are left for --resume" in shown.words
    document = operator.run(*options, "--json").document
    assert document["totals"] == {"planned": 2, "skipped": 1, "failed": 1}
    assert document["left"] == 1
    planned = [row["file"] for row in document["files"] if row["state"] == "planned"]
    assert len(manifest.read(operator.folder / LIST)) == 5  # the plan is whole
    ended = operator.run("backfill", folder, "--resume", LIST, "--limit", "2", "--json")
    assert [file for file, state in ended.states.items() if state == "uploaded"] == planned
    rest = operator.run("backfill", folder, "--resume", LIST, "--dry-run", "--json").document
    assert (rest["totals"]["planned"], rest["left"]) == (1, 0)
    assert len(local.names(INCOMING)) == 2


HOSTILE = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), 0x2066, 0xE0001]))


def test_json_steers_no_terminal_and_says_the_same(operator: Operator, local: LocalStack, tmp_path: Path) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="4711", displayName=f"Möbel 😀{HOSTILE}")
    folder = photographs(tmp_path / "photos", "4711.jpg")
    ended = operator.run("backfill", folder, "--dry-run", "--json")
    assert not set(HOSTILE) & set(ended.out) - {"\n"}
    assert "Möbel 😀" in ended.out
    assert json.loads(ended.out)["files"][0]["description"] == f"Möbel 😀{HOSTILE}"
