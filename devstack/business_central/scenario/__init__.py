"""Holds what a test can arrange: time, faults, delays, limits, late writes; and the log of what happened."""
