"""The guard keeps the local stack and its tests on this machine."""

import subprocess
import sys

import pytest

from devstack.machine.setup import ROOT

LEAVING = [
    "socket.create_connection(('192.0.2.1', 80), 1)",
    "socket.create_connection(('2001:db8::1', 80), 1)",
    "socket.getaddrinfo('example.com', 80)",
    "socket.gethostbyname('example.com')",
    "socket.gethostbyaddr('192.0.2.1')",
    "socket.getnameinfo(('192.0.2.1', 80), 0)",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b''], [], 0, ('192.0.2.1', 53))",
    "urllib.request.urlopen('http://169.254.169.254/metadata', timeout=1)",
]
GUARDED = "import socket, urllib.request\nfrom devstack.machine import loopback\nloopback.forbid_everything_else()\n"


def run(attempt: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", GUARDED + attempt], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("attempt", LEAVING)
def test_connections_beyond_loopback_are_refused(attempt: str) -> None:
    attempted = run(attempt)
    assert attempted.returncode != 0
    assert "only loopback addresses are allowed here" in attempted.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "::1"])
def test_loopback_connections_are_allowed(host: str) -> None:
    """Nothing listens on port 9: this machine refuses the connection, not the guard."""
    stderr = run(f"socket.create_connection(({host!r}, 9), 1)").stderr
    assert "only loopback addresses" not in stderr
    assert "in create_connection" in stderr, "the attempt got as far as the connection"
