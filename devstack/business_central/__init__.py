"""Simulates item pictures of Business Central: API v2.0 and v1.0, a control API for tests, a live catalogue page."""
