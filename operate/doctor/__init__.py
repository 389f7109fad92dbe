"""Looks for what is misconfigured, before the first upload does."""
