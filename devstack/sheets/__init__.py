"""Sheets that show pictures to people: the demo's contact sheet, the one in the docs, and the frame of HTML pages."""
