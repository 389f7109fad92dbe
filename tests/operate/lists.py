"""Changes the list of a backfill, as people and their spreadsheets do."""

import csv
import io
import re
from collections.abc import Callable

from operate import manifest
from operate.manifest import Manifest, Row
from tests.operate.command import Operator

LIST = "list.csv"
_MONTHS = ["Jan", "Feb", "Mrz", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"]
_LONG = 12  # digits from which on Excel writes a power of ten


def edit(operator: Operator, change: Callable[[Row], None]) -> None:
    """Change each row of the list."""
    path = operator.folder / LIST
    rows = manifest.read(path)
    assert rows
    for row in rows:
        change(row)
    Manifest(path, rows, is_new=False).close()


def save_in_excel(operator: Operator) -> None:
    """Open the list in a German Excel, and save it."""
    path = operator.folder / LIST
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    assert len(rows) > 1
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([[_as_excel_shows(cell) for cell in row] for row in rows])


def _as_excel_shows(cell: str) -> str:
    if cell.isascii() and cell.isdigit():
        return f"{float(cell):.5E}".replace(".", ",") if len(cell) >= _LONG else str(int(cell))
    if re.fullmatch(r"\d{1,5}E\d{1,2}", cell, re.ASCII):
        return f"{float(cell):.2E}".replace(".", ",")
    if (date := re.fullmatch(r"(\d{1,2})/(\d{1,2})", cell, re.ASCII)) and 1 <= int(date[2]) <= len(_MONTHS):
        return f"{int(date[1]):02}. {_MONTHS[int(date[2]) - 1]}"
    return cell.upper() if cell in ("true", "false") else cell
