"""Run the simulator: ``python -m devstack.business_central --jwks-url URL``."""

import argparse
import os
from pathlib import Path

from devstack.business_central import tokens
from devstack.business_central.routes import create_app
from devstack.business_central.server import Server
from devstack.business_central.state import StateFile
from devstack.machine import lifeline, loopback


def main() -> None:
    """Serve until the process is ended; the one line on standard output says where."""
    parser = argparse.ArgumentParser(prog="python -m devstack.business_central", description=__doc__)
    parser.add_argument("--jwks-url", required=True, help="the key set that bearer tokens are checked against")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="load the catalogue from it, and save every change to it"
    )
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    options = parser.parse_args()
    loopback.forbid_everything_else()
    os.environ["no_proxy"] = "*"  # the key set is on this machine: no proxy could reach it
    state = StateFile(options.state) if options.state else None
    app = create_app(tokens.keys_from(options.jwks_url), state=state)
    with Server(app, options.port) as server:
        if options.with_parent:
            lifeline.end_with_parent()
        lifeline.announce(ready="business_central", url=server.url)
        server.serve_forever()


if __name__ == "__main__":
    main()
