"""Product shots drawn with Pillow alone, so that the demo has photographs that belong to nobody. Pure."""
