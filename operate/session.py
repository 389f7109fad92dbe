"""Holds what one call of ``item-pictures`` was asked for, for all its commands."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from operate import config
from operate.config import Installation
from operate.connection import Connection, connect
from operate.output import Output


@dataclass
class Session:
    """The options of all commands, and what they lead to; commands get it as ``context.obj``."""

    config_path: Path
    output: Output

    @cached_property
    def installation(self) -> Installation:
        """Where everything is.

        Raises:
            Problem: the file does not say it.
        """
        return config.read(self.config_path)

    @cached_property
    def connection(self) -> Connection:
        """The app's parts for it; signs in at the first request."""
        return connect(self.installation)
