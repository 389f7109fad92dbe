"""A list survives crashes, spreadsheets and hostile names."""

import csv
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operate import manifest
from operate.errors import Problem
from operate.manifest import Manifest, Row, State


def test_the_last_row_of_a_file_counts_and_a_torn_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    first, second = Row("a.jpg", item_id="1"), Row("b.jpg", item_id="2")
    writing = Manifest(path, [first, second], is_new=True)
    for row in (first, second):
        row.state = State.UPLOADING
        writing.note(row)
    first.state = State.UPLOADED
    writing.note(first)
    whole = path.read_bytes()
    lengths = range(whole.rindex(b"\r\n", 0, -2) + 2, len(whole))
    assert lengths
    for length in lengths:  # every place where a crash can cut the last row
        path.write_bytes(whole[:length])
        assert [row.state for row in manifest.read(path)] == [State.UPLOADING, State.UPLOADING]
    path.write_bytes(whole)
    assert [row.state for row in manifest.read(path)] == [State.UPLOADED, State.UPLOADING]


def test_a_closed_list_has_one_row_for_each_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    row = Row("a.jpg", item_id="1")
    writing = Manifest(path, [row], is_new=True)
    for state in (State.UPLOADING, State.UPLOADED, State.UPDATED):
        row.state = state
        writing.note(row)
    writing.close()
    assert manifest.read(path) == [row]
    assert path.read_text(encoding="utf-8-sig").count("a.jpg") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["list.csv"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-77", "@SUM(A1)", "\t=1", "'=1", "'", "''x"])
def test_no_cell_is_a_formula_and_all_come_back(text: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    row = Row(f"{text}.jpg", item=text, description=text, reason=text)
    Manifest(path, [row], is_new=True).close()
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for each in csv.reader(file) for cell in each]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))] == []
    assert manifest.read(path) == [row]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0")) | st.text(";,\t\"'=+-@ a")


@given(st.lists(TEXTS, min_size=4, max_size=4))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("list") / "list.csv"
    row = Row(texts[0], item=texts[1], description=texts[2], reason=texts[3])
    Manifest(path, [row], is_new=True).close()
    assert manifest.read(path) == [row]


@given(st.lists(TEXTS, min_size=4, max_size=4))
@example(["a;=1+1;.jpg", "", "", ""])
@example(['a;"=1+1".jpg', "", "", ""])
def test_no_cell_is_a_formula_whatever_the_separator(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """A German Excel, for instance, divides a line at its semicolons."""
    path = tmp_path_factory.mktemp("list") / "list.csv"
    Manifest(path, [Row(texts[0], item=texts[1], description=texts[2], reason=texts[3])], is_new=True).close()
    for delimiter in ",;\t":
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for each in csv.reader(file, delimiter=delimiter) for cell in each]
        assert cells
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_list_is_read_as_excel_saves_it(delimiter: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    row = Row("Käse.jpg", "Ä-1100", "Bänke; grün", State.FAILED, "no item", company="Nordwind Möbel GmbH")
    Manifest(path, [row], is_new=True).close()
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)
    assert manifest.read(path) == [row]


def test_a_list_that_a_spreadsheet_has_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file;item;state;reason\na.jpg;1000;failed;\n", encoding="utf-8")
    assert manifest.read(path) == [Row("a.jpg", "1000", state=State.FAILED)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no column 'file'"),
        ("", "no column"),
    ],
)
def test_what_is_no_list_says_so(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem, match=words):
        manifest.read(path)


def test_a_state_that_nobody_knows_fails_its_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file,item,state\na,1,gone\nb,2, Planned \nc,3,\n", encoding="utf-8")
    rows = manifest.read(path)
    assert [row.state for row in rows] == [State.FAILED, State.PLANNED, State.FAILED]
    assert rows[0].reason.startswith("'gone' is no state; the states are planned, uploading, uploaded")


def test_lines_that_somebody_emptied_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file,item,state\n,,\na,1,planned\n,,,,\n", encoding="utf-8")
    assert manifest.read(path) == [Row("a", "1")]


def test_corrections_of_one_file_for_two_items_are_kept(tmp_path: Path) -> None:
    """Both GTINs have become 4,00638E+12 in a spreadsheet."""
    path = tmp_path / "list.csv"
    rows = [Row("a.jpg", "4,00638E+12", state=State.FAILED, use_item=number) for number in ("1900-S", "1906-S")]
    Manifest(path, rows, is_new=True).close()
    assert manifest.read(path) == rows


def test_no_new_list_takes_the_place_of_another_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    with manifest.kept(path, is_new=True):
        path.write_bytes(b"mine")  # while the command asks BC
        with pytest.raises(Problem, match="Continue it with --resume"):
            Manifest(path, [Row("a.jpg")], is_new=True)
    with pytest.raises(Problem, match="Continue it with --resume"), manifest.kept(path, is_new=True):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["mine.csv"]
    assert path.read_bytes() == b"mine"


def test_only_one_command_has_a_list_and_it_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    Manifest(path, [Row("a.jpg")], is_new=True).close()
    with manifest.kept(path, is_new=False):
        for _ in range(2):  # a refused one must not lift the lock
            with pytest.raises(Problem, match="Another command is using the list"), manifest.kept(path, is_new=False):
                pass
    with manifest.kept(path, is_new=False):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["list.csv"]


def test_one_file_may_go_to_items_of_two_companies_with_one_id(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    rows = [Row("a.jpg", company=company, item_id="1") for company in ("CRONUS", "COPY")]
    Manifest(path, rows, is_new=True).close()
    assert manifest.read(path) == rows
