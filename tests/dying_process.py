"""A real process of the app that kills itself: `python -m tests.dying_process BLOB EFFECT`, settings in ``SETTINGS``."""

import json
import os
import signal
import sys

from requests import Response

from devstack import loopback
from shared import config, naming, wiring
from tests import outside
from tests.local import Clock
from tests.outside import Effect, Send

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

    pipeline = wiring.build(config.read(json.loads(os.environ["SETTINGS"])), gate=Clock().gate())
    with outside.opened(), outside.hooked(hook):
        pipeline.process(naming.INCOMING, name)
    print("it lives")


if __name__ == "__main__":
    loopback.forbid_everything_else()
    main(sys.argv[1], int(sys.argv[2]))
