"""Routes the telemetry page at /: the workbook's panels over the rows that have come in, live."""

import secrets
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, jsonify, request

from devstack.ingestion.received import Received
from devstack.pages import frame
from devstack.telemetry_page.panels import Panels, trace

_LONGEST_MS = 366 * 86_400_000
_PARAMETERS = ("Search", "Operation")  # those of the workbook's that the page can set
_MOST_CHARACTERS = 200
_SECONDS = 30  # after so long, panels are filled again even without new rows: the time span moves


def blueprint(received: Received, workbook: Path) -> Blueprint:
    """Return the page's routes; they show the rows and change nothing."""
    page = frame.page("telemetry", Path(__file__).parent)
    panels, run = Panels(received, workbook), secrets.token_hex(8)

    @page.get("/telemetry/state")
    def state() -> Response:
        span = timedelta(milliseconds=min(request.args.get("span", 3_600_000, type=int), _LONGEST_MS))
        parameters = {name: request.args.get(name, "").strip()[:_MOST_CHARACTERS] for name in _PARAMETERS}
        key = (run, received.count, int(time.time() / _SECONDS), span, parameters)
        etag = sha256(repr(key).encode()).hexdigest()
        if request.if_none_match.contains(etag):
            return Response(status=304)
        response = jsonify(spans=panels.spans(), panels=panels.fill(span, parameters))
        response.set_etag(etag)
        return response

    @page.get("/telemetry/traces/<item_id>")
    def one_trace(item_id: str) -> Response:
        return jsonify(rows=trace(received.since(0)[0], item_id))

    return page
