"""Runs one sweep with the settings of the environment, and prints what it took, as one line of JSON; a program."""

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from azure.core.pipeline.transport import RequestsTransport

from shared import config, wiring


def peak_mib() -> float:
    """Return the peak of this process's memory so far; 0 where the system does not tell."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return 0.0
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


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
