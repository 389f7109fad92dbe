"""Writes an HTML page as one file: no scripts, nothing fetched; light and dark, wide and narrow."""

from html import escape
from pathlib import Path

_STYLE = Path(__file__).with_name("html_page.css")


def write(path: Path, *, title: str, header: str, main: str, style: Path) -> None:
    """Write a page. ``header`` and ``main`` are HTML, escaped by the caller; ``style`` is a file of additional CSS."""
    page = f"""<!doctype html>
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
<header><h1>{escape(title)}</h1>{header}</header>
<main>
{main}
</main>
</body>
</html>
"""
    path.write_text(page, encoding="utf-8")
