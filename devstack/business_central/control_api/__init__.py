"""Lets tests arrange a scenario and read what happened, under /_control."""
