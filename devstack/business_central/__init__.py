"""A simulator of Business Central's item pictures: API v2.0 and v1.0, a control API for tests, a live catalogue page."""
