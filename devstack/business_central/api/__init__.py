"""Answers as Business Central's API does: URLs, queries, documents."""
