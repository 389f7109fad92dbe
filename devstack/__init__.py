"""What stands in on one machine for Azure and Business Central, and the commands of ``dev.py``."""
