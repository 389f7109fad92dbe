"""Keeps companies, items and pictures as Business Central does."""
