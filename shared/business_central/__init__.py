"""Talks to Business Central: its API, the list of companies, HTTP, retries, OData."""
