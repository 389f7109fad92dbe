"""Draws the demo's sample photographs with Pillow alone, so that nobody else owns them. Pure."""
