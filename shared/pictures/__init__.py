"""Renders an uploaded file as the picture for Business Central."""
