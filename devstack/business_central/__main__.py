"""Runs the simulator: ``python -m devstack.business_central --jwks-url URL``."""

import argparse
import os

from devstack.business_central import tokens
from devstack.business_central.application import create_app
from devstack.business_central.server import Server
from devstack.machine import lifeline, loopback


def main() -> None:
    """Serve until the process ends; print one line with the URL."""
    parser = argparse.ArgumentParser(prog="python -m devstack.business_central", description=__doc__)
    parser.add_argument("--jwks-url", required=True, help="the key set that bearer tokens are checked against")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on; 0, the default, picks a free one")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    options = parser.parse_args()
    loopback.forbid_everything_else()
    os.environ["no_proxy"] = "*"  # the key set is on this machine: no proxy could reach it
    with Server(create_app(tokens.keys_from(options.jwks_url)), options.port) as server:
        if options.with_parent:
            lifeline.end_with_parent()
        lifeline.announce(ready="business_central", url=server.url)
        server.serve_forever()


if __name__ == "__main__":
    main()
