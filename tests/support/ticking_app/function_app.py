"""Loads the app as it is deployed, and adds a timer, which shows that the host works while the app is paused."""

import importlib.util
import json
import logging

import azure.functions as func

from devstack.machine.setup import ROOT

_spec = importlib.util.spec_from_file_location("production", ROOT / "function_app.py")
assert _spec
assert _spec.loader
_production = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_production)
app = _production.app
_log = logging.getLogger("item_picture_sync")


@app.timer_trigger(arg_name="timer", schedule=_production.settings.sweep_schedule)
def tick(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding wants a parameter
    """Say that the sweep would be due."""
    _log.info("%s", json.dumps({"event": "tick"}))
