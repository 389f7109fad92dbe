"""Runs Microsoft's own scanning blob trigger, as a program, in front of the app's functions; and the sweep beside it.

The program is no part of this project: it is used where it lies beside the project's folder.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devstack.machine.children import Child, clean_environment
from devstack.machine.setup import ROOT
from shared import report
from shared.storage.names import INCOMING
from shared.wiring import App

PROGRAM = ROOT.parent / "shared" / "tools" / "blob-trigger-host"
SETTINGS = {"CONTAINER": INCOMING, "CONCURRENCY": "4", "ATTEMPTS": "2", "EXIT_WITH_STDIN": "1"}  # as in host.json


def found_program() -> bool:
    """Whether the program is there and runs on this machine."""
    try:
        shown = subprocess.run([PROGRAM], env=clean_environment({}), capture_output=True, timeout=30, check=False)
    except OSError:
        return False
    return b"blob trigger" in shown.stdout + shown.stderr


@contextmanager
def trigger_before(app: App, connection_string: str, folder: Path) -> Iterator[None]:
    """Let the program deliver uploads to ``app`` while the context lasts."""
    with _served(app) as url:
        env = clean_environment({**SETTINGS, "STORAGE": connection_string, "INVOKE": url})
        child = Child("trigger", [PROGRAM], folder / "trigger.log", env, recognise=_started)
        try:
            child.ready()
            yield
        finally:
            child.end()


@contextmanager
def repeated(act: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call ``act`` every ``seconds`` while the context lasts; what it raises ends the repetition and is raised."""
    over, raised = threading.Event(), []

    def repeat() -> None:
        try:
            while not over.wait(seconds):
                act()
        except Exception as error:  # noqa: BLE001 - raised again below
            raised.append(error)

    thread = threading.Thread(target=repeat, name="timer")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if raised:
        raise raised[0]


def _started(line: str) -> dict[str, str] | None:
    return {"ready": "trigger"} if line.strip() == "started" else None


@contextmanager
def _served(app: App) -> Iterator[str]:
    def uploaded(call: dict[str, Any]) -> None:
        app.pipeline.process(call["container"], call["name"])

    def exhausted(call: dict[str, Any]) -> None:
        report.delivery_exhausted(call["body"].encode())

    functions = {"/item_picture_uploaded": uploaded, "/delivery_exhausted": exhausted}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                functions[self.path](call)
                self.send_response(204)
            except Exception:  # noqa: BLE001 - the app has logged it, and the host delivers again
                self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Log nothing: the app's own lines tell."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="functions")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
