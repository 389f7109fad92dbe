"""Runs the app in a process that kills itself at an effect, with the settings in ``SETTINGS``.

Usage: ``python -m tests.protocol.dying_process BLOB EFFECT``.
"""

import json
import os
import signal
import sys

from requests import Response

from devstack.machine import loopback
from shared import config, wiring
from shared.storage import names
from tests.support import outgoing_requests
from tests.support.local_stack import ManualClock
from tests.support.outgoing_requests import Effect, Send

# No handler, finally block or buffer survives it. On Windows, any signal sent by os.kill ends it at once.
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def main(name: str, dies_at: int) -> None:
    """Deliver the upload, and die before this effect, counted from 0."""
    effects: list[Effect] = []

    def hook(effect: Effect, send: Send) -> Response:
        if len(effects) == dies_at:
            os.kill(os.getpid(), _KILL)
        effects.append(effect)
        return send()

    pipeline = wiring.build(config.read(json.loads(os.environ["SETTINGS"])), throttle=ManualClock().throttle()).pipeline
    with outgoing_requests.hooks_installed(), outgoing_requests.hooked(hook):
        pipeline.process(names.INCOMING, name)
    print("it lives")


if __name__ == "__main__":
    loopback.forbid_everything_else()
    main(sys.argv[1], int(sys.argv[2]))
