"""Imports the function app and runs its functions in threads, as a separate program: a stand-in for the worker.

The host writes one line of JSON per call to standard input; the answers, and the app's own lines of JSON, go to
standard output. Whatever else the app prints goes to standard error.
"""

import importlib
import inspect
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import azure.functions as func
import typer

from devstack.functions_host import events, storage, worker_telemetry
from devstack.functions_host.call_context import context_of
from devstack.machine import loopback

_log = logging.getLogger("devstack.functions_host.worker")


class QueueMessage(func.QueueMessage):
    """A message with its dequeue count, as the app reads it."""

    def __init__(self, call: dict[str, Any]) -> None:
        super().__init__(id=call["id"], body=call["body"])
        self._dequeue_count: int = call["dequeue_count"]

    @property
    def dequeue_count(self) -> int:
        """The number of times that this message has been taken."""
        return self._dequeue_count


class TimerRequest(func.TimerRequest):
    """A timer's call; never past due, because missed times are left out."""

    @property
    def past_due(self) -> bool:
        """Whether the call comes late."""
        return False


def _argument(call: dict[str, Any]) -> object:
    if call["kind"] == "blobTrigger":
        service = storage.blobs(call["connection"], os.environ)
        return service.get_blob_client(call["container"], call["blob"])
    return QueueMessage(call) if call["kind"] == "queueTrigger" else TimerRequest()


class _AppLines(logging.Handler):
    """Passes the app's own lines of JSON on unchanged."""

    def emit(self, record: logging.LogRecord) -> None:
        events.write(record.getMessage())


class _AppStorageRequests(logging.Handler):
    """Emits an event for each storage request of the app's own clients, as logged by azure-core."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("Request URL") and "item-picture-sync/" in text:
            method, url = (re.search(rf"^Request {name}: '(.*)'$", text, re.MULTILINE) for name in ("method", "URL"))
            events.emit(event="storage_request", method=method[1] if method else "", url=url[1] if url else "")


def _listen_to_the_app() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)
    for name, handler in (
        ("item_picture_sync", _AppLines()),
        ("azure.core.pipeline.policies.http_logging_policy", _AppStorageRequests()),
    ):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(handler)


def _keep_standard_streams() -> None:
    """Leave standard output to the protocol: what the app, its libraries or its children print goes elsewhere."""
    events.take_over(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    sys.stdin = os.fdopen(os.dup(0), encoding="utf-8")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)


def _run(functions: dict[str, tuple[str, Callable[..., object]]], call: dict[str, Any]) -> None:
    parameter, function = functions[call["function"]]
    context = {"context": context_of(call)} if "context" in inspect.signature(function).parameters else {}
    error = None
    try:
        function(**{parameter: _argument(call)}, **context)
    except Exception as problem:  # noqa: BLE001 - the worker survives whatever a function raises
        _log.exception("%s failed", call["function"])
        error = f"{problem}" or type(problem).__name__
    events.emit(done=call["number"], error=error)


def main(app: Annotated[Path, typer.Argument(help="The folder with function_app.py.")]) -> None:
    """Run the functions of one app until standard input closes."""
    loopback.forbid_everything_else()
    _keep_standard_streams()
    os.chdir(app)
    sys.path.insert(0, str(app))
    worker_telemetry.set_up()
    functions, bindings = {}, []
    for function in importlib.import_module("function_app").app.get_functions():
        binding = function.get_trigger().get_dict_repr()
        functions[function.get_function_name()] = binding["name"], function.get_user_function()
        bindings.append({"name": function.get_function_name(), "binding": _plain(binding)})
    _listen_to_the_app()
    events.emit(functions=bindings)
    # As many threads as the Python worker has.
    threads = ThreadPoolExecutor(int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or 0) or None)
    for line in sys.stdin:
        threads.submit(_run, functions, json.loads(line))
    os._exit(0)  # the host has ended: so do the functions


def _plain(binding: dict[str, Any]) -> dict[str, str]:
    return {key: str(getattr(value, "value", value)) for key, value in binding.items()}


if __name__ == "__main__":
    typer.run(main)
