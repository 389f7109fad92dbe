"""Handles uploads at a given pace and says what that cost; a program of ``bench telemetry``.

Each line of standard input is a list of names in JSON; the answer has the processor time of each upload's own thread
and of the whole process, in milliseconds for one upload.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from devstack.functions_host import worker_telemetry
from devstack.machine import loopback

PACE = 20  # uploads a second
THREADS = 8


def main() -> None:
    """Run the program."""
    loopback.forbid_everything_else()
    worker_telemetry.set_up()
    from shared import config, wiring  # noqa: PLC0415 - as in the worker, the app is imported afterwards
    from shared.storage.names import INCOMING  # noqa: PLC0415

    pipeline = wiring.build(config.read(os.environ)).pipeline

    def handle(name: str) -> float:
        started = time.thread_time()
        pipeline.process(INCOMING, name)
        return (time.thread_time() - started) * 1000

    print(json.dumps({"ready": "worker"}), flush=True)
    with ThreadPoolExecutor(THREADS) as threads:
        for line in sys.stdin:
            names, before, first = json.loads(line), time.process_time(), time.monotonic()
            handled = []
            for number, name in enumerate(names):
                time.sleep(max(0.0, first + number / PACE - time.monotonic()))
                handled.append(threads.submit(handle, name))
            own = [each.result() for each in handled]
            worker_telemetry.flush()
            spent = (time.process_time() - before) * 1000 / len(names)
            print(json.dumps({"own": own, "all": spent, "seconds": time.monotonic() - first}), flush=True)


if __name__ == "__main__":
    main()
