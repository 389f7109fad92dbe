"""Stands in for Azure and Business Central on one machine; holds the commands of ``dev.py``."""
