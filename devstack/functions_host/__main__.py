"""Stands in for the Azure Functions host on one machine, as a separate program. It is not the real host.

It reads ``host.json`` and, from its worker, the bindings of the app; takes messages from queues in batches, calls the
functions in the worker and delivers what fails again. ``docs/local-stack.md`` says how far it is like the real one.

Standard output carries one line of JSON per event; everything else goes to standard error.
"""

import json
import logging
import os
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, NoReturn

import typer

from devstack.functions_host import events, queues, storage
from devstack.functions_host.host_json import HostSettings
from devstack.functions_host.invocation_rows import InvocationRows
from devstack.functions_host.queue_listener import QueueListener
from devstack.functions_host.timers import Singleton, TimerListener
from devstack.functions_host.triggers import BlobTriggers, Function, QueueTrigger, enabled_functions
from devstack.functions_host.worker_process import WORKER_SETTINGS, WorkerProcess
from devstack.functions_host.workers import Workers
from devstack.machine import lifeline, loopback
from devstack.machine.setup import ROOT

_log = logging.getLogger("devstack.functions_host")
HOST_ACCOUNT = "AzureWebJobsStorage"
RECYCLED, LISTENER_ENDED = 3, 4  # exit codes
_RELEASE_SECONDS = 1


def _recycle() -> NoReturn:
    events.emit(event="host_recycled", line="Three workers have ended; the host starts anew.")
    os._exit(RECYCLED)  # like the real one, without releasing what is in flight


def _run(listener: QueueListener | TimerListener) -> None:
    """Run a listener; a host that can no longer listen ends, and is started anew."""
    try:
        listener.run()
    except Exception:  # noqa: BLE001 - whatever it is, the host cannot go on
        _log.exception("A listener has ended")
        os._exit(LISTENER_ENDED)


def _release(singletons: list[Singleton]) -> None:
    """Release all leases, if storage still answers."""
    releases = [Thread(target=singleton.release, daemon=True) for singleton in singletons]
    for release in releases:
        release.start()
    for release in releases:
        release.join(_RELEASE_SECONDS)


def _listeners(
    functions: list[Function], host_json: HostSettings, workers: Workers, visibility: float
) -> list[QueueListener | TimerListener]:
    settings = os.environ
    listeners: list[QueueListener | TimerListener] = []
    triggered = {
        queues.function_id(function.name): (function, storage.blobs(function.binding["connection"], settings))
        for function in functions
        if function.kind == "blobTrigger"
    }
    if triggered:
        poison = storage.queue(next(iter(triggered.values()))[0].binding["connection"], queues.POISON_QUEUE, settings)
        queue = storage.queue(HOST_ACCOUNT, queues.BLOB_QUEUE, settings)
        handler = BlobTriggers(triggered, workers)
        listeners.append(QueueListener(queue, poison, host_json.blobs, handler, visibility))
    for function in functions:
        if function.kind == "queueTrigger":
            connection, name = function.binding["connection"], function.binding["queueName"]
            queue, poison = (storage.queue(connection, each, settings) for each in (name, f"{name}-poison"))
            trigger = QueueTrigger(function, workers)
            listeners.append(QueueListener(queue, poison, host_json.queues, trigger, visibility))
        elif function.kind == "timerTrigger":
            blob = storage.blobs(HOST_ACCOUNT, settings).get_blob_client(
                queues.HOSTS_CONTAINER, f"locks/local/{queues.function_id(function.name)}.Listener"
            )
            listeners.append(TimerListener(function, Singleton(blob), workers))
    return listeners


def main(
    app: Annotated[Path, typer.Option(help="The folder with function_app.py and host.json.")] = ROOT,
    visibility: Annotated[float, typer.Option(help="Seconds for which a message in flight is invisible.")] = 600,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Run the function app in a folder against the storage accounts in its settings."""
    loopback.forbid_everything_else()
    singletons: list[Singleton] = []
    if with_parent:
        lifeline.end_with_parent(first=lambda: _release(singletons))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    own = json.loads(os.environ.pop(WORKER_SETTINGS, "{}"))
    settings = {**os.environ, **own}
    host_json = HostSettings.read(app / "host.json")
    rows = InvocationRows(settings, has_telemetry=host_json.has_telemetry)
    workers = Workers(
        lambda on_end: WorkerProcess(app, settings, events.write, on_end), _recycle, host_json.timeout, rows
    )
    functions = enabled_functions(workers.functions(), settings)
    for listener in _listeners(functions, host_json, workers, visibility):
        singletons += [listener.singleton] if isinstance(listener, TimerListener) else []
        Thread(target=_run, args=[listener], daemon=True).start()
    lifeline.announce(ready="host", functions=" ".join(function.name for function in functions))
    Event().wait()


if __name__ == "__main__":
    typer.run(main)
