"""A map is read whatever program wrote it, and a file that is none says so in one line."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from operate.backfill import maps
from operate.errors import Problem

ROWS = [["bild1.jpg", "1896-S"], ["Käse; alt.jpg", "00123"], ["a,b.jpg", "Ä-1100"]]


def read(path: Path) -> list[tuple[str, dict[str, str]]]:
    return [(line.file, line.item) for line in maps.read(path)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("heading", [["File", "Item No."], ["Datei", "Artikelnr."], ["FILE NAME", "number"]])
def test_a_csv_is_read_as_programs_write_it(delimiter: str, encoding: str, heading: list[str], tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([heading, *ROWS])
    assert read(path) == [(file, {"number": number}) for file, number in ROWS]


def test_excels_own_first_line_and_a_title_are_no_headings(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_bytes(b"sep=;\r\nOur photographs, 2026\r\n\r\nnotes;file;number\r\nx;a.jpg;1000\r\n;;\r\n")
    assert read(path) == [("a.jpg", {"number": "1000"})]


def test_a_workbook_gives_numbers_as_somebody_sees_them(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["File", "No.", "GTIN", "Company"])
    book.active.append(["a.jpg", 1000, 4006381333931.0, "CRONUS"])
    book.active.append(["b.jpg", 123, None, None])
    book.active["B3"].number_format = "00000"
    book.active.append(["c.jpg", "007", None, None])
    book.save(tmp_path / "map.xlsx")
    lines = list(maps.read(tmp_path / "map.xlsx"))
    assert [line.item for line in lines] == [
        {"number": "1000", "gtin": "4006381333931"},
        {"number": "00123"},
        {"number": "007"},
    ]
    assert [(line.line, line.company) for line in lines] == [(2, "CRONUS"), (3, ""), (4, "")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("map.csv", b"", "is empty"),
        ("map.csv", b"a;b\n1;2\n", "found a, b"),
        ("map.csv", b"file\nx.jpg\n", "needs the columns"),
        ("map.csv", b"file,number\n" + b"x" * 200_000 + b",1\n", "no CSV"),
        ("map.csv", b"file,number\n" + b"x" * 2000 + b",1\n", "more than 1024 characters"),
        ("map.xlsx", b"file,number\n", "no Excel workbook"),
        ("map.xlsx", b"PK\x03\x04" + b"\0" * 100, "no Excel workbook"),
    ],
)
def test_what_is_no_map_says_so_in_one_line(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Problem, match=words) as caught:
        list(maps.read(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_workbook_that_unpacks_to_anything_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "map.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/sharedStrings.xml", "w") as file:
        for _ in range(65):
            file.write(b"\0" * 1024 * 1024)
    with pytest.raises(Problem, match="too large for a map"):
        list(maps.read(path))


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)


@given(
    st.lists(
        st.tuples(CELLS, CELLS).filter(lambda row: all(c.strip() == c and c[0] not in "'\ufeff" for c in row)),
        min_size=1,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_any_cells_come_back_from_any_dialect(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([("file", "number"), *rows])
    path = tmp_path_factory.mktemp("map") / "map.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    assert read(path) == [(file, {"number": number}) for file, number in rows]
