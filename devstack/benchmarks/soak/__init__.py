"""Runs the app under every kind of trouble at once, then audits what became of each upload."""
