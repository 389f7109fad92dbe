"""Looks through all telemetry that the stacks of a whole test run have sent, and through all lines that the app logged.

Whatever a test is about, what is sent while it runs holds no secret, and no name that the code does not list.
"""

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared import call_names
from shared import telemetry_names as names

_SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.|AccountKey=(?!…)|Bearer [\w-]{8,}|sig=(?!REDACTED|…)|IngestionEndpoint|[A-Za-z0-9+/]{86}=="
)
_CALLS = {call_names.WRITE_PICTURE, *call_names.BC_READS.values(), *call_names.storage_calls()}


class LinesKept(logging.Handler):
    """Keeps what the app logs in this process, as it is shown."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = folder / f"{os.getpid()}.log"

    def emit(self, record: logging.LogRecord) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{record.getMessage()}\n")


def problems(folder: Path) -> list[str]:
    """Return what is wrong with what was kept in ``folder``."""
    found: set[str] = set()
    for file in sorted(folder.glob("*.log")):
        found.update(_secrets_in(file.read_text(encoding="utf-8")))
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            body: str = json.loads(line)
            found.update(_secrets_in(body))
            found.update(_foreign_names_in(json.loads(body)))
    return sorted(found)


def _secrets_in(text: str) -> Iterator[str]:
    for match in _SECRETS.finditer(text):
        yield f"a secret: {text[max(0, match.start() - 200) : match.end() + 20]}"


def _foreign_names_in(sent: Any) -> Iterator[str]:
    """Yield the names of events, spans, calls, dimensions and measurements that the code does not list."""
    for envelope in sent if isinstance(sent, list) else []:  # live metrics send objects
        kind, data = envelope["data"]["baseType"], envelope["data"]["baseData"]
        properties, measurements = data.get("properties") or {}, set(data.get("measurements") or {})
        ours = {name.removeprefix(names.PREFIX) for name in properties if name.startswith(names.PREFIX)}
        if kind == "MessageData":
            record = names.RECORDS.get(data["message"], names.Record(()))
            foreign = ({data["message"]} - {*names.RECORDS}) | (ours - {*record.dimensions})
            foreign |= measurements - {*record.measurements}
        elif kind == "RemoteDependencyData":
            call = properties.get(f"{names.PREFIX}{names.CALL}")
            foreign = (ours - {*names.CALL_DIMENSIONS}) | ({call} - {None, *_CALLS}) | measurements
            foreign |= {data["name"]} - {*names.SPANS} if data["type"] == "InProc" else set()
        elif kind == "RequestData":
            foreign = ours | measurements
        else:
            foreign = {kind}
        yield from (f"a name that is not listed: {name!r} in {kind}" for name in foreign)
