"""A map is read whatever program wrote it, and a file that is none says so in one line."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
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


@pytest.mark.parametrize(
    ("headings", "told"),
    [
        (["File", "SKU", "Item No."], ["the number ('SKU', 'Item No.')"]),
        (["Nr.", "Datei", "Artikelnr."], ["the number ('Nr.', 'Artikelnr.')"]),
        (["Picture", "File name", "No."], ["the file ('Picture', 'File name')"]),
        (
            ["Bild", "Datei", "EAN", "Artikel", "Art", "Barcode"],
            ["the file ('Bild', 'Datei')", "the gtin ('EAN', 'Barcode')"],
        ),
        (["file", "id", "System Id", "company", "Firma"], ["the id ('id', 'System Id')", "the company"]),
        (["file", "no", "NO", "N o"], ["the number ('no', 'NO', 'N o')"]),
        (["file", "number", "Artikel\nnummer"], ["the number ('number', 'Artikel nummer')"]),
    ],
)
@pytest.mark.parametrize("above", [[], [["Our photographs"], []]], ids=["alone", "under a title"])
def test_two_columns_for_the_same_are_refused_by_name(
    headings: list[str], told: list[str], above: list[list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "map.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows([*above, headings, [str(place) for place in range(len(headings))]])
    with pytest.raises(Problem, match="several columns for the") as caught:
        list(maps.read(path))
    assert [words for words in told if words not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_unknown_columns_may_be_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("Pos.;Datei;Artikelnr.;Pos.;;\n1;a.jpg;1896-S;2;;\n", encoding="utf-8")
    assert read(path) == [("a.jpg", {"number": "1896-S"})]


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "xl/styles.xml", "xl/texts.xml"])
def test_a_workbook_that_unpacks_to_anything_is_refused_unread(part: str, tmp_path: Path) -> None:
    path = tmp_path / "map.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(part, "w") as file:
        for _ in range(65):
            file.write(b"\0" * 1024 * 1024)
    with pytest.raises(Problem, match="too large for a map"):
        list(maps.read(path))


def workbook(path: Path) -> bytes:
    """Write a sound workbook, and return its bytes."""
    book = Workbook()
    book.active.append(["file", "number"])
    book.active.append(["a.jpg", "1000"])
    book.save(path)
    return path.read_bytes()


def with_part(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Write a sound workbook, but for one part."""
    workbook(path)
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in parts.items():
            archive.writestr(each, change(content) if each == name else content)


SHEET = "xl/worksheets/sheet1.xml"
XML_DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a sheet without end": (SHEET, lambda xml: xml[: len(xml) // 2]),
    "a sheet with words as row numbers": (SHEET, lambda xml: xml.replace(b'r="1"', b'r="one"')),
    "a sheet with an unknown style": (SHEET, lambda xml: xml.replace(b"<c ", b'<c s="99" ')),
    "styles without end": ("xl/styles.xml", lambda xml: xml[: len(xml) // 2]),
    "styles with words as numbers": ("xl/styles.xml", lambda xml: xml.replace(b'numFmtId="0"', b'numFmtId="none"')),
    "no list of sheets": ("xl/workbook.xml", lambda _: b"<workbook/>"),
    "content types without end": ("[Content_Types].xml", lambda xml: xml[:50]),
}


@pytest.mark.parametrize("damage", XML_DAMAGE)
def test_a_damaged_workbook_says_so_in_one_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "map.xlsx"
    with_part(path, *XML_DAMAGE[damage])
    refused_in_one_line(path)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(6, 1), (8, 99)],  # in each entry's heading: its flags (encrypted), its method (unknown)
    ids=["encrypted", "unknown compression"],
)
def test_a_workbook_that_nobody_can_unpack_says_so_in_one_line(offset: int, value: int, tmp_path: Path) -> None:
    path = tmp_path / "map.xlsx"
    content = bytearray(workbook(path))
    for mark, further in ((b"PK\3\4", 0), (b"PK\1\2", 2)):
        place = content.find(mark)
        while place >= 0:
            content[place + offset + further] = value
            place = content.find(mark, place + 1)
    path.write_bytes(content)
    refused_in_one_line(path)


def test_a_workbook_with_damaged_compression_says_so_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "map.xlsx"
    content = bytearray(workbook(path))
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(SHEET).header_offset + 30 + len(SHEET)
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    refused_in_one_line(path)


def refused_in_one_line(path: Path) -> None:
    with pytest.raises(Problem) as caught:
        list(maps.read(path))
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert message.endswith(("or as CSV.", "or CSV.")) or "has no sheet" in message
    assert ("\n" in message, len(message) < 600) == (False, True)


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)
GUARD = "[;\t\"]'"  # what a list puts into cells, and a map takes out


def is_plain(cell: str) -> bool:
    return cell.strip() == cell and cell[0] not in "'\ufeff" and not re.search(GUARD, cell)


@given(
    st.lists(
        st.tuples(CELLS, CELLS).filter(lambda row: all(map(is_plain, row))),
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
