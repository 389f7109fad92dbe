"""Puts a folder of photographs on their items: what a file's name means, the plan, the uploads, what became of them."""
