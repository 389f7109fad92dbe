"""Guards against leaving this machine: refuses and records every connection and name look-up beyond loopback."""

import ipaddress
import sys
from typing import Any

violations: list[str] = []


def _leaves(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if not isinstance(host, str) or host.lower() in ("", "localhost"):
        return False
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return True  # looking up a name would already leave the machine


def _check(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        host = args[1][0] if isinstance(args[1], tuple) else None  # Unix sockets have a path or bytes
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0]
    elif event == "socket.getnameinfo":
        host = args[0][0]
    else:
        return
    if _leaves(host):
        violations.append(f"{event} to {host}")
        raise PermissionError(f"{event} to {host}: only loopback addresses are allowed here")


def forbid_everything_else() -> None:
    """Refuse every connection and name look-up of this process beyond loopback, permanently."""
    sys.addaudithook(_check)
