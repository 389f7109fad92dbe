"""Reads a map: a table in CSV or XLSX that says which file belongs to which item."""

import csv
import io
import re
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from openpyxl import load_workbook

from operate.errors import Problem, first_line
from operate.manifest import unguarded
from operate.text_files import encoding_of

ROWS_MAX = 1_000_000
_COLUMNS_MAX = 100
_CELL_MAX = 1024  # characters; longer ones are no names
_HEADING_SHOWN = 40  # characters of a heading in a message
_UNPACKED_MAX = 512 * 1024 * 1024  # bytes of an XLSX
_PART_MAX = 64 * 1024 * 1024  # bytes of a part that is read as a whole: all but the sheets are
_SHEETS = "xl/worksheets/"
_HEADING_ROWS = 5  # titles and blank lines above the headings
_BLOCK = 1024 * 1024
# Headings as people and BC write them; compared without case, blanks and punctuation.
_HEADINGS = {
    "file": "file filename filepath path picture pictures image photo photograph bild bilddatei datei dateiname foto",
    "company": "company companyname firma mandant unternehmen",
    "number": "item itemno itemnumber no number nr itemnr artikel artikelnr artikelnummer articleno articlenumber sku",
    "id": "id itemid systemid guid",
    "gtin": "gtin ean ean13 upc barcode gtinean strichcode",
    "vendor": "vendoritemno vendoritemnumber vendoritemnr kreditorenartikelnr lieferantenartikelnr supplieritemno",
}
_FIELD_OF = {heading: name for name, headings in _HEADINGS.items() for heading in headings.split()}
_ITEM_FIELDS = ("number", "id", "gtin", "vendor")
_ONLY_ZEROS = re.compile(r"0+")


@dataclass(frozen=True, slots=True)
class MapLine:
    """One line of a map: the file, and what names its item; ``line`` is where it stands."""

    line: int
    file: str
    company: str = ""
    item: dict[str, str] = field(default_factory=dict)  # by field: number, id, gtin, vendor


def read(path: Path) -> Iterator[MapLine]:
    """Yield the lines of a map, one at a time; blank lines are left out.

    Raises:
        Problem: this is not a map that can be read.
    """
    if not path.is_file():
        raise Problem(f"{path} does not exist. --map names a table, CSV or XLSX.")
    rows = _xlsx_rows(path) if path.suffix.lower() in (".xlsx", ".xlsm") else _csv_rows(path)
    return _lines(path, rows)


def _lines(path: Path, rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[MapLine]:
    iterator = iter(rows)
    columns = _columns(path, iterator)
    for line, cells in iterator:
        if line > ROWS_MAX:
            raise Problem(f"{path} has more than {ROWS_MAX:,} lines. Divide it.")
        values = {name: cells[place].strip() for place, name in columns.items() if place < len(cells)}
        if too_long := next((name for name, value in values.items() if len(value) > _CELL_MAX), None):
            raise Problem(f"{path}, line {line}: the {too_long} has more than {_CELL_MAX} characters.")
        if any(values.values()):
            item = {name: values[name] for name in _ITEM_FIELDS if values.get(name)}
            yield MapLine(line, values.get("file", ""), values.get("company", ""), item)


def _columns(path: Path, rows: Iterator[tuple[int, Sequence[str]]]) -> dict[int, str]:
    """Return what each column holds, by the first row that has the headings."""
    seen: list[str] = []
    for _, (_, cells) in zip(range(_HEADING_ROWS), rows, strict=False):
        columns = _known(cells)
        if "file" in columns.values() and set(columns.values()) & set(_ITEM_FIELDS):
            _check_headings(path, cells, columns)
            return columns
        seen += [cell.strip()[:_HEADING_SHOWN] for cell in cells if cell.strip()]
    found = f"found {', '.join(seen[:8])}" if seen else "the file is empty"
    raise Problem(f"{path} needs the columns 'file' and one of 'number', 'id', 'gtin' in its first row; {found}.")


def _known(cells: Sequence[str]) -> dict[int, str]:
    """Return the columns whose headings we know."""
    columns: dict[int, str] = {}
    for place, cell in enumerate(cells):
        letters = unicodedata.normalize("NFKC", cell).casefold()
        if name := _FIELD_OF.get("".join(c for c in letters if c.isalnum())):
            columns[place] = name
    return columns


def _check_headings(path: Path, cells: Sequence[str], columns: Mapping[int, str]) -> None:
    """Refuse two columns for the same: "Nr." beside "Artikelnr." may as well count the lines.

    Raises:
        Problem: there are such columns; it names all of them.
    """
    headings: dict[str, list[str]] = defaultdict(list)
    for place, name in columns.items():
        headings[name].append(repr(" ".join(cells[place].split())[:_HEADING_SHOWN]))
    doubled = [f"the {name} ({', '.join(some)})" for name, some in headings.items() if len(some) > 1]
    if doubled:
        raise Problem(
            f"{path} has several columns for {' and for '.join(doubled)}. Rename or remove those that do not say it."
        )


def _csv_rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    encoding = encoding_of(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        beginning = file.read(_BLOCK)
    first = beginning.partition("\n")[0].strip()
    is_directive = re.fullmatch(r"sep=(.)", first)  # Excel's own line
    delimiter = is_directive[1] if is_directive else _delimiter(beginning)
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for cells in reader:
                if not (is_directive and reader.line_num == 1):
                    yield reader.line_num, [unguarded(cell) for cell in cells]
        except (csv.Error, UnicodeDecodeError) as error:
            raise Problem(f"{path}, line {reader.line_num}: this is no CSV: {error}.") from None


def _delimiter(beginning: str) -> str:
    """Return the separator under which the beginning has most columns that we know."""

    def known(delimiter: str) -> tuple[int, int]:
        rows: list[Sequence[str]] = []
        with suppress(csv.Error):  # reading the file itself will say it
            rows.extend(islice(csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter), _HEADING_ROWS))
        return max(map(len, map(_known, rows)), default=0), beginning.count(delimiter)

    return max(";,\t|", key=known)


def _xlsx_rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    _check_size(path)
    with path.open("rb") as file:  # which openpyxl leaves open when it fails
        yield from _rows_of(path, file)


def _rows_of(path: Path, file: BinaryIO) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        book = load_workbook(file, read_only=True, data_only=True)
    except Exception as error:  # noqa: BLE001 - of openpyxl, zlib and the parser: any, on a hostile file
        raise Problem(f"{path} is no Excel workbook: {first_line(error)}. Save it as .xlsx or CSV.") from None
    with closing(book):
        sheet = book.worksheets[0] if book.worksheets else None
        if sheet is None:
            raise Problem(f"{path} has no sheet.")
        sheet.reset_dimensions()  # other programs write wrong ones
        try:
            for line, cells in enumerate(sheet.iter_rows(max_col=_COLUMNS_MAX), 1):
                yield line, [_text(cell.value, getattr(cell, "number_format", "")) for cell in cells]
        except Exception as error:  # noqa: BLE001 - as above
            raise Problem(f"{path} is damaged: {first_line(error)}. Save it anew, or as CSV.") from None


def _check_size(path: Path) -> None:
    """Refuse what would unpack to any size.

    Raises:
        Problem: it is too large, or no zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise Problem(f"{path} is no Excel workbook: {first_line(error)}. Save it as .xlsx or CSV.") from None
    whole = max((each.file_size for each in entries if not each.filename.lower().startswith(_SHEETS)), default=0)
    if sum(each.file_size for each in entries) > _UNPACKED_MAX or whole > _PART_MAX:
        raise Problem(f"{path} is too large for a map. Keep the columns file and number, and save it as CSV.")


def _text(value: object, number_format: str) -> str:
    """Return a cell as somebody sees it: Excel keeps numbers as fractions, and leading zeros in the format."""
    if value is None or isinstance(value, (date, datetime)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _ONLY_ZEROS.fullmatch(number_format or ""):
        return str(value).zfill(len(number_format))
    return str(value)
