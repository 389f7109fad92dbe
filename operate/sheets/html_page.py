"""Writes an HTML page as one file: no scripts, nothing fetched; light and dark, wide and narrow."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

_STYLE = Path(__file__).with_name("html_page.css")


def write(path: Path, *, title: str, header: Callable[[], str], main: Iterable[str], style: Path) -> None:
    """Write a page; of ``main``, whose parts are HTML like ``header``, one part at a time is in memory.

    ``header`` is asked when ``main`` has ended. The caller escapes both; ``style`` is a file of additional CSS.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as parts:
        parts.writelines(f"{part}\n" for part in main)
        parts.seek(0)
        with path.open("w", encoding="utf-8") as page:
            page.write(_head(title, style))
            page.write(f"<header><h1>{escape(title)}</h1>{header()}</header>\n<main>\n")
            shutil.copyfileobj(parts, page)
            page.write("</main>\n</body>\n</html>\n")


def _head(title: str, style: Path) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{_STYLE.read_text(encoding="utf-8")}{style.read_text(encoding="utf-8")}</style>
</head>
<body>
"""
