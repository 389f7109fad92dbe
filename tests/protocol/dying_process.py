"""A real process of the app that kills itself: `python -m tests.protocol.dying_process BLOB EFFECT`, settings in ``SETTINGS``."""

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

# No handler, no finally block and no buffer outlives it. On Windows, any signal that is sent so ends a process at once.
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def main(name: str, dies_at: int) -> None:
    """Deliver the upload, and die when it comes to this effect, counted from 0."""
    happened: list[Effect] = []

    def hook(effect: Effect, send: Send) -> Response:
        if len(happened) == dies_at:
            os.kill(os.getpid(), _KILL)
        happened.append(effect)
        return send()

    pipeline = wiring.build(config.read(json.loads(os.environ["SETTINGS"])), throttle=ManualClock().throttle())
    with outgoing_requests.hooks_installed(), outgoing_requests.hooked(hook):
        pipeline.process(names.INCOMING, name)
    print("it lives")


if __name__ == "__main__":
    loopback.forbid_everything_else()
    main(sys.argv[1], int(sys.argv[2]))
