"""Sheets that show pictures before and after, as HTML pages of one file each."""
