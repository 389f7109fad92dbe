"""Runs the app in Azure Functions Core Tools, as a separate program. Untried with the real tools.

``func start`` does not know the stack: this program gives it the stack's settings, repeats its output as events, and
ends it with all its child processes when its own parent ends.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Annotated

import psutil
import typer

from devstack.machine import lifeline

_READY = "item_picture_uploaded: blobTrigger"  # in the list of functions, once the host has indexed them
_END_SECONDS = 3


def main(
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,  # noqa: FBT002 - typer's way
    remove_at_end: Annotated[list[Path] | None, typer.Option(help="Delete this file at the end.")] = None,
) -> None:
    """Run ``func start`` in this folder until it ends (untried with the real tools)."""
    func = shutil.which("func")
    if not func:
        raise SystemExit("Azure Functions Core Tools (the program func) are not on the PATH. Install them first.")
    command = [func, "start", "--port", str(_free_port())]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        text=True,
    )
    if with_parent:
        Thread(target=_end_with_parent, args=[process.pid, remove_at_end or []], daemon=True).start()
    for line in process.stdout or ():
        if _READY in line:
            lifeline.announce(ready="host", functions="item_picture_uploaded")
        print(json.dumps({"event": "host_said", "line": line.rstrip()}), flush=True)
    raise SystemExit(process.wait())


def _environment() -> dict[str, str]:
    """Return the environment: this Python, its language as the worker's, no telemetry."""
    folder = Path(sys.executable).parent
    return {
        **os.environ,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT": "1",
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "VIRTUAL_ENV": str(folder.parent),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _end_with_parent(pid: int, remove: list[Path]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    tools = psutil.Process(pid)
    family = [*tools.children(recursive=True), tools]
    for process in family:
        process.terminate()
    _, alive = psutil.wait_procs(family, timeout=_END_SECONDS)
    for process in alive:
        process.kill()
    for path in remove:
        path.unlink(missing_ok=True)
    os._exit(0)


if __name__ == "__main__":
    typer.run(main)
