"""Runs one sweep with the settings of the environment, and prints what it took, as one line of JSON; a program."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from azure.core.pipeline.transport import RequestsTransport

from shared import config, wiring


def peak_mib() -> float:
    """Return the peak of this process's memory so far; 0 where the system is not Linux.

    Not ``ru_maxrss``: a process inherits that of its parent, which has made all the uploads.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**10


def main() -> None:
    """Sweep once."""
    counted = 0
    send = RequestsTransport.send

    def counting(self: RequestsTransport, request: Any, **options: Any) -> Any:  # noqa: ANN401 - the SDK's
        nonlocal counted
        counted += 1
        return send(self, request, **options)

    RequestsTransport.send = counting  # this process ends at once
    report = wiring.build(config.read(os.environ)).sweep.run()
    print(json.dumps({"line": asdict(report), "peak_mib": peak_mib(), "storage_requests": counted}))


if __name__ == "__main__":
    main()
