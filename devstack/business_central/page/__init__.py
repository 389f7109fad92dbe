"""Shows the catalogue to people, live."""
