"""The client of Business Central: its API, HTTP, retries, OData."""
